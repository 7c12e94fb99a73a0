"""Operations of inference on torch tensors (`backend.Operations`)."""

from contextlib import AbstractContextManager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from streetseg.arrays import Size, Taps
from streetseg.inference import backend_numpy
from streetseg.metrics.batch_confusion import batch_confusion


def argmax(logits: Tensor) -> Tensor:
    """Return the class with the largest logit, the first of equal ones: (B, C, H, W) -> uint8 (B, H, W)."""
    # On a CPU, torch's argmax over the class axis takes 5 to 20 times as long as its max, which returns the same ids.
    return logits.max(dim=1).indices.to(torch.uint8)


def inference() -> AbstractContextManager[object]:
    """Return torch's inference mode."""
    return torch.inference_mode()


def resize_images(images: Tensor, size: Size) -> Tensor:
    """Resize images uint8 (B, 3, H, W) in main memory with Pillow, as every engine does; torch rounds differently on a
    GPU."""
    if images.shape[-2:] == size:
        return images
    return torch.from_numpy(backend_numpy.resize_images(images.cpu().numpy(), size)).to(images.device)


def resize_logits(logits: Tensor, size: Size) -> Tensor:
    """Resize logits (B, C, H, W) with torch's bilinear interpolation, corners not aligned."""
    return F.interpolate(logits, size, mode="bilinear", align_corners=False)


def resample(logits: Tensor, axis: int, taps: Taps) -> Tensor:
    """Resize one axis of logits (B, C, H, W) by `taps`, as `backend_numpy.resample` does."""
    before, after, weight = (
        torch.from_numpy(part).to(logits.device) for part in (taps.before, taps.after, taps.weight)
    )
    low = logits.index_select(axis, before)
    high = logits.index_select(axis, after)
    return low.lerp_(high, weight if axis == logits.ndim - 1 else weight[:, None])


def blend(one: Tensor, other: Tensor, axis: int, weights: NDArray[np.float32]) -> Tensor:
    """Return the average of two arrays of logits; `weights` are those of `other` along `axis`, 0..1."""
    shape = [-1 if k == axis else 1 for k in range(one.ndim)]
    return one + (other - one) * torch.from_numpy(weights).to(one.device).reshape(shape)


def copy(logits: Tensor) -> Tensor:
    """Return a copy."""
    return logits.clone()


def mirrored(array: Tensor) -> Tensor:
    """Return a copy with the last axis reversed."""
    return array.flip(-1)


def empty_like(logits: Tensor, size: Size) -> Tensor:
    """Return an uninitialized tensor (B, C, *size) with the dtype and on the device of `logits`."""
    return logits.new_empty(*logits.shape[:2], *size)


def in_memory(array: Tensor) -> NDArray[np.uint8]:
    """Return the tensor as a numpy array; a tensor on a GPU is copied."""
    in_main_memory: NDArray[np.uint8] = array.cpu().numpy()
    return in_main_memory


def confusion(labels: NDArray[np.uint8], predicted: Tensor, num_classes: int, ignore_index: int) -> NDArray[np.int64]:
    """Return the confusion matrix of each image: labels and predicted uint8 (B, H, W) -> int64 (B, C, C).

    Pixels are counted on the device of `predicted`; only the counts are copied to main memory.
    """
    ground_truth = torch.from_numpy(np.array(labels)).to(predicted.device)
    counts: NDArray[np.int64] = batch_confusion(ground_truth, predicted, num_classes, ignore_index).cpu().numpy()
    return counts


def scaled(logits: Tensor, scale: NDArray[np.float32], bias: NDArray[np.float32]) -> Tensor:
    """Return logits (B, C, H, W) * scale + bias, (C, 1, 1) each."""
    factor, summand = (torch.from_numpy(part).to(logits.device) for part in (scale, bias))
    return (logits * factor).add_(summand)


def confidence(logits: Tensor, labels: Tensor) -> NDArray[np.float32]:
    """Return the probability of each label: (B, C, H, W) and uint8 (B, H, W) -> float32 (B, H, W), computed on the
    logits' device."""
    chosen = logits.gather(1, labels[:, None].long())[:, 0]
    probability: NDArray[np.float32] = (chosen - logits.logsumexp(1)).exp().cpu().numpy()
    return probability
