"""Where a command writes, and the promise that nothing finished is written over."""

import re
from datetime import date
from pathlib import Path

from streetseg.errors import RequestError


def output_folder(asked: Path | None, parent: str, name: str, *, resume: bool) -> Path:
    """The folder a command writes to: the one asked for, or PARENT/<date>_<name>.

    With `resume`, the folder that is there already: without one asked for, the newest of that name.

    Raises:
        RequestError: if the folder is in use and `resume` was not asked for, or there is nothing to resume.
    """
    name = re.sub(r"[^\w.-]+", "-", name)
    folder = asked or Path(parent) / f"{date.today().isoformat()}_{name}"
    if resume:
        earlier = [asked] if asked else sorted(Path(parent).glob(f"????-??-??_{name}"))
        if not earlier or not _in_use(earlier[-1]):
            raise RequestError("there is no run to resume", where=folder, hint="the same command without --resume")
        return earlier[-1]
    if _in_use(folder):
        raise RequestError(
            "this folder is in use already" if folder.is_dir() else "a file is in the way of the folder",
            where=folder,
            hint="--resume continues the run in it; --out DIR writes elsewhere",
        )
    return folder


def _in_use(folder: Path) -> bool:
    return folder.is_file() or (folder.is_dir() and any(folder.iterdir()))
