"""Scenes as files, in the layout of Cityscapes (Cordts et al. 2016)."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streetseg.atomic import atomic_write_bytes
from streetseg.data.scenes.render import render
from streetseg.labels.spaces import CITYSCAPES_34, STREET_11
from streetseg.png import encode_png

CITIES = {"train": "arlmere", "val": "bexholm"}  # no town is in two splits, as in the original

# The Cityscapes class that each class of street-11 is written as; their bridge leads back to it.
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
    """Lookup table (256,) from ids of street-11 to ids of cityscapes-34; the rest, ignore included, is unlabeled."""
    table = np.full(256, CITYSCAPES_34.names.index("unlabeled"), np.uint8)
    table[: STREET_11.num_classes] = [CITYSCAPES_34.names.index(_WRITTEN_AS[name]) for name in STREET_11.names]
    return table


def write_scene(out: Path, split: str, number: int, *, seed: int, index: int, size: tuple[int, int]) -> None:
    """Draw scene `index` and write its picture, its mask of 34 ids and its mask in colours as number `number`.

    Each file is there whole or not at all. Raises OSError.
    """
    picture, label = render(seed, index, size)
    ids = cityscapes_ids()[label]
    colors = np.array(CITYSCAPES_34.colors, np.uint8)[ids]
    city = CITIES[split]
    name = f"{city}_{number:06d}_000019"
    _write(out / "leftImg8bit" / split / city / f"{name}_leftImg8bit.png", picture)
    _write(out / "gtFine" / split / city / f"{name}_gtFine_labelIds.png", ids)
    _write(out / "gtFine" / split / city / f"{name}_gtFine_color.png", colors)


def _write(path: Path, pixels: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write_bytes(path, encode_png(pixels))
