"""A folder that a command fills: free, writable, and nobody else's meanwhile."""

import fcntl
import logging
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from streetseg.errors import RequestError

log = logging.getLogger("streetseg")

# In the folder, and it stays there with what is written; the kernel takes the lock off it when the process ends.
LOCK = ".lock"


def refuse_folder(folder: Path, what: str, *, resume: bool) -> None:
    """Find out, with nothing written, whether a command may fill `folder`.

    Args:
        what: the folder in words, e.g. "the run folder".
        resume: it may hold something.

    Raises:
        RequestError: if it is a file, cannot be written, is in use, or is not empty.
    """
    if folder.exists() and not folder.is_dir():
        raise RequestError(f"{what} is a file", where=folder, hint="choose another with --out")
    nearest = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        reason = f"no writing in {nearest}" if nearest.is_dir() else f"{nearest} is a file"
        raise RequestError(f"{what} cannot be written ({reason})", where=folder, hint="choose another with --out")
    if (folder / LOCK).is_file():
        with (folder / LOCK).open("rb") as lock:
            take(lock.fileno(), fcntl.LOCK_SH, folder, what)
    if not resume and folder.exists() and any(path.name != LOCK for path in folder.iterdir()):
        raise RequestError(
            f"{what} is not empty", where=folder, hint="go on with --resume, or choose another folder with --out"
        )


@contextmanager
def folder_in_use(folder: Path, what: str) -> Iterator[None]:
    """Inside `with`, the folder is there, and no other process gets it. Where nothing was written into it, it goes.

    Raises:
        RequestError: if it cannot be written, or is in use.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("a+b")
    except OSError as error:
        raise RequestError(f"{what} cannot be written ({error.strerror})", where=folder) from error
    with lock:
        take(lock.fileno(), fcntl.LOCK_EX, folder, what)
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {socket.gethostname()}".encode())
        lock.flush()
        try:
            yield
        finally:
            remove_unused(folder, made)


def remove_unused(folder: Path, made: Sequence[Path]) -> None:
    """Remove the lock of a folder that holds nothing else, and the folders made for it, the innermost first."""
    with suppress(OSError):  # it is gone already, or a folder on the way holds something by now
        if [path.name for path in folder.iterdir()] == [LOCK]:
            (folder / LOCK).unlink()
            for place in made:
                place.rmdir()


def take(lock: int, kind: int, folder: Path, what: str) -> None:
    """Lock an open file, without waiting. Raises RequestError if another process has it."""
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = (folder / LOCK).read_text(encoding="utf-8", errors="replace")
        raise RequestError(
            f"{what} is in use by {holder or 'another process'}",
            where=folder,
            hint="wait for it, or choose another folder with --out",
        ) from error
    except OSError as error:  # some network file systems cannot
        log.warning("%s cannot be locked (%s): let no other process use it", folder, error.strerror)
