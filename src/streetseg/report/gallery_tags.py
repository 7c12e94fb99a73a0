"""Class names written onto the large areas of a label map: colour is not the only thing that tells them apart."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SMALLEST = 0.02  # share of the picture an area must have to be named
RASTER = 96  # longest side of the raster on which a place for the name is sought


@dataclass(frozen=True)
class Tag:
    """A class name and where its middle goes, in percent from the left and the top."""

    name: str
    left: float
    top: float


def tags(ids: NDArray[np.uint8], names: Sequence[str]) -> tuple[Tag, ...]:
    """One name for each class that covers enough of the map (H, W), at the place deepest inside it."""
    scale = min(1.0, RASTER / max(ids.shape))
    size = (max(1, round(ids.shape[1] * scale)), max(1, round(ids.shape[0] * scale)))
    small = np.asarray(Image.fromarray(ids).resize(size, Image.Resampling.NEAREST))
    found = []
    for index, name in enumerate(names):
        area = small == index
        if area.mean() >= SMALLEST:
            row, column = deepest(area)
            found.append(Tag(name, 100 * (column + 0.5) / size[0], 100 * (row + 0.5) / size[1]))
    return tuple(found)


def deepest(area: NDArray[np.bool_]) -> tuple[int, int]:
    """Row and column of the place that survives longest when the area (H, W), not empty, is peeled from its border."""
    core = np.pad(area, 1)
    while True:
        inner = core.copy()
        inner[1:-1, 1:-1] &= core[:-2, 1:-1] & core[2:, 1:-1] & core[1:-1, :-2] & core[1:-1, 2:]
        if not inner.any():
            break
        core = inner
    rows, columns = np.nonzero(core)
    middle = len(rows) // 2
    return int(rows[middle]) - 1, int(columns[middle]) - 1
