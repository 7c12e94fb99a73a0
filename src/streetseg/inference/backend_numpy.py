"""Operations of inference on numpy arrays (`backend.Operations`), for engines that need no torch.

Softmax sums and resizing are ours, because the base install has no library for them.
"""

from contextlib import AbstractContextManager, nullcontext

import numpy as np
from numpy.typing import NDArray

from streetseg.arrays import Size, Taps, bilinear_taps, resize_image
from streetseg.metrics.confusion import confusion as confusion_of_image

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


def inference() -> AbstractContextManager[object]:
    """Return an empty context: numpy records nothing for gradients."""
    return nullcontext()


def resize_images(images: Bytes, size: Size) -> Bytes:
    """Resize images uint8 (B, 3, H, W) by `arrays.resize_image`."""
    if images.shape[-2:] == size:
        return images
    resized = [resize_image(image, size) for image in np.ascontiguousarray(images.transpose(0, 2, 3, 1))]
    return np.ascontiguousarray(np.stack(resized).transpose(0, 3, 1, 2))


def resize_logits(logits: Floats, size: Size) -> Floats:
    """Resize logits (B, C, H, W), bilinear, one axis after the other. The axis that shrinks more comes first, which
    leaves less work for the second."""
    axes = sorted((2, 3), key=lambda axis: size[axis - 2] / logits.shape[axis])
    for axis in axes:
        if logits.shape[axis] != size[axis - 2]:
            logits = resample(logits, axis, bilinear_taps(logits.shape[axis], size[axis - 2]))
    return logits


def resample(logits: Floats, axis: int, taps: Taps) -> Floats:
    """Resize one axis of logits (B, C, H, W) by `taps`. The arithmetic is in place to save memory."""
    weight = taps.weight if axis == logits.ndim - 1 else taps.weight[:, None]
    low: Floats = logits.take(taps.before, axis)
    high: Floats = logits.take(taps.after, axis)
    high -= low
    high *= weight
    low += high
    return low


def blend(one: Floats, other: Floats, axis: int, weights: NDArray[np.float32]) -> Floats:
    """Return the average of two arrays of logits; `weights` are those of `other` along `axis`, 0..1."""
    blended: Floats = one + (other - one) * weights.reshape([-1 if k == axis else 1 for k in range(one.ndim)])
    return blended


def copy(logits: Floats) -> Floats:
    """Return a copy."""
    return logits.copy()


def mirrored(array: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return a contiguous copy with the last axis reversed; engines take only contiguous arrays."""
    return np.ascontiguousarray(array[..., ::-1])


def empty_like(logits: Floats, size: Size) -> Floats:
    """Return an uninitialized array (B, C, *size) with the dtype of `logits`."""
    return np.empty((*logits.shape[:2], *size), dtype=logits.dtype)


def argmax(logits: Floats) -> Bytes:
    """Return the class with the largest logit, the first of equal ones: (B, C, H, W) -> uint8 (B, H, W).

    The loop over classes is many times faster than numpy's argmax over an axis that is not the last.
    """
    best = logits[:, 0].copy()
    ids = np.zeros(best.shape, dtype=np.uint8)
    for k in range(1, logits.shape[1]):
        np.copyto(ids, k, where=logits[:, k] > best)
        np.maximum(best, logits[:, k], out=best)
    return ids


def in_memory(array: Bytes) -> Bytes:
    """Return the array itself: numpy arrays are in main memory."""
    return array


def confusion(labels: Bytes, predicted: Bytes, num_classes: int, ignore_index: int) -> NDArray[np.int64]:
    """Return the confusion matrix of each image: labels and predicted uint8 (B, H, W) -> int64 (B, C, C)."""
    pairs = zip(labels, predicted, strict=True)
    return np.stack([confusion_of_image(*pair, num_classes, ignore_index) for pair in pairs])


def scaled(logits: Floats, scale: Floats, bias: Floats) -> Floats:
    """Return logits (B, C, H, W) * scale + bias, (C, 1, 1) each."""
    product: Floats = logits * scale
    product += bias
    return product


def confidence(logits: Floats, labels: Bytes) -> Floats:
    """Return the probability of each label: (B, C, H, W) and uint8 (B, H, W) -> (B, H, W)."""
    exponentials = logits - logits.max(axis=1, keepdims=True)
    np.exp(exponentials, out=exponentials)
    chosen: Floats = np.take_along_axis(exponentials, labels[:, None].astype(np.intp), axis=1)[:, 0]
    chosen /= exponentials.sum(axis=1)
    return chosen
