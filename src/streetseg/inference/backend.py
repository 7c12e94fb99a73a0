"""The operations that inference does in different ways on numpy arrays and on torch tensors."""

from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from streetseg.arrays import Array, Size, Taps


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

    def argmax(self, logits: Array) -> Array:
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
