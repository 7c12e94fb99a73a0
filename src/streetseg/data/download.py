"""A file from an address of the web, continued where an earlier download was cut.

Our own because pooch and torch.hub start a cut download again from its first byte.
"""

import errno
import hashlib
import logging
import time
from collections.abc import Callable, Collection, Sequence
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from streetseg.errors import RequestError, StreetsegError

log = logging.getLogger("streetseg")

OnBytes = Callable[[int, int | None], None]
"""Called with the bytes that are there and the bytes in all, None where the server does not say."""

TIMEOUT = 30.0  # seconds without a byte
_CHUNK = 1 << 18
_DISK = {getattr(errno, name) for name in ("EACCES", "EDQUOT", "EFBIG", "ENOSPC", "EROFS") if hasattr(errno, name)}
_RETRY_WAITS = (1.0, 3.0, 10.0)  # seconds before a cut download is continued


class FetchError(StreetsegError):
    """A data set could not be downloaded. What has arrived is kept, and the next try continues from there."""


def download(
    url: str,
    part: Path,
    *,
    size: int | None = None,
    md5: str | None = None,
    on_bytes: OnBytes = lambda done, total: None,
    waits: Sequence[float] | None = None,
) -> None:
    """Download `url` to the file `part`, continuing where the file ends.

    Args:
        size: bytes that the file must have; None where unknown.
        md5: its MD5 sum in hexadecimal; None where unknown.
        waits: seconds to wait before each further try after the connection was cut; None: the usual ones.

    Raises:
        FetchError: there is no such file, no connection, no space, or other content than expected. Wrong content is
            deleted, everything else is kept.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise RequestError("an address begins with https://", where=url)
    for wait in (*(_RETRY_WAITS if waits is None else waits), None):
        try:
            _continue(url, part, on_bytes)
            break
        except (OSError, HTTPException) as error:
            failed = _explained(error, url, part)
            if wait is None or not _passes(error):
                raise failed from error
            log.warning("%s; continued in %g s", failed.problem, wait)
            time.sleep(wait)
    found = part.stat().st_size
    if size is not None and found != size:
        delete_download(part)
        raise FetchError(f"the file has {found:,} bytes, expected {size:,}", where=url, hint="try --mirror URL")
    if md5 is not None and (sum_found := _md5(part)) != md5:
        delete_download(part)
        raise FetchError(f"the file has the MD5 sum {sum_found}, expected {md5}", where=url, hint="try --mirror URL")


def _continue(url: str, part: Path, on_bytes: OnBytes) -> None:
    """Append to `part` what is missing. The server's tag of the file tells whether it is still the same one."""
    beside = tag_file(part)
    here = part.stat().st_size if part.exists() else 0
    tag = beside.read_text("utf-8") if here and beside.exists() else None
    headers = {"User-Agent": "streetseg", "Accept-Encoding": "identity"}
    if tag:
        headers |= {"Range": f"bytes={here}-", "If-Range": tag}
    try:
        answer = urlopen(Request(url, headers=headers), timeout=TIMEOUT)
    except HTTPError as error:
        if error.code == 416 and tag:  # nothing is missing
            return
        raise
    with answer:
        continued = answer.status == 206
        length = answer.headers.get("Content-Length")
        here = here if continued else 0
        total = here + int(length) if length else None
        if not continued:
            part.unlink(missing_ok=True)
            beside.write_text(answer.headers.get("ETag") or answer.headers.get("Last-Modified") or "", "utf-8")
        with part.open("ab") as file:
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                here += len(chunk)
                on_bytes(here, total)
    if total is not None and here < total:
        raise ConnectionError(f"the connection was cut after {here:,} of {total:,} bytes")


def tag_file(part: Path) -> Path:
    """Return the file beside a download that holds the server's tag of it."""
    return part.with_name(part.name + ".tag")


def _passes(error: Exception) -> bool:
    """Return whether another try may help."""
    if isinstance(error, HTTPError):
        return error.code in (408, 429, 500, 502, 503, 504)
    return isinstance(error, (ConnectionError, TimeoutError, HTTPException))


def _explained(error: Exception, url: str, part: Path) -> FetchError:
    kept = "what has arrived is kept: the same command continues"
    match error:
        case HTTPError():
            reason = f"the server answers {error.code} {error.reason}"
            hint = "the address may have moved: try --mirror URL" if error.code in (403, 404, 410) else kept
            return FetchError(reason, where=url, hint=hint)
        case URLError():
            return FetchError(f"no connection ({error.reason})", where=url, hint="is there a network? " + kept)
        case OSError() if error.errno in _DISK:
            return FetchError(f"the file cannot be written ({error.strerror})", where=part, hint=kept)
        case TimeoutError():
            return FetchError(f"no byte came for {TIMEOUT:g} s", where=url, hint=kept)
        case _:
            return FetchError(str(error) or type(error).__name__, where=url, hint=kept)


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def delete_download(part: Path) -> None:
    """Delete a download and its tag, if they are there."""
    part.unlink(missing_ok=True)
    tag_file(part).unlink(missing_ok=True)


def require_free(out: Path, own: Collection[str] = ()) -> None:
    """Raise RequestError if a folder to fill is a file, or holds others than the files named `own`."""
    if out.exists() and not out.is_dir():
        raise RequestError("the folder to fill is a file", where=out)
    if out.is_dir() and any(path.name not in own for path in out.iterdir()):
        raise RequestError("the folder is not empty", where=out, hint="choose a new one with --out")
