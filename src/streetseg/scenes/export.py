"""Write scenes to files in the layout of Cityscapes (Cordts et al. 2016)."""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streetseg.atomic import atomic_write_bytes
from streetseg.errors import RequestError, StreetsegError
from streetseg.labels.tables import CITYSCAPES_34, STREET_11
from streetseg.machine import cores, end_with_parent
from streetseg.png import encode_png
from streetseg.scenes.render import render

FEW = 8  # up to this many scenes, one process is faster: starting others would take longer
MOST = 61  # largest number of processes that Python can wait for on Windows
CITIES = {"train": "arlmere", "val": "bexholm"}  # no city is in two splits, as in Cityscapes

# Class of street-11 -> Cityscapes class in the masks. The label mapping of Cityscapes maps it back.
_WRITTEN_AS = {
    "sky": "sky",
    "building": "building",
    "pole": "pole",
    "road": "road",
    "pavement": "sidewalk",
    "tree": "vegetation",
    "sign symbol": "traffic sign",
    "fence": "fence",
    "car": "car",
    "pedestrian": "person",
    "bicyclist": "rider",
}


def cityscapes_ids() -> NDArray[np.uint8]:
    """Return the lookup table, uint8 (256,), from ids of street-11 to ids of cityscapes-34; others become unlabeled."""
    table = np.full(256, CITYSCAPES_34.names.index("unlabeled"), np.uint8)
    table[: STREET_11.num_classes] = [CITYSCAPES_34.names.index(_WRITTEN_AS[name]) for name in STREET_11.names]
    return table


def write_scene(out: Path, split: str, number: int, *, seed: int, index: int, size: tuple[int, int]) -> None:
    """Render scene `index`; write its image, its mask of 34 ids and its mask in colors as number `number`.

    Each file is written atomically.

    Raises:
        OSError: a file cannot be written.
    """
    image, labels = render(seed, index, size)
    ids = cityscapes_ids()[labels]
    colors = np.array(CITYSCAPES_34.colors, np.uint8)[ids]
    city = CITIES[split]
    name = f"{city}_{number:06d}_000019"
    _write(out / "leftImg8bit" / split / city / f"{name}_leftImg8bit.png", image)
    _write(out / "gtFine" / split / city / f"{name}_gtFine_labelIds.png", ids)
    _write(out / "gtFine" / split / city / f"{name}_gtFine_color.png", colors)


def _write(path: Path, pixels: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write_bytes(path, encode_png(pixels))


def require_empty_folder(out: Path) -> None:
    """Create the folder. Raise RequestError if it is not empty or cannot be created."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            raise RequestError("the folder is not empty", where=out, hint="choose a new folder")
    except OSError as error:
        raise RequestError(f"scenes cannot be written here ({error.strerror or error})", where=out) from error


def write_scenes(
    jobs: Sequence[tuple[str, int, int]],
    out: Path,
    *,
    seed: int,
    size: tuple[int, int],
    on_scene: Callable[[], None] = lambda: None,
) -> None:
    """Render and write scenes on all cores.

    Args:
        jobs: (split, number in the split, index) of each scene.
        out: the folder to write to.
        seed: the seed of the scenes.
        size: height and width of the images.
        on_scene: called after each scene.

    Raises:
        StreetsegError: a file cannot be written, or a rendering process was killed.
    """
    try:
        if cores() == 1 or len(jobs) <= FEW:
            for split, number, index in jobs:
                write_scene(out, split, number, seed=seed, index=index, size=size)
                on_scene()
            return
        # "spawn", as a fork would copy the locks of other threads of this process
        context = get_context("spawn")
        with ProcessPoolExecutor(min(cores(), MOST), mp_context=context, initializer=end_with_parent) as pool:
            futures = [pool.submit(write_scene, out, *job[:2], seed=seed, index=job[2], size=size) for job in jobs]
            try:
                for future in as_completed(futures):
                    future.result()
                    on_scene()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    except OSError as error:
        raise StreetsegError(f"scenes cannot be written ({error.strerror or error})", where=out) from error
    except BrokenProcessPool as error:
        raise StreetsegError(
            "a process that draws scenes ended", where=out, hint="too little memory? try a smaller --size"
        ) from error
