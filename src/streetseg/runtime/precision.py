"""fp32 or bf16: decided by a short measurement at the start, and said."""

import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch

from streetseg.runtime.device import finish_work

WORTH_IT = 1.15  # bf16 must be this much faster: below it, fp32's exactness is worth more than the time
HOPELESS = 0.5  # of fp32's speed: no further pair of steps would make bf16 worth it


@dataclass(frozen=True)
class Precision:
    """The number format of the matrix work, and why it was chosen.

    Args:
        name: "fp32" or "bf16"; weights, losses and scores are fp32 in both.
        why: one sentence for the log.
    """

    name: str
    why: str

    def autocast(self, device: torch.device) -> AbstractContextManager[None]:
        """The context that forward passes run in."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.name == "bf16")


def choose_precision(asked: str, device: torch.device, step: Callable[[Precision], None]) -> Precision:
    """The precision asked for, or with "auto" the faster one of a few trial steps.

    Args:
        asked: "auto", "fp32" or "bf16".
        device: where the step runs.
        step: one forward and backward pass that leaves no trace.
    """
    if asked != "auto":
        return Precision(asked, "asked for")
    if device.type == "cpu" and imitates_bf16():
        return Precision("fp32", "this processor has no instructions for bf16")
    return faster_precision(bf16_gain(step, device))


def imitates_bf16() -> bool:
    """Whether this is a processor that is known to have no instructions for bf16: it would be several times slower."""
    # Older versions of torch cannot tell: there it is measured.
    known: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return known.get("architecture") == "x86_64" and not any(known.get(name) for name in ("avx512_bf16", "amx_bf16"))


def faster_precision(gain: float) -> Precision:
    """bf16 where it is worth it, and the sentence that says so."""
    why = f"measured at start: bf16 is {gain:.2f} times as fast as fp32 here, at least {WORTH_IT} asked"
    return Precision("bf16" if gain >= WORTH_IT else "fp32", why)


def bf16_gain(step: Callable[[Precision], None], device: torch.device) -> float:
    """How many times as fast a step is in bf16: the median of three pairs of steps, after one pair to warm up.

    In pairs, because a machine that is busy with something else for a while is so for both. A bf16 that takes more
    than twice the time of fp32 is not measured to the end.
    """
    gains: list[float] = []
    for _ in range(4):
        fp32, bf16 = (seconds(step, Precision(name, "trial"), device) for name in ("fp32", "bf16"))
        gains.append(fp32 / bf16)
        if len(gains) == 2 and gains[1] < HOPELESS:
            break
    return statistics.median(gains[1:])


def seconds(step: Callable[[Precision], None], precision: Precision, device: torch.device) -> float:
    """Of one step."""
    finish_work(device)
    start = time.perf_counter()
    step(precision)
    finish_work(device)
    return time.perf_counter() - start
