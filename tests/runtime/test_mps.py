"""MPS, the GPU of a Mac, as far as it can be tested on a machine without one."""

from types import SimpleNamespace
from typing import cast

import pytest
import torch

from streetseg.cli.doctor import accelerators
from streetseg.runtime.device import best_kind, finish_work, rng_state, set_rng_state, summing_device
from streetseg.runtime.distributed import ALONE, Ranks
from streetseg.runtime.memory import available_bytes, is_out_of_memory, requested_bytes
from streetseg.runtime.precision import choose_precision
from streetseg.training.train_state import TrainState

MPS = torch.device("mps")


def accelerated(monkeypatch: pytest.MonkeyPatch, *, cuda: bool = False, mps: bool = False) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("cuda", "mps", "ranks", "kind"),
    [
        (True, True, ALONE, "cuda"),
        (False, True, ALONE, "mps"),
        (False, False, ALONE, "cpu"),
        (False, True, Ranks(world=2, local_world=2), "cpu"),
    ],
)
def test_auto_is_cuda_then_mps_then_the_cpu(
    cuda: bool, mps: bool, ranks: Ranks, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    accelerated(monkeypatch, cuda=cuda, mps=mps)
    assert best_kind(ranks) == kind


def test_doctor_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    accelerated(monkeypatch, mps=True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert list(accelerators()) == ["mps"]


def test_it_trains_in_fp32() -> None:
    assert choose_precision("auto", MPS).name == "fp32"


def test_sums_are_kept_where_there_is_float64() -> None:
    assert summing_device(MPS) == torch.device("cpu")
    assert summing_device(torch.device("cuda", 1)) == torch.device("cuda", 1)


def test_its_random_numbers_are_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    state, restored = torch.arange(3, dtype=torch.uint8), []
    monkeypatch.setattr(torch.mps, "get_rng_state", lambda: state)
    monkeypatch.setattr(torch.mps, "set_rng_state", restored.append)
    found = rng_state(MPS)
    assert found is state
    set_rng_state(MPS, found)
    assert restored == [state]


def test_its_work_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waited = []
    monkeypatch.setattr(torch.mps, "synchronize", lambda: waited.append(True))
    finish_work(MPS)
    assert waited


def test_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 5 * 2**30)
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: 2 * 2**30)
    assert available_bytes(MPS) == 3 * 2**30


def test_its_allocation_that_fails_is_known() -> None:
    error = RuntimeError(
        "MPS backend out of memory (MPS allocated: 5.61 GB, other allocations: 1.10 GB, max allowed: 6.80 GB). "
        "Tried to allocate 256.00 MB on private pool."
    )
    assert is_out_of_memory(error)
    assert requested_bytes(error) == 256 * 2**20


@pytest.mark.parametrize(("held", "steps"), [(0.0, 1), (1.0, 0)])
def test_no_weight_moves_after_a_number_that_is_not_finite(held: float, steps: int) -> None:
    """On MPS, torch's fused AdamW ignores `found_inf`."""
    taken: list[bool] = []
    optimizer = SimpleNamespace(step=lambda: taken.append(True))
    train_state = SimpleNamespace(device=MPS, _held=torch.tensor(held), optimizer=optimizer)
    TrainState.move_weights(cast(TrainState, train_state))
    assert len(taken) == steps
