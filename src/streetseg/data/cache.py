"""The folder for files that are kept between commands, also for a user without a home or a name, as in a container."""

import getpass
import os
import tempfile
from pathlib import Path

from streetseg.errors import RequestError

# The cache folders of libraries that stand in the home otherwise, and the variable that names each.
OF_LIBRARIES = {"HF_HOME": "huggingface", "TORCH_HOME": "torch"}


def serve_homeless() -> None:
    """Give the libraries that a command imports later a user name and cache folders, where the system has none."""
    try:
        getpass.getuser()
    except (KeyError, OSError, ImportError):  # by version of Python and system
        os.environ["USER"] = f"user-{_user_number()}"
    if home_cache() is not None:
        return
    for variable, name in OF_LIBRARIES.items():
        if variable not in os.environ and not _has_cached(name):
            try:
                os.environ[variable] = str(temporary_cache() / name)
            except RequestError:  # said by the command that needs a cache, and others need none
                return


def user_cache() -> Path | None:
    """Return the folder that the system has for this user's caches; None where there is none that can be written to.

    $XDG_CACHE_HOME or ~/.cache on Linux, ~/Library/Caches on macOS, %LOCALAPPDATA% on Windows.
    """
    from platformdirs import user_cache_path  # most commands keep nothing

    try:
        folder = user_cache_path()
    except RuntimeError:  # neither HOME nor an entry for the user
        return None
    if not folder.is_absolute():  # XDG_CACHE_HOME is relative: the specification says to ignore it
        return home_cache()
    return folder if _can_be_written(folder) else None


def home_cache() -> Path | None:
    """Return .cache in the user's home, where libraries keep files on every system; None where there is no home, or it
    cannot be written to."""
    try:
        cache = Path.home() / ".cache"
    except RuntimeError:  # neither HOME nor an entry for the user
        return None
    return cache if _can_be_written(cache) else None


def temporary_cache() -> Path:
    """Return a folder of this user's own among the temporary files, made where it is missing.

    Raises:
        RequestError: it cannot be made, or is somebody else's.
    """
    try:
        folder = Path(tempfile.gettempdir()) / f"streetseg-{_user_number()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.is_symlink() or folder.stat().st_uid != _user_number() or not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(f"{folder} belongs to somebody else")
    except OSError as error:
        raise RequestError(
            f"neither the home folder nor the temporary one can be written to ({error.strerror or error})",
            where="the cache folder",
            hint="STREETSEG_CACHE=DIR names a folder to keep decoded images in",
        ) from error
    return folder


def _user_number() -> int:
    """The user's number, which owns files; 0 on Windows, where files say 0 and the temporary folder is the user's."""
    return os.getuid() if hasattr(os, "getuid") else 0


def _can_be_written(folder: Path) -> bool:
    """Return whether a folder, or the nearest one above it that is there, can be written to."""
    nearest = next(place for place in (folder, *folder.absolute().parents) if os.access(place, os.F_OK))
    return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)


def _has_cached(name: str) -> bool:
    """Return whether a home that can only be read holds files of a library."""
    try:
        return (Path.home() / ".cache" / name).is_dir()
    except (RuntimeError, OSError):
        return False
