"""Folders that a command fills: free, writable, and nobody else's meanwhile; and writes that name missing space."""

import logging
import os
import shutil
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from streetseg.errors import RequestError, TrainingError

log = logging.getLogger("streetseg")

# In the folder, and it stays there with what is written; the kernel takes the lock off it when the process ends.
LOCK = ".lock"
# Who has the lock, in a file of its own: Windows lets nobody read a locked one.
HOLDER = ".lock-holder"


def check_folder(folder: Path, what: str, *, resume: bool) -> None:
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
        take(folder, what).release()
    if not resume and folder.exists() and any(path.name not in (LOCK, HOLDER) for path in folder.iterdir()):
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
    except OSError as error:
        raise RequestError(f"{what} cannot be written ({error.strerror})", where=folder) from error
    lock, holder = take(folder, what), folder / HOLDER
    try:
        holder.write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        if sys.platform == "win32":
            lock.release()  # Windows removes no open file, and so no lock that another process has by then
        remove_unused(folder, made)
        lock.release()


def remove_unused(folder: Path, made: Sequence[Path]) -> None:
    """Remove the lock of a folder that holds nothing else, and the folders made for it, the innermost first."""
    with suppress(OSError):  # it is gone already, or a folder on the way holds something by now
        if {path.name for path in folder.iterdir()} <= {LOCK}:
            (folder / LOCK).unlink(missing_ok=True)
            for place in made:
                place.rmdir()


def take(folder: Path, what: str) -> FileLock:
    """Lock a folder, without waiting, until the lock is released.

    Raises:
        RequestError: if another process has it, or the lock cannot be written.
    """
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise RequestError(
            f"{what} is in use by {holder_of(folder)}",
            where=folder,
            hint="wait for it, or choose another folder with --out",
        ) from error
    except PermissionError as error:
        raise RequestError(f"{what} cannot be written ({error.strerror})", where=folder / LOCK) from error
    except (OSError, NotImplementedError) as error:  # some network file systems cannot
        log.warning("%s cannot be locked (%s): let no other process use it", folder, error)
    return lock


def holder_of(folder: Path) -> str:
    """Name the process that has a folder, as it wrote itself."""
    with suppress(OSError):
        if written := (folder / HOLDER).read_text(encoding="utf-8", errors="replace"):
            return written
    return "another process"


@contextmanager
def room_for(path: Path, needed: int) -> Iterator[None]:
    """Turns a write inside that fails into an error that says how many bytes are needed and how many are free.

    Args:
        path: what is written, in a folder that exists.
        needed: bytes it takes.

    Raises:
        TrainingError
    """
    try:
        yield
    except OSError as error:
        raise TrainingError(
            f"cannot be saved: {needed:,} bytes are needed, {shutil.disk_usage(path.parent).free:,} bytes are free "
            f"({error.strerror or error})",
            where=path,
            hint="what was saved before is kept; make room and take the run up again with --resume",
        ) from error
