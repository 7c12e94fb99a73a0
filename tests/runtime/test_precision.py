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
def test_auto_takes_the_faster_one(slow: str, chosen: str) -> None:
    """The slow one waits 100 ms a step, the other not at all; a bf16 so slow is given up after a second step."""
    seen: list[str] = []

    def step(precision: Precision) -> None:
        seen.append(precision.name)
        if precision.name == slow:
            time.sleep(0.1)

    assert choose_precision("auto", CPU, step).name == chosen
    assert seen == ["fp32"] * 4 + ["bf16"] * (2 if slow == "bf16" else 4)


def test_bf16_must_be_worth_it() -> None:
    assert faster_precision(WORTH_IT * 1.001, 1.0).name == "bf16"
    assert faster_precision(WORTH_IT * 0.999, 1.0).name == "fp32"
    assert faster_precision(2.0, 1.0).why == (
        "measured at start: bf16 is 2.00 times as fast as fp32 here, at least 1.15 asked"
    )


@pytest.mark.parametrize(("name", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_autocast(name: str, dtype: torch.dtype) -> None:
    with Precision(name, "").autocast(CPU):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype
