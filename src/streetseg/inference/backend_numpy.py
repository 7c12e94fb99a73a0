"""Operations of inference on numpy arrays (`backend.Operations`), for engines that need no torch."""

from contextlib import AbstractContextManager, nullcontext

import numpy as np
from numpy.typing import NDArray

from streetseg.arrays import Size, Taps, bilinear_taps, resize_image
from streetseg.metrics.confusion import confusion as confusion_of_image

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


def inference() -> AbstractContextManager[object]:
    """Numpy remembers nothing."""
    return nullcontext()


def resize_images(images: Bytes, size: Size) -> Bytes:
    """By `arrays.resize_image`."""
    if images.shape[-2:] == size:
        return images
    resized = [resize_image(image, size) for image in np.ascontiguousarray(images.transpose(0, 2, 3, 1))]
    return np.ascontiguousarray(np.stack(resized).transpose(0, 3, 1, 2))


def resize_logits(logits: Floats, size: Size) -> Floats:
    """One axis after the other, the one first that leaves less work for the second."""
    axes = sorted((2, 3), key=lambda axis: size[axis - 2] / logits.shape[axis])
    for axis in axes:
        if logits.shape[axis] != size[axis - 2]:
            logits = resample(logits, axis, bilinear_taps(logits.shape[axis], size[axis - 2]))
    return logits


def resample(logits: Floats, axis: int, taps: Taps) -> Floats:
    """In place where it can be: the logits of a large image are large."""
    weight = taps.weight if axis == logits.ndim - 1 else taps.weight[:, None]
    low: Floats = logits.take(taps.before, axis)
    high: Floats = logits.take(taps.after, axis)
    high -= low
    high *= weight
    low += high
    return low


def mirrored(array: NDArray[np.generic]) -> NDArray[np.generic]:
    """A copy, as engines want arrays in plain order."""
    return np.ascontiguousarray(array[..., ::-1])


def empty_like(logits: Floats, size: Size) -> Floats:
    """Not filled."""
    return np.empty((*logits.shape[:2], *size), dtype=logits.dtype)


def argmax(logits: Floats) -> Bytes:
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
    """Image by image."""
    pairs = zip(labels, found, strict=True)
    return np.stack([confusion_of_image(*pair, num_classes, ignore_index) for pair in pairs])


def confidence(logits: Floats) -> Floats:
    """1 / sum of exp(logit - largest)."""
    largest = logits.max(axis=1)
    total = np.exp(logits - largest[:, None]).sum(axis=1)
    probability: Floats = 1 / total
    return probability
