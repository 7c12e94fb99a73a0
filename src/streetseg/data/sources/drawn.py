"""Drawn streets as files in the cache: drawn once, on all cores, and read by every run and fold after that."""

import logging
from pathlib import Path

from filelock import FileLock

from streetseg.arrays import Size
from streetseg.atomic import atomic_folder
from streetseg.data.sources.scenes import ScenesSource
from streetseg.scenes.export import write_scenes
from streetseg.scenes.render import SCENES_VERSION

log = logging.getLogger("streetseg")


def drawn_streets(count: int, size: Size, cache: Path) -> Path:
    """Return a folder in Cityscapes' layout with `count` training scenes of this size; draw them if there is none.

    Raises:
        RequestError: the size is too small to show a street.
        StreetsegError: they cannot be written.
    """
    source = ScenesSource(count, 0, size)
    folder = cache / "scenes" / f"scenes-v{SCENES_VERSION}-{size[0]}x{size[1]}-{count}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not folder.is_dir():
            log.info("drawing %d streets of %dx%d once into %s", count, *size, folder)
            with atomic_folder(folder) as building:
                write_scenes(source.jobs(), building, seed=source.seed, size=size)
    return folder
