"""Where files can be kept between commands, also for a user without a home or a name, as in a container."""

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
        os.environ["USER"] = f"user-{os.getuid()}"
    if home_cache() is not None:
        return
    for variable, name in OF_LIBRARIES.items():
        if variable not in os.environ and not _has_cached(name):
            try:
                os.environ[variable] = str(temporary_cache() / name)
            except RequestError:  # said by the command that needs a cache, and others need none
                return


def home_cache() -> Path | None:
    """Return the cache folder in the user's home; None where there is no home, or it cannot be written to."""
    try:
        cache = Path.home() / ".cache"
    except RuntimeError:  # neither HOME nor an entry for the user
        return None
    nearest = next(place for place in (cache, *cache.absolute().parents) if os.access(place, os.F_OK))
    return cache if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK) else None


def temporary_cache() -> Path:
    """Return a folder of this user's own among the temporary files, made where it is missing.

    Raises:
        RequestError: it cannot be made, or is somebody else's.
    """
    try:
        folder = Path(tempfile.gettempdir()) / f"streetseg-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.is_symlink() or folder.stat().st_uid != os.getuid() or not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(f"{folder} belongs to somebody else")
    except OSError as error:
        raise RequestError(
            f"neither the home folder nor the temporary one can be written to ({error.strerror or error})",
            where="the cache folder",
            hint="STREETSEG_CACHE=DIR names a folder to keep decoded images in",
        ) from error
    return folder


def _has_cached(name: str) -> bool:
    """Whether a home that can only be read holds files of a library."""
    try:
        return (Path.home() / ".cache" / name).is_dir()
    except (RuntimeError, OSError):
        return False
