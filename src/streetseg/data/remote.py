"""Read files of object stores and web servers through fsspec, the optional dependency [remote].

An address is a text with "://", such as s3://bucket/folder. Credentials and endpoints come from where the client of the
object store looks for them: for S3 the variables, files and roles of AWS.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from streetseg.errors import DataError, RequestError

_INSTALL = "pip install 'streetseg[remote]'"
_LOGIN = "AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY name the account, AWS_ENDPOINT_URL the server"
_PIECE = 2**24  # bytes of one request of a download


def is_remote(place: str) -> bool:
    """Return whether a place is an address."""
    return "://" in place


def read_range(address: str, start: int, size: int) -> bytes:
    """Return `size` bytes from `start`, fewer at the end of the file. Raise DataError if they cannot be read."""
    with _opened(address) as (system, path):
        content: bytes = system.cat_file(path, start=start, end=start + size)
    if len(content) > size:  # servers that know no ranges send the whole file
        raise DataError("the server sends no parts of files", where=address, hint="copy the folder to this machine")
    return content


def read_whole(address: str) -> bytes:
    """Return all bytes of a small file. Raise DataError if it cannot be read."""
    with _opened(address) as (system, path):
        content: bytes = system.cat_file(path)
        return content


def sizes_in(address: str) -> dict[str, int] | None:
    """Return name -> size of the files in a remote folder; None for web servers, which list no folders."""
    if address.lower().startswith(("http://", "https://")):
        return None
    with _opened(address) as (system, path):
        system.invalidate_cache()  # a listing may be old
        return {entry["name"].rpartition("/")[2]: entry["size"] for entry in system.ls(path, detail=True)}


def pieces(address: str, start: int, end: int) -> Iterator[bytes]:
    """Yield the bytes of a file from `start` to `end`. Raise DataError if they cannot be read."""
    for first in range(start, end, _PIECE):
        yield read_range(address, first, min(_PIECE, end - first))


@contextmanager
def _opened(address: str) -> Iterator[tuple[Any, str]]:
    """Yield the file system of an address and the path in it. Errors become DataError and RequestError.

    fsspec keeps one file system for each process and server, with its open connections.
    """
    protocol = address.partition("://")[0]
    try:
        import fsspec

        system, path = fsspec.core.url_to_fs(address)
    except ImportError as failure:
        hint = _INSTALL if (failure.name or protocol) in ("fsspec", "s3", "s3fs", "http", "https") else str(failure)
        raise RequestError(
            f"{protocol}:// needs a package that is not installed", where=address, hint=hint
        ) from failure
    except ValueError as failure:
        hint = "s3:// and https:// are read, and what else fsspec reads"
        raise RequestError(f"the address cannot be used ({failure})", where=address, hint=hint) from failure
    try:
        yield system, path
    except (DataError, RequestError):
        raise
    except FileNotFoundError as failure:
        raise DataError(
            "file not found", where=address, hint="was everything uploaded? is the name correct?"
        ) from failure
    # Every client has exceptions of its own; those of S3 are told apart by name, because importing them takes a second.
    except Exception as failure:
        kind, text = type(failure).__name__, " ".join(str(failure).split()) or type(failure).__name__
        if isinstance(failure, PermissionError) or "Credentials" in kind:
            raise DataError(f"no access ({text})", where=address, hint=_LOGIN) from failure
        hint = "check the connection and the address of the server; the same command goes on"
        raise DataError(f"file cannot be read over the network ({text})", where=address, hint=hint) from failure
