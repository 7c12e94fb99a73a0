"""Writing where there may be no room."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streetseg.errors import TrainingError


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
