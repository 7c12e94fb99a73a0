"""fp32 or bf16."""

import time

import pytest
import torch

from streetseg.runtime.precision import WORTH_IT, Precision, choose_precision, faster_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", ["fp32", "bf16"])
def test_what_is_asked_for_is_not_measured(name: str) -> None:
    def step(precision: Precision) -> None:
        raise AssertionError("measured")

    assert choose_precision(name, CPU, step) == Precision(name, "asked for")


@pytest.mark.parametrize(("slow", "chosen"), [("fp32", "bf16"), ("bf16", "fp32")])
def test_auto_takes_the_faster_one(slow: str, chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slow one waits 100 ms a step, the other not at all; a bf16 so slow is given up after a second step."""
    monkeypatch.setattr("streetseg.runtime.precision.imitates_bf16", lambda: False)
    seen: list[str] = []

    def step(precision: Precision) -> None:
        seen.append(precision.name)
        if precision.name == slow:
            time.sleep(0.1)

    assert choose_precision("auto", CPU, step).name == chosen
    assert seen == ["fp32", "bf16"] * (2 if slow == "bf16" else 4)


def test_a_machine_that_is_busy_for_a_while_does_not_mislead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program takes the cores from the second step to the fifth, and bf16 is the slower one in truth."""
    monkeypatch.setattr("streetseg.runtime.precision.imitates_bf16", lambda: False)
    steps = 0

    def step(precision: Precision) -> None:
        nonlocal steps
        steps += 1
        time.sleep((0.1 if 2 <= steps <= 5 else 0.01) * (1.5 if precision.name == "bf16" else 1))

    assert choose_precision("auto", CPU, step).name == "fp32"


def test_a_processor_without_bf16_is_not_asked_to_imitate_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def step(precision: Precision) -> None:
        raise AssertionError("measured")

    has = {"architecture": "x86_64", "avx512_bf16": False, "amx_bf16": False}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has, raising=False)
    assert choose_precision("auto", CPU, step) == Precision("fp32", "this processor has no instructions for bf16")
    has["avx512_bf16"] = True
    with pytest.raises(AssertionError, match="measured"):
        choose_precision("auto", CPU, step)


def test_bf16_must_be_worth_it() -> None:
    assert faster_precision(WORTH_IT + 0.001).name == "bf16"
    assert faster_precision(WORTH_IT - 0.001).name == "fp32"
    assert faster_precision(2.0).why == (
        "measured at start: bf16 is 2.00 times as fast as fp32 here, at least 1.15 asked"
    )


@pytest.mark.parametrize(("name", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_autocast(name: str, dtype: torch.dtype) -> None:
    with Precision(name, "").autocast(CPU):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype
