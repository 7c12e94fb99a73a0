"""Array operations of inference that differ between numpy arrays and torch tensors."""

from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from streetseg.arrays import Array, Size, Taps


class Operations(Protocol):
    """The operations that inference needs besides indexing and arithmetic."""

    def inference(self) -> AbstractContextManager[object]:
        """Return a context in which nothing is recorded for gradients."""
        ...

    def resize_images(self, images: Array, size: Size) -> Array:
        """Resize images uint8 (B, 3, H, W) by `arrays.resize_image`."""
        ...

    def resize_logits(self, logits: Array, size: Size) -> Array:
        """Resize logits (B, C, H, W), bilinear, corners not aligned: the rule of the metric protocol."""
        ...

    def resample(self, logits: Array, axis: int, taps: Taps) -> Array:
        """Resize one axis of logits (B, C, H, W) by `taps`."""
        ...

    def blend(self, one: Array, other: Array, axis: int, weights: NDArray[np.float32]) -> Array:
        """Return the average of two arrays of logits; `weights` are those of `other` along `axis`, 0..1."""
        ...

    def copy(self, logits: Array) -> Array:
        """Return a copy."""
        ...

    def mirrored(self, array: Array) -> Array:
        """Return the array with its last axis reversed: left and right exchanged."""
        ...

    def empty_like(self, logits: Array, size: Size) -> Array:
        """Return an uninitialized array (B, C, *size) with the dtype and first two dimensions of `logits`."""
        ...

    def argmax(self, logits: Array) -> Array:
        """Return the class with the largest logit, the first of equal ones: (B, C, H, W) -> uint8 (B, H, W)."""
        ...

    def in_memory(self, array: Array) -> NDArray[np.uint8]:
        """Return the array as a numpy array in main memory."""
        ...

    def confusion(
        self, labels: NDArray[np.uint8], predicted: Array, num_classes: int, ignore_index: int
    ) -> NDArray[np.int64]:
        """Return metrics.confusion of each image, int64 (B, C, C).

        Args:
            labels: uint8 (B, H, W) in main memory.
            predicted: uint8 (B, H, W), where the engine computed them.
        """
        ...

    def scaled(self, logits: Array, scale: NDArray[np.float32], bias: NDArray[np.float32]) -> Array:
        """Return logits (B, C, H, W) * scale + bias, float32 (C, 1, 1) each."""
        ...

    def confidence(self, logits: Array, labels: Array) -> NDArray[np.float32]:
        """Return the probability of each label in main memory, float32 (B, H, W).

        Args:
            logits: (B, C, H, W).
            labels: uint8 (B, H, W), from `argmax`.
        """
        ...


def operations(array: Array) -> Operations:
    """Return the operations for arrays of this kind. Torch is imported only for torch tensors."""
    if isinstance(array, np.ndarray):
        from streetseg.inference import backend_numpy

        return backend_numpy
    from streetseg.inference import backend_torch

    return backend_torch
