"""Write what was found in a folder as a YAML file."""

import logging
import os
from pathlib import Path

from streetseg.atomic import atomic_write_text
from streetseg.data.open import known_layouts, missing
from streetseg.data.recognize.recognize import NothingFoundError, describe
from streetseg.errors import DataError, RequestError

log = logging.getLogger("streetseg")


def write_description(folder: Path, out: Path, *, images: str | None = None, masks: str | None = None) -> Path:
    """Write the data.yaml of a folder; its paths are relative to the file. Return the file.

    Args:
        folder: the folder.
        out: the file, which must not exist.
        images: a glob of the files that may be images; None: all.
        masks: a glob of the files that may be masks; None: all.

    Raises:
        DataError: there is no such folder, a known layout says what is in it, or as `describe`.
        RequestError: the file exists or cannot be written.
    """
    if out.exists():
        raise RequestError("this file exists, and is left as it is", where=out, hint="--out FILE.yaml of another name")
    root = folder.absolute()
    if not root.is_dir():
        raise missing(root, "folder")
    known = " or ".join(f"{kind}:{root}" for kind in known_layouts(root))
    try:
        description = describe(root, images=images, masks=masks)
    except NothingFoundError as error:
        if not known:
            raise
        hint = f"use {known}; streetseg convert DATA --to folder OUT  writes images, masks and a data.yaml"
        raise DataError("this folder has a known layout and needs no data.yaml", where=root, hint=hint) from error
    if known:
        log.warning("this folder is read as %s, which says what its masks mean; this file does not", known)
    text = description.text(_path_between(out.absolute().parent, folder))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        atomic_write_text(out, text)
    except OSError as failure:
        raise RequestError(f"the file cannot be written: {failure.strerror or failure}", where=out) from failure
    return out


def _path_between(start: Path, end: Path) -> str:
    """Return the path from a folder to another, with slashes; "" if they are one."""
    try:
        relative = os.path.relpath(end.absolute(), start)
    except ValueError:  # two drives of Windows
        return end.absolute().as_posix()
    return "" if relative == "." else Path(relative).as_posix()
