"""Counting a batch on its device gives what numpy counts image by image."""

import numpy as np
import pytest
import torch

from gpus import CUDA, needs_cuda
from streetseg.errors import DataError
from streetseg.metrics.batch_confusion import LARGEST, batch_confusion, scattered_confusion
from streetseg.metrics.confusion import confusion

DEVICES = ["cpu", CUDA]


def batch(num_classes: int, *shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return labels with runs of equal ids, as in masks. Some pixels are ignored; in the last image all."""
    rng = np.random.default_rng(num_classes)
    ground_truth, prediction = rng.integers(0, num_classes, (2, *shape), dtype=np.uint8).repeat(3, axis=-1)
    ground_truth[rng.random(ground_truth.shape) < 0.1] = 255
    ground_truth[-1] = 255
    return torch.from_numpy(ground_truth), torch.from_numpy(prediction)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("num_classes", [1, 2, 19, 255])
def test_both_ways_equal_numpy(num_classes: int, device: str) -> None:
    ground_truth, prediction = batch(num_classes, 3, 40, 31)
    expected = np.stack(
        [confusion(t, p, num_classes) for t, p in zip(ground_truth.numpy(), prediction.numpy(), strict=True)]
    )
    there = ground_truth.to(device), prediction.to(device)
    for counted in (batch_confusion(*there, num_classes), scattered_confusion(*there, num_classes)):
        assert counted.dtype == torch.int64
        assert counted.device.type == device
        assert np.array_equal(counted.cpu().numpy(), expected)
    assert not expected[-1].any()


def test_more_cells_than_counters_for_lanes_count_alike() -> None:
    ground_truth, prediction = batch(255, 1 + LARGEST // 255**2 // 4, 4, 5)
    counted = scattered_confusion(ground_truth, prediction, 255)
    assert np.array_equal(counted.numpy(), batch_confusion(ground_truth, prediction, 255).numpy())


def test_ids_outside_the_space_are_an_error_in_memory_and_missing_from_the_sum_on_a_device() -> None:
    ground_truth, prediction = torch.tensor([[[0, 1, 7, 255]]]).byte(), torch.zeros(1, 1, 4).byte()
    with pytest.raises(DataError, match="ground truth holds ids outside the label space"):
        batch_confusion(ground_truth, prediction, 2)
    assert scattered_confusion(ground_truth, prediction, 2).tolist() == [[[1, 0], [1, 0]]]


@needs_cuda
def test_a_gpu_is_not_waited_for() -> None:
    ground_truth, prediction = (ids.cuda() for ids in batch(19, 2, 64, 64))
    torch.cuda.set_sync_debug_mode("error")
    try:
        batch_confusion(ground_truth, prediction, 19)
    finally:
        torch.cuda.set_sync_debug_mode("default")
