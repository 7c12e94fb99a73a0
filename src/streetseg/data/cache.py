"""The cache folder: where files are kept between commands. Works for users without a home or a name (containers)."""

import getpass
import os
import tempfile
from pathlib import Path

from streetseg.errors import RequestError

# Environment variable -> cache folder of a library, which lies in the user's home by default.
LIBRARY_CACHES = {"HF_HOME": "huggingface", "TORCH_HOME": "torch"}


def serve_homeless() -> None:
    """Set a user name and cache folders for libraries that are imported later, if the system has none."""
    try:
        getpass.getuser()
    except (KeyError, OSError, ImportError):  # which one depends on the system and the version of Python
        os.environ["USER"] = f"user-{_user_number()}"
    if home_cache() is not None:
        return
    for variable, name in LIBRARY_CACHES.items():
        if variable not in os.environ and not _has_cached(name):
            try:
                os.environ[variable] = str(temporary_cache() / name)
            except RequestError:  # a command that needs a cache raises it again; other commands need none
                return


def user_cache() -> Path | None:
    """Return the cache folder of the system for this user; None if there is none that can be written to.

    $XDG_CACHE_HOME or ~/.cache on Linux, ~/Library/Caches on macOS, %LOCALAPPDATA% on Windows.
    """
    from platformdirs import user_cache_path  # here, as most commands do not need it

    try:
        folder = user_cache_path()
    except RuntimeError:  # HOME is not set and the user is unknown
        return None
    if not folder.is_absolute():  # the XDG specification says to ignore a relative XDG_CACHE_HOME
        return home_cache()
    return folder if _can_be_written(folder) else None


def home_cache() -> Path | None:
    """Return .cache in the user's home, which libraries use on every system; None if there is no home or it cannot be
    written to."""
    try:
        cache = Path.home() / ".cache"
    except RuntimeError:  # HOME is not set and the user is unknown
        return None
    return cache if _can_be_written(cache) else None


def temporary_cache() -> Path:
    """Return this user's folder in the system's temporary folder. Create it if it is missing.

    Raises:
        RequestError: it cannot be created, or belongs to another user.
    """
    try:
        folder = Path(tempfile.gettempdir()) / f"streetseg-{_user_number()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.is_symlink() or folder.stat().st_uid != _user_number() or not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(f"{folder} belongs to another user")
    except OSError as error:
        raise RequestError(
            f"neither the home folder nor the temporary one can be written to ({error.strerror or error})",
            where="the cache folder",
            hint="STREETSEG_CACHE=DIR names a folder to keep decoded images in",
        ) from error
    return folder


def _user_number() -> int:
    """Return the id of the user; 0 on Windows, where st_uid is 0 and the temporary folder belongs to the user."""
    return os.getuid() if hasattr(os, "getuid") else 0


def _can_be_written(folder: Path) -> bool:
    """Return whether a folder, or else its closest existing parent, can be written to."""
    nearest = next(place for place in (folder, *folder.absolute().parents) if os.access(place, os.F_OK))
    return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)


def _has_cached(name: str) -> bool:
    """Return whether the user's home, which cannot be written to, holds cached files of a library."""
    try:
        return (Path.home() / ".cache" / name).is_dir()
    except (RuntimeError, OSError):
        return False
