"""The device of a run."""

import random

import numpy as np
import pytest
import torch

from streetseg.errors import RequestError
from streetseg.runtime.device import choose_device, seed_everything, tune


def test_auto_is_the_gpu_where_there_is_one() -> None:
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_cpu_by_name() -> None:
    assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu", "", "cuda:99", "cpu:x", "meta", "xla"])
def test_a_device_that_cannot_be_used_is_refused(name: str) -> None:
    with pytest.raises(RequestError, match="cannot be used") as refused:
        choose_device(name)
    assert refused.value.where == ("train.device",)
    assert refused.value.hint.startswith("train.device=auto takes the first of")
    assert refused.value.exit_code == 2


def test_cudnn_neither_times_convolutions_nor_rounds_to_tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)

    tune(torch.device("cpu"))
    assert torch.backends.cudnn.benchmark and torch.backends.cudnn.allow_tf32
    tune(torch.device("cuda"))
    assert not torch.backends.cudnn.benchmark and not torch.backends.cudnn.allow_tf32


def drawn(seed: int) -> tuple[float, float, float]:
    seed_everything(seed)
    return random.random(), float(np.random.rand()), float(torch.rand(1))


def test_the_same_seed_draws_the_same() -> None:
    assert drawn(3) == drawn(3)
    assert all(one != other for one, other in zip(drawn(3), drawn(4), strict=True))
