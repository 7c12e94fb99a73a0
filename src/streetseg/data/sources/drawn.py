"""Drawn streets as files in the cache: drawn once, on all cores, and read by every run and fold after that."""

import logging
from collections.abc import Iterable
from pathlib import Path

from streetseg.arrays import Size
from streetseg.atomic import atomic_folder, remove_folder
from streetseg.data.build_store import locked
from streetseg.data.sources.scenes import ScenesSource
from streetseg.scenes.export import write_scenes
from streetseg.scenes.render import SCENES_VERSION

log = logging.getLogger("streetseg")

_FOLDER = "scenes"  # in the cache folder


def drawn_streets(count: int, size: Size, cache: Path) -> Path:
    """Return a folder in Cityscapes' layout with `count` training scenes of this size; draw them if there is none.

    Raises:
        RequestError: the size is too small to show a street.
        StreetsegError: they cannot be written.
    """
    source = ScenesSource(count, 0, size)
    folder = cache / _FOLDER / f"scenes-v{SCENES_VERSION}-{size[0]}x{size[1]}-{count}"
    if folder.is_dir():
        return folder
    with locked(folder.parent):
        if not folder.is_dir():
            log.info("drawing %d streets of %dx%d once into %s", count, *size, folder)
            with atomic_folder(folder) as building:
                write_scenes(source.jobs(), building, seed=source.seed, size=size)
    return folder


def drawn_folders(cache: Path) -> list[Path]:
    """Return the folders of drawn streets in a cache folder, which need not exist."""
    return sorted(path for path in (cache / _FOLDER).glob("scenes-v*") if path.is_dir())


def bytes_of(folders: Iterable[Path]) -> int:
    """Return the size of all files in these folders, in bytes."""
    return sum(file.stat().st_size for folder in folders for file in folder.rglob("*.png"))


def remove_drawn(cache: Path, latest: float) -> int:
    """Remove the drawn streets that were drawn at `latest`, in seconds since 1970, or before. Return their bytes.

    A run that was begun has them decoded in its store, and goes on without them.
    """
    folders = [folder for folder in drawn_folders(cache) if folder.stat().st_mtime <= latest]
    removed = bytes_of(folders)
    for folder in folders:
        remove_folder(folder)
    return removed
