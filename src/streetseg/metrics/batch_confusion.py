"""Confusion matrices of a batch, counted on the device of the ids. From a GPU only the counts are copied."""

import numpy as np
import torch
from torch import Tensor

from streetseg.metrics.confusion import confusion

LANES = 64  # counters per cell, used in turn by neighboring pixels, so that their atomic additions do not collide
LARGEST = 1 << 22  # most counters, 32 MiB


def batch_confusion(ground_truth: Tensor, prediction: Tensor, num_classes: int, ignore_index: int = 255) -> Tensor:
    """Return `metrics.confusion.confusion` of each image of a batch, int64 (B, C, C), on the device of the ids.

    Args:
        ground_truth: uint8 (B, H, W), ids 0..num_classes-1 or `ignore_index`.
        prediction: uint8 (B, H, W), ids 0..num_classes-1.
        num_classes: C, at most 255.
        ignore_index: the id of pixels to leave out.

    Raises:
        DataError: an id is outside its range. On CUDA this is not checked, because the check would wait for the GPU; a
            pixel whose ground truth is outside the range is not counted there.
    """
    if ground_truth.device.type != "cuda":
        pairs = zip(ground_truth.cpu().numpy(), prediction.cpu().numpy(), strict=True)
        return torch.from_numpy(np.stack([confusion(*pair, num_classes, ignore_index) for pair in pairs]))
    return scattered_confusion(ground_truth, prediction, num_classes)


def scattered_confusion(ground_truth: Tensor, prediction: Tensor, num_classes: int) -> Tensor:
    """Return the same for ids on any device, without synchronization. Pixels whose ground truth is no class are not
    counted."""
    batch, pixels = len(ground_truth), ground_truth[0].numel()
    cells = num_classes * num_classes + 1  # the last cell is for pixels that are not counted
    lanes = max(1, min(LANES, LARGEST // (batch * cells)))
    rows, columns = ground_truth.reshape(batch, pixels).long(), prediction.reshape(batch, pixels)
    index = torch.where(rows < num_classes, rows * num_classes + columns, cells - 1)
    index += cells * torch.arange(batch, device=ground_truth.device).unsqueeze(1)
    index *= lanes
    index += torch.arange(pixels, device=ground_truth.device) % lanes

    counters = torch.zeros(batch * cells * lanes, dtype=torch.int64, device=ground_truth.device)
    one = torch.ones((), dtype=torch.int64, device=ground_truth.device)
    counters.scatter_add_(0, index.flatten(), one.expand(index.numel()))
    counted = counters.view(batch, cells, lanes).sum(dim=2)
    return counted[:, :-1].reshape(batch, num_classes, num_classes)
