"""A step's numbers on their way to the journal."""

import pytest
import torch

from streetseg.training.numbers import StepNumbers


def test_numbers_are_read_by_name() -> None:
    numbers = {"loss": torch.tensor(1.5, dtype=torch.bfloat16), "gradient_norm": torch.tensor(0.25)}
    sent = StepNumbers.send(2, 7, 1e-3, ["a.png"], numbers)
    assert (sent.epoch, sent.step, sent.lr, sent.pictures) == (2, 7, 1e-3, ["a.png"])
    assert sent.read() == {"loss": 1.5, "gradient_norm": 0.25}


def test_what_happens_later_on_the_device_does_not_change_them() -> None:
    loss = torch.tensor(1.5)
    sent = StepNumbers.send(1, 1, 1e-3, [], {"loss": loss})
    loss.zero_()
    assert sent.read() == {"loss": 1.5}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_sending_waits_for_nobody() -> None:
    loss = torch.tensor(1.5, device="cuda")
    torch.cuda.set_sync_debug_mode("error")
    try:
        sent = StepNumbers.send(1, 1, 1e-3, [], {"loss": loss})
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert sent.read() == {"loss": 1.5}
