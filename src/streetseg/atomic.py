"""Files and folders that are either there whole or not at all.

A reader never meets half a file: the bytes go to a temporary name in the same folder, are flushed to the disk, and
take the file's place in one rename; then the folder itself is flushed, so that the rename survives a power cut.
"""

import ctypes
import hashlib
import math
import os
import secrets
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from streetseg.text import json_text

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # fcntl.h, linux/fs.h


def atomic_write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`, replacing what is there in one step. Raises OSError and then leaves `path` as it was."""
    atomic_write_files({path: data})


def atomic_write_files(contents: Mapping[Path, bytes]) -> None:
    """Write files that belong together, replacing what is there; a reader begins with the last of them.

    That one is away while the others take their places, and comes when they have: it never stands beside those that
    belong to another, wherever this ends.

    Raises:
        OSError: one of them cannot be written; what was there is then as it was.
    """
    temporaries = {path: _temporary(path) for path in contents}
    *others, last = contents
    try:
        for path, temporary in temporaries.items():
            with temporary.open("xb") as file:
                file.write(contents[path])
                file.flush()
                os.fsync(file.fileno())
        if others and last.exists():
            last.unlink()
            _fsync(last.parent)
        for path, temporary in temporaries.items():
            temporary.replace(path)
            _fsync(path.parent)
    finally:
        for temporary in temporaries.values():
            temporary.unlink(missing_ok=True)


def atomic_write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, replacing what is there in one step."""
    atomic_write_bytes(path, text.encode())


def atomic_write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON of visible characters, NaN and infinities as null, replacing what is there."""
    atomic_write_text(path, json_text(without_nan(value)) + "\n")


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A new folder to fill; it takes the place of the folder `path` when the block ends without an error.

    Raises:
        OSError: `path` is then as it was.
    """
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(f"a file stands where a folder is to be written: {path}")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    temporary.mkdir()
    try:
        yield temporary
        for inner in (*temporary.rglob("*"), temporary):
            _fsync(inner)
        if path.exists():
            _exchange(temporary, path)
        else:
            temporary.rename(path)
        _fsync(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)  # what was not finished, or what was replaced


def remove_folder(path: Path) -> None:
    """Remove a folder; nobody ever meets half of it."""
    doomed = _temporary(path)
    path.rename(doomed)
    shutil.rmtree(doomed)


def remove_leftovers(folder: Path) -> None:
    """Remove what writers that were killed have left in `folder`; nobody may be writing there."""
    for left in folder.glob(".*.tmp"):
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def without_nan(value: Any) -> Any:
    """The same nest of dicts, lists and numbers with None where a float is not finite, as JSON has no NaN."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _temporary(path: Path) -> Path:
    """A new name beside `path`: hidden, so that no glob meets it, and short, so that it fits wherever `path` does."""
    return path.parent / f".{secrets.token_hex(8)}.tmp"


def _exchange(new: Path, old: Path) -> None:
    """Swap two folders' names in one step (renameat2 of Linux), or in three where system or file system cannot."""
    if not (sys.platform == "linux" and _exchange_at_once(new, old)):
        exchange_in_steps(new, old)


def _exchange_at_once(new: Path, old: Path) -> bool:
    """Swap two names by Linux's own call; False, and nothing done, where C library or file system lack it."""
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None)
    names = (_AT_FDCWD, os.fsencode(new), _AT_FDCWD, os.fsencode(old))
    return renameat2 is not None and renameat2(*names, _RENAME_EXCHANGE) == 0


def exchange_in_steps(new: Path, old: Path) -> None:
    """Swap two folders' names with plain renames; for a moment between them there is nothing at `old`."""
    retired = _temporary(old)
    old.rename(retired)
    try:
        new.rename(old)
    except BaseException:
        retired.rename(old)
        raise
    retired.rename(new)


def _fsync(path: Path) -> None:
    """Flush a written file, or a folder's entries, to the disk."""
    # Windows flushes no folders, and files only where they are open for writing.
    if sys.platform == "win32" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
