"""Meters of an epoch: the counts of a naive loop, and the numbers of ignored pixels, crops and batches."""

import numpy as np
import pytest
import torch

from gpus import needs_cuda
from streetseg.metrics.confusion import confusion
from streetseg.training.meters import Meters, StepNumbers


def test_counts_of_several_steps_are_those_of_all_their_pixels() -> None:
    generator = torch.Generator().manual_seed(0)
    meters = Meters(5, torch.device("cpu"))
    ground_truths, predictions = [], []
    for images in (3, 2):
        logits = torch.randn(images, 5, 16, 24, generator=generator)
        labels = torch.randint(0, 6, (images, 16, 24), generator=generator)
        labels[labels == 5] = 255
        meters.add(torch.tensor(0.5), logits, labels.to(torch.uint8))
        ground_truths.append(labels.numpy().ravel())
        predictions.append(logits.numpy().argmax(1).ravel())
    ground_truth, prediction = np.concatenate(ground_truths), np.concatenate(predictions)
    assert np.array_equal(meters.matrix(), confusion(ground_truth, prediction, 5))
    assert meters.ignored_counts()["ignored_pixels"] == (ground_truth == 255).sum()
    assert (meters.steps, meters.images, meters.loss) == (2, 5, 2.5)


@pytest.mark.parametrize(("void", "crops", "batches"), [((), 0, 0), ((1,), 1, 0), ((0, 1, 2), 3, 1)])
def test_crops_and_batches_without_a_pixel_that_counts(void: tuple[int, ...], crops: int, batches: int) -> None:
    labels = torch.zeros(3, 4, 4, dtype=torch.uint8)
    labels[list(void)] = 255
    meters = Meters(2, torch.device("cpu"))
    meters.add(torch.tensor(0.0 if batches else 0.1), torch.randn(3, 2, 4, 4), labels)
    assert meters.ignored_counts() == {
        "ignored_pixels": 16 * crops,
        "ignored_only_crops": crops,
        "ignored_only_batches": batches,
    }


def test_coarser_logits_are_repeated() -> None:
    generator = torch.Generator().manual_seed(1)
    coarse, labels = torch.randn(2, 3, 4, 6, generator=generator), torch.randint(0, 3, (2, 16, 24), generator=generator)
    meters = Meters(3, torch.device("cpu"))
    meters.add(torch.tensor(0.1), coarse, labels.to(torch.uint8))
    repeated = coarse.numpy().argmax(1).repeat(4, axis=1).repeat(4, axis=2)
    assert np.array_equal(meters.matrix(), confusion(labels.numpy(), repeated, 3))


def test_numbers_are_read_by_name() -> None:
    numbers = {"loss": torch.tensor(1.5, dtype=torch.bfloat16), "gradient_norm": torch.tensor(0.25)}
    sent = StepNumbers.send(2, 7, 1e-3, ["a.png"], numbers)
    assert (sent.epoch, sent.step, sent.lr, sent.images) == (2, 7, 1e-3, ["a.png"])
    assert sent.read() == {"loss": 1.5, "gradient_norm": 0.25}


def test_what_happens_later_on_the_device_does_not_change_them() -> None:
    loss = torch.tensor(1.5)
    sent = StepNumbers.send(1, 1, 1e-3, [], {"loss": loss})
    loss.zero_()
    assert sent.read() == {"loss": 1.5}


@needs_cuda
def test_sending_waits_for_nobody() -> None:
    loss = torch.tensor(1.5, device="cuda")
    torch.cuda.set_sync_debug_mode("error")
    try:
        sent = StepNumbers.send(1, 1, 1e-3, [], {"loss": loss})
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert sent.read() == {"loss": 1.5}
