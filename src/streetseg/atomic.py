"""Atomic writing of files and folders: a reader sees the old content or the new one, never a part of it.

The bytes go to a temporary file in the same folder and are flushed to the disk. One rename then replaces the file, and
the folder is flushed, so that the rename survives a power failure.
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
    """Write a file and replace an old one in one step. Raises OSError; the old file is then unchanged."""
    atomic_write_files({path: data})


def atomic_write_files(contents: Mapping[Path, bytes]) -> None:
    """Write files that belong together and replace the old ones.

    A reader must open the last file first. The old last file is removed before the other files are replaced, and the
    new one is put in place after them. So the last file never stands beside files of another version, even if the
    process is killed in between.

    Raises:
        OSError: a file cannot be written. If the disk is full, this happens before an old file is replaced.
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
    """Write a text as UTF-8 and replace an old file in one step."""
    atomic_write_bytes(path, text.encode())


def atomic_write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON, NaN and infinities as null, and replace an old file in one step."""
    atomic_write_text(path, json_text(without_nan(value)) + "\n")


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder to fill. It replaces the folder `path` if the block ends without an error.

    Raises:
        OSError: the folder cannot be written; `path` is then unchanged.
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
        shutil.rmtree(temporary, ignore_errors=True)  # the unfinished folder, or the old one


def remove_folder(path: Path) -> None:
    """Remove a folder. It is renamed first, so that a reader never sees a part of it."""
    temporary = _temporary(path)
    path.rename(temporary)
    shutil.rmtree(temporary)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files and folders of killed processes. No other process may write to `folder` meanwhile."""
    for leftover in folder.glob(".*.tmp"):
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def without_nan(value: Any) -> Any:
    """Return nested dicts, lists and numbers with None for each float that is not finite: JSON has no NaN."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _temporary(path: Path) -> Path:
    """Return a new path beside `path`: hidden, so that no glob matches it, and short, so that it is never too long."""
    return path.parent / f".{secrets.token_hex(8)}.tmp"


def _exchange(new: Path, old: Path) -> None:
    """Swap two folders in one step (renameat2 of Linux), or in three steps where system or file system cannot."""
    if not (sys.platform == "linux" and _exchange_at_once(new, old)):
        exchange_in_steps(new, old)


def _exchange_at_once(new: Path, old: Path) -> bool:
    """Swap two folders with renameat2. Return False, with nothing done, where C library or file system lack it."""
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None)
    names = (_AT_FDCWD, os.fsencode(new), _AT_FDCWD, os.fsencode(old))
    return renameat2 is not None and renameat2(*names, _RENAME_EXCHANGE) == 0


def exchange_in_steps(new: Path, old: Path) -> None:
    """Swap two folders with three renames. Between the first and the second, `old` does not exist."""
    temporary = _temporary(old)
    old.rename(temporary)
    try:
        new.rename(old)
    except BaseException:
        temporary.rename(old)
        raise
    temporary.rename(new)


def _fsync(path: Path) -> None:
    """Flush a written file, or the entries of a folder, to the disk."""
    # Windows cannot flush a folder, and flushes a file only through a descriptor that is open for writing.
    if sys.platform == "win32" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
