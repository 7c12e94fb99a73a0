"""Look at the pixels of a file to see whether it could be a mask, before anything is known about its values."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streetseg.data.files import FileError
from streetseg.data.images import MAX_PIXELS, opened
from streetseg.data.packed import packed

_ROWS = 96  # rows that are looked at, spread over the file
_FEW = 16  # a file with no more values is like a mask, however they are spread
_MANY = 4096  # no mask has more values, even one with soft edges
_FLAT = 0.6  # least share of pixels whose right neighbor has the same value, in a mask


@dataclass(frozen=True)
class PixelStats:
    """The look of the pixels of a file.

    Args:
        size: height and width.
        values: number of distinct values or colors in the rows that were looked at.
        flat: share of pixels whose right neighbor has the same value: near 1 in masks, near 0 in photos.
        wide: whether the file has one channel with values above 255, as masks of instances have.
    """

    size: tuple[int, int]
    values: int
    flat: float
    wide: bool

    @property
    def like_a_mask(self) -> bool:
        """True if the file has few values, in areas."""
        return self.values <= _FEW or (self.values <= _MANY and self.flat >= _FLAT)


def pixel_stats(path: Path) -> PixelStats | None:
    """Return what the pixels of a file look like; None if it cannot be read, which the check reports."""
    try:
        with opened(str(path), MAX_PIXELS) as image:
            pixels = np.asarray(image)
    except FileError:
        return None
    rows = _one_value(pixels[:: max(1, len(pixels) // _ROWS)])
    flat = float((rows[:, 1:] == rows[:, :-1]).mean()) if rows.shape[1] > 1 else 1.0
    size = pixels.shape[0], pixels.shape[1]
    wide = pixels.ndim == 2 and int(rows.max()) > 255
    return PixelStats(size, len(np.unique(rows)), flat, wide)


def same_areas(one: Path, other: Path) -> bool:
    """Return whether two masks show the same areas: each value of one stands for one value of the other."""
    try:
        with opened(str(one), MAX_PIXELS) as first, opened(str(other), MAX_PIXELS) as second:
            values, others = _one_value(np.asarray(first)).ravel(), _one_value(np.asarray(second)).ravel()
    except FileError:
        return False
    if len(values) != len(others):
        return False
    pairs = len({*zip(values.tolist(), others.tolist(), strict=True)})
    return len(np.unique(values)) == pairs and len(np.unique(others)) == pairs


def _one_value(pixels: NDArray[np.generic]) -> NDArray[np.integer]:
    """Return one integer for each pixel; the channels of a color are packed."""
    if pixels.ndim == 2:
        return pixels.astype(np.int64)
    if pixels.shape[2] < 3:
        return pixels[..., 0].astype(np.int64)
    return packed(pixels[..., :3].astype(np.uint8))
