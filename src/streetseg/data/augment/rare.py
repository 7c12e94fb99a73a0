"""Rare-class crops: choose the pixel of an image that its training crop has to show.

The class of the pixel is drawn from those in the image, each with a probability inverse to its share of the pixels of
the training split. A pixel is given by its number in the image, counted row by row from 0, before any padding.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streetseg.data.augment.rng import draw_rare

PLACES = 64  # pixels of a class in an image from which one is drawn
NONE = -1  # no pixel

Places = Callable[[int], NDArray[np.int32]]  # class id -> its pixels in one image, as `places_of` returns them


def places_of(labels: NDArray[np.uint8], class_id: int) -> NDArray[np.int32]:
    """Return pixels of a class that are spread evenly over all its pixels in labels (H, W): int32 (PLACES,).

    If the class has fewer pixels, some are repeated. If it has none, all are NONE.
    """
    found = np.flatnonzero(labels == class_id)
    if not len(found):
        return np.full(PLACES, NONE, np.int32)
    return found[np.arange(PLACES) * len(found) // PLACES].astype(np.int32)


@dataclass(frozen=True)
class RareCrops:
    """Chooses the pixels for an epoch. The choice for a sample depends only on (seed, epoch, index) and its labels.

    Args:
        probability: of a pixel being chosen.
        class_pixels: pixels of each class in the training split, (C,).
        seed: the seed of the run.
        epoch: the number of the epoch.
    """

    probability: float
    class_pixels: NDArray[np.int64]
    seed: int
    epoch: int

    def pixels(self, indices: Sequence[int], places: Sequence[Places]) -> NDArray[np.int64]:
        """Return the pixel that the crop of each sample has to show, int64 (B,); NONE where it may lie anywhere.

        Args:
            indices: the samples.
            places: of each sample, the pixels of its classes.
        """
        return np.array([self._pixel(*sample) for sample in zip(indices, places, strict=True)], dtype=np.int64)

    def _pixel(self, index: int, places: Places) -> int:
        numbers = draw_rare(self.seed, self.epoch, index, len(self.class_pixels))
        if numbers[0] >= self.probability:
            return NONE
        # Each class gets an exponentially distributed number whose mean is its number of pixels. Of any set of classes,
        # each has the lowest with a probability inverse to that mean. So classes that the image may lack need no count.
        order = np.argsort(-np.log1p(-numbers[2:]) * self.class_pixels, kind="stable")
        for class_id in order[self.class_pixels[order] > 0].tolist():
            pixel = int(places(class_id)[int(numbers[1] * PLACES)])
            if pixel != NONE:
                return pixel
        return NONE
