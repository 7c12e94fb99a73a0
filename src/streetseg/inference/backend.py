"""The operations that inference does in different ways on numpy arrays and on torch tensors."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from streetseg.arrays import Size as Size

Array = Any  # a numpy array or a torch tensor: what an engine works on


@dataclass(frozen=True)
class Taps:
    """The two values of an axis that each value of a resized axis lies between.

    Args:
        before, after: their positions, int (n,).
        weight: share of the second, float32 (n,), 0..1.
    """

    before: NDArray[np.intp]
    after: NDArray[np.intp]
    weight: NDArray[np.float32]

    def part(self, chosen: slice, start: int) -> "Taps":
        """Those of a part of the resized axis, for an array that begins at `start` of the old one."""
        return Taps(self.before[chosen] - start, self.after[chosen] - start, self.weight[chosen])


def bilinear_taps(old: int, new: int) -> Taps:
    """How an axis of `old` values becomes one of `new`, bilinear, corners not aligned."""
    centers = np.maximum((np.arange(new) + 0.5) * (old / new) - 0.5, 0)
    before = np.minimum(centers.astype(np.intp), old - 1)
    return Taps(before, np.minimum(before + 1, old - 1), (centers - before).astype(np.float32))


class Operations(Protocol):
    """What the road does with arrays besides indexing and arithmetic."""

    def inference(self) -> AbstractContextManager[object]:
        """The context in which nothing is remembered for gradients."""
        ...

    def resize_images(self, images: Array, size: Size) -> Array:
        """uint8 (B, 3, H, W) at another size, by `arrays.resize_image`."""
        ...

    def resize_logits(self, logits: Array, size: Size) -> Array:
        """(B, C, H, W) at another size, bilinear, corners not aligned: the rule of the metric protocol."""
        ...

    def resample(self, logits: Array, axis: int, taps: Taps) -> Array:
        """(B, C, H, W) with one axis resized by `taps`."""
        ...

    def mirrored(self, array: Array) -> Array:
        """Left and right exchanged."""
        ...

    def empty_like(self, logits: Array, size: Size) -> Array:
        """An array of the type and first two dimensions of (B, C, H, W), not filled."""
        ...

    def likeliest(self, logits: Array) -> Array:
        """The class with the largest logit of (B, C, H, W), the first of equals: uint8 (B, H, W)."""
        ...

    def in_memory(self, array: Array) -> NDArray[np.uint8]:
        """The array as numpy array in main memory."""
        ...

    def confusion(
        self, labels: NDArray[np.uint8], found: Array, num_classes: int, ignore_index: int
    ) -> NDArray[np.int64]:
        """metrics.confusion of labels (B, H, W) in main memory and of ids where they are: (B, C, C)."""
        ...

    def confidence(self, logits: Array) -> NDArray[np.float32]:
        """Probability of the likeliest class of (B, C, H, W): (B, H, W) in main memory."""
        ...


def operations(array: Array) -> Operations:
    """Those for arrays of this kind; torch is imported only for its own."""
    if isinstance(array, np.ndarray):
        from streetseg.inference import backend_numpy

        return backend_numpy
    from streetseg.inference import backend_torch

    return backend_torch
