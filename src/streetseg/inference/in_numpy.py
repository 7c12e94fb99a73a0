"""The road's operations on numpy arrays (`arrays.Operations`), for engines that need no torch."""

from contextlib import AbstractContextManager, nullcontext

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from streetseg.inference.arrays import Size
from streetseg.metrics.confusion import confusion as confusion_of_picture

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


def inference() -> AbstractContextManager[object]:
    """Numpy remembers nothing."""
    return nullcontext()


def resize_pictures(pictures: Bytes, size: Size) -> Bytes:
    """By Pillow, whose antialiased bilinear filter is the store's."""
    height, width = size
    resized = [
        np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))
        for picture in np.ascontiguousarray(pictures.transpose(0, 2, 3, 1))
    ]
    return np.ascontiguousarray(np.stack(resized).transpose(0, 3, 1, 2))


def resize_logits(logits: Floats, size: Size) -> Floats:
    """One axis after the other, the one first that leaves less work for the second."""
    axes = sorted((2, 3), key=lambda axis: size[axis - 2] / logits.shape[axis])
    for axis in axes:
        logits = _resize_axis(logits, axis, size[axis - 2])
    return logits


def mirrored(array: NDArray[np.generic]) -> NDArray[np.generic]:
    """A copy, as engines want arrays in plain order."""
    return np.ascontiguousarray(array[..., ::-1])


def empty_like(logits: Floats, size: Size) -> Floats:
    """Not filled."""
    return np.empty((*logits.shape[:2], *size), dtype=logits.dtype)


def likeliest(logits: Floats) -> Bytes:
    """Class by class: many times faster than argmax over an axis that is not the last."""
    best = logits[:, 0].copy()
    ids = np.zeros(best.shape, dtype=np.uint8)
    for k in range(1, logits.shape[1]):
        np.copyto(ids, k, where=logits[:, k] > best)
        np.maximum(best, logits[:, k], out=best)
    return ids


def in_memory(array: Bytes) -> Bytes:
    """It is there."""
    return array


def confusion(labels: Bytes, found: Bytes, num_classes: int, ignore_index: int) -> NDArray[np.int64]:
    """Picture by picture."""
    pairs = zip(labels, found, strict=True)
    return np.stack([confusion_of_picture(*pair, num_classes, ignore_index) for pair in pairs])


def confidence(logits: Floats) -> Floats:
    """1 / sum of exp(logit - largest)."""
    largest = logits.max(axis=1)
    total = np.exp(logits - largest[:, None]).sum(axis=1)
    probability: Floats = 1 / total
    return probability


def _resize_axis(array: Floats, axis: int, length: int) -> Floats:
    old = array.shape[axis]
    if old == length:
        return array
    centres = np.maximum((np.arange(length) + 0.5) * (old / length) - 0.5, 0)
    before = np.minimum(centres.astype(np.intp), old - 1)
    weight = (centres - before).astype(np.float32)
    weight = weight if axis == array.ndim - 1 else weight[:, None]
    low: Floats = array.take(before, axis)
    high: Floats = array.take(np.minimum(before + 1, old - 1), axis)
    high -= low
    high *= weight
    low += high
    return low
