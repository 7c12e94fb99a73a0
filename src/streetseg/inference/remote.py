"""Images that are no files on this machine yet: addresses of the web, stdin, and lists of images in a text file."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit

from streetseg.data.download import FetchError, download
from streetseg.data.files import FileError
from streetseg.errors import RequestError

MAX_BYTES = 2**28  # of one image from the web or stdin


@contextmanager
def gathered(inputs: Sequence[str]) -> Iterator[tuple[dict[str, str], list[FileError]]]:
    """Yield names of files, each with the input that it stands for, and the errors of those that could not be fetched.

    Args:
        inputs: `@LIST.txt` stands for the inputs in that file, one a line; an http or https address and `-` (stdin) are
            written to a temporary folder, which is deleted after the block.

    Raises:
        RequestError: a list cannot be read.
    """
    places: dict[str, str] = {}
    failed: list[FileError] = []
    with TemporaryDirectory(prefix="streetseg-") as folder:
        for number, text in enumerate(_with_lists(inputs)):
            own = Path(folder) / f"{number:06}"  # a folder for each, so that equal names do not meet
            try:
                if text == "-":
                    places[str(_from_stdin(own))] = text
                elif text.lower().startswith(("http://", "https://")):
                    places[str(_from_web(text, own))] = text
                else:
                    places[text] = text
            except FileError as error:
                failed.append(error)
        yield places, failed


def _with_lists(inputs: Sequence[str]) -> Iterator[str]:
    for text in inputs:
        if not text.startswith("@") or Path(text).exists():
            yield text
            continue
        try:
            lines = Path(text[1:]).read_text("utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            problem = f"list of images cannot be read ({getattr(error, 'strerror', None) or error})"
            raise RequestError(problem, where=text[1:], hint="a text file in UTF-8 with one input a line") from error
        yield from filter(None, map(str.strip, lines))


def _from_stdin(folder: Path) -> Path:
    folder.mkdir()
    data = sys.stdin.buffer.read(MAX_BYTES + 1)
    if not data or len(data) > MAX_BYTES:
        problem = f"image is larger than {MAX_BYTES >> 20} MiB" if data else "no bytes"
        raise FileError("-", problem, hint="give the name of the file")
    path = folder / "stdin"
    path.write_bytes(data)
    return path


def _from_web(url: str, folder: Path) -> Path:
    """Download an image of at most `MAX_BYTES`. Raise FileError if that fails."""
    folder.mkdir()
    path = folder / (PurePosixPath(unquote(urlsplit(url).path)).name or "image")

    def require_small(done: int, total: int | None) -> None:
        if max(done, total or 0) > MAX_BYTES:
            raise FileError(url, f"image is larger than {MAX_BYTES >> 20} MiB", hint="download it, and name the file")

    try:
        download(url, path, on_bytes=require_small, waits=())
    except (FetchError, RequestError) as error:
        raise FileError(url, error.problem, hint="is the address right?") from error
    return path
