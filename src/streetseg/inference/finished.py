"""The record of the images that a prediction has finished, so that a command that was killed repeats none of them."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from streetseg.atomic import sha256 as sha256_of_file
from streetseg.models.formats import bundle_folder, format_of


class FinishedImages:
    """The finished images of one request, as lines of files in the folder of the results.

    A line is written after the results of its image. Each process of a request writes its own file and reads those of
    all. Another request (other model, views or kinds of results) has other files.

    Args:
        out: the folder of the results.
        request: what the results depend on besides the images, as JSON can hold it.
        part: the name of this process among those of the request; it may hold letters, digits and hyphens.
    """

    def __init__(self, out: Path, request: Mapping[str, Any], part: str = "all") -> None:
        self._out = out
        self._key = sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:16]
        self._file = out / f".finished-{self._key}-{part}.jsonl"

    def rest(self, files: Mapping[Path, str], results: Mapping[Path, Mapping[str, Path]]) -> dict[Path, str]:
        """Return the images that are not finished: changed since, without a line, or without one of their results."""
        finished = set()
        for file in self._out.glob(f".finished-{self._key}-*.jsonl"):
            finished.update(file.read_bytes().splitlines())  # a line that was cut by a kill equals none
        return {
            path: name
            for path, name in files.items()
            if _line(path, name) not in finished or not all(target.exists() for target in results[path].values())
        }

    def add(self, path: Path, name: str) -> None:
        """Write down that the results of an image are whole."""
        with self._file.open("ab") as file:
            file.write(b"\n" + _line(path, name) + b"\n")  # the first ends a line that was cut

    def forget(self) -> None:
        """Delete the file of this process: the request is done, and the same request means to do it again."""
        self._file.unlink(missing_ok=True)


def model_digest(path: Path) -> str:
    """Return a text that changes when a file of a model does, the same on every machine."""
    if (folder := bundle_folder(path)) is not None:
        files = [folder / "model.json", folder / "weights.safetensors"]
    else:
        form = format_of(path)
        files = form.files(path) if form else [path]
    return " ".join(sha256_of_file(file) for file in files if file.is_file())


def _line(path: Path, name: str) -> bytes:
    """Return the line of an image; it changes when the file does."""
    status = path.stat()
    return json.dumps([name, status.st_size, status.st_mtime_ns]).encode()
