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
    """The class with the largest logit at each pixel, the first of several: (B, C, H, W) -> uint8 (B, H, W)."""
    # On a CPU, torch's argmax across planes takes five to twenty times as long as its max, which finds the same ids.
    return logits.max(dim=1).indices.to(torch.uint8)


def inference() -> AbstractContextManager[object]:
    """Torch's own."""
    return torch.inference_mode()


def resize_images(images: Tensor, size: Size) -> Tensor:
    """In main memory by Pillow, as for every engine: torch rounds in another way on a GPU."""
    if images.shape[-2:] == size:
        return images
    return torch.from_numpy(backend_numpy.resize_images(images.cpu().numpy(), size)).to(images.device)


def resize_logits(logits: Tensor, size: Size) -> Tensor:
    """Torch's own."""
    return F.interpolate(logits, size, mode="bilinear", align_corners=False)


def resample(logits: Tensor, axis: int, taps: Taps) -> Tensor:
    """As `backend_numpy.resample`."""
    before, after, weight = (
        torch.from_numpy(part).to(logits.device) for part in (taps.before, taps.after, taps.weight)
    )
    low = logits.index_select(axis, before)
    high = logits.index_select(axis, after)
    return low.lerp_(high, weight if axis == logits.ndim - 1 else weight[:, None])


def mirrored(array: Tensor) -> Tensor:
    """Torch's own."""
    return array.flip(-1)


def empty_like(logits: Tensor, size: Size) -> Tensor:
    """On the device of `logits`."""
    return logits.new_empty(*logits.shape[:2], *size)


def in_memory(array: Tensor) -> NDArray[np.uint8]:
    """A copy, where it is on a GPU."""
    copied: NDArray[np.uint8] = array.cpu().numpy()
    return copied


def confusion(labels: NDArray[np.uint8], found: Tensor, num_classes: int, ignore_index: int) -> NDArray[np.int64]:
    """Counted where the ids are; only the counts are copied."""
    ground_truth = torch.from_numpy(np.array(labels)).to(found.device)
    counted: NDArray[np.int64] = batch_confusion(ground_truth, found, num_classes, ignore_index).cpu().numpy()
    return counted


def confidence(logits: Tensor) -> NDArray[np.float32]:
    """Found where the logits are."""
    probability: NDArray[np.float32] = (logits.amax(1) - logits.logsumexp(1)).exp().cpu().numpy()
    return probability
