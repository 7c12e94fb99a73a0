"""Output folders: check, lock and create them; and errors that name the missing disk space."""

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

# The lock file stays in the folder. The system releases the lock when the process ends, also when it is killed.
LOCK = ".lock"
# The name of the process that holds the lock; a separate file, because Windows does not let others read a locked file.
HOLDER = ".lock-holder"


def check_folder(folder: Path, what: str, *, resume: bool) -> None:
    """Check whether a command may write to a folder. Write nothing.

    Args:
        folder: need not exist.
        what: the folder in words, e.g. "the run folder".
        resume: the folder may hold files.

    Raises:
        RequestError: `folder` is a file, cannot be written, is in use, or is not empty.
    """
    if folder.exists() and not folder.is_dir():
        raise RequestError(f"{what} is a file", where=folder, hint="choose another with --out")
    nearest = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        reason = f"no writing in {nearest}" if nearest.is_dir() else f"{nearest} is a file"
        raise RequestError(f"{what} cannot be written ({reason})", where=folder, hint="choose another with --out")
    if (folder / LOCK).is_file():
        lock_folder(folder, what).release()
    if not resume and folder.exists() and any(path.name not in (LOCK, HOLDER) for path in folder.iterdir()):
        raise RequestError(
            f"{what} is not empty", where=folder, hint="go on with --resume, or choose another folder with --out"
        )


@contextmanager
def folder_in_use(folder: Path, what: str) -> Iterator[None]:
    """Create a folder and lock it for the block; remove it afterwards if the block wrote nothing into it.

    Raises:
        RequestError: the folder cannot be written, or another process uses it.
    """
    created = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(f"{what} cannot be written ({error.strerror})", where=folder) from error
    lock, holder = lock_folder(folder, what), folder / HOLDER
    try:
        holder.write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        if sys.platform == "win32":
            # Windows cannot remove an open file; so it also keeps a lock that another process has opened meanwhile.
            lock.release()
        remove_unused(folder, created)
        lock.release()


def remove_unused(folder: Path, created: Sequence[Path]) -> None:
    """Remove the lock of a folder that holds nothing else, and the folders that were created for it.

    Args:
        created: the folders to remove, the innermost first.
    """
    with suppress(OSError):  # the folder is already removed, or a parent is no longer empty
        if {path.name for path in folder.iterdir()} <= {LOCK}:
            (folder / LOCK).unlink(missing_ok=True)
            for parent in created:
                parent.rmdir()


def lock_folder(folder: Path, what: str) -> FileLock:
    """Lock a folder without waiting, and return the lock.

    On a file system without locks, a warning says so.

    Raises:
        RequestError: another process holds the lock, or the lock file cannot be written.
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
    except (OSError, NotImplementedError) as error:  # some network file systems have no locks
        log.warning("%s cannot be locked (%s): let no other process use it", folder, error)
    return lock


def holder_of(folder: Path) -> str:
    """Return the name of the process that holds the lock of a folder, as that process wrote it."""
    with suppress(OSError):
        if name := (folder / HOLDER).read_text(encoding="utf-8", errors="replace"):
            return name
    return "another process"


@contextmanager
def free_space_for(path: Path, needed: int) -> Iterator[None]:
    """Turn an OSError of the block into an error that says how many bytes are needed and how many are free.

    Args:
        path: the file or folder to write, in a folder that exists.
        needed: its size in bytes.

    Raises:
        TrainingError: the block raised OSError.
    """
    try:
        yield
    except OSError as error:
        raise TrainingError(
            f"cannot be saved: {needed:,} bytes are needed, {shutil.disk_usage(path.parent).free:,} bytes are free "
            f"({error.strerror or error})",
            where=path,
            hint="earlier files are kept; free disk space and continue the run with --resume",
        ) from error
