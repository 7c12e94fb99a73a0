"""The road's operations on torch tensors (`arrays.Operations`)."""

from contextlib import AbstractContextManager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from streetseg.inference.arrays import Size
from streetseg.inference.likeliest import likeliest as likeliest
from streetseg.metrics.batch_confusion import batch_confusion


def inference() -> AbstractContextManager[object]:
    """Torch's own."""
    return torch.inference_mode()


def resize_pictures(pictures: Tensor, size: Size) -> Tensor:
    """Torch resizes uint8 on the CPU as Pillow does, and elsewhere only floats."""
    if pictures.device.type == "cpu":
        return F.interpolate(pictures, size, mode="bilinear", align_corners=False, antialias=True)
    resized = F.interpolate(pictures.float(), size, mode="bilinear", align_corners=False, antialias=True)
    return resized.round_().clamp_(0, 255)


def resize_logits(logits: Tensor, size: Size) -> Tensor:
    """Torch's own."""
    return F.interpolate(logits, size, mode="bilinear", align_corners=False)


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
    truth = torch.from_numpy(np.array(labels)).to(found.device)
    counted: NDArray[np.int64] = batch_confusion(truth, found, num_classes, ignore_index).cpu().numpy()
    return counted


def confidence(logits: Tensor) -> NDArray[np.float32]:
    """Found where the logits are."""
    probability: NDArray[np.float32] = (logits.amax(1) - logits.logsumexp(1)).exp().cpu().numpy()
    return probability
