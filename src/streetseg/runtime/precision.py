"""fp32 or bf16: decided by a short measurement at the start, and said."""

import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch

from streetseg.runtime.device import finish_work

WORTH_IT = 1.15  # bf16 must be this much faster: below it, fp32's exactness is worth more than the time


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
    seconds = {name: time_steps(step, Precision(name, "trial"), device) for name in ("fp32", "bf16")}
    return faster_precision(seconds["fp32"], seconds["bf16"])


def faster_precision(fp32_seconds: float, bf16_seconds: float) -> Precision:
    """bf16 where it is worth it, and the sentence that says so."""
    ratio = fp32_seconds / bf16_seconds
    why = f"measured at start: bf16 is {ratio:.2f} times as fast as fp32 here, at least {WORTH_IT} asked"
    return Precision("bf16" if ratio >= WORTH_IT else "fp32", why)


def time_steps(step: Callable[[Precision], None], precision: Precision, device: torch.device) -> float:
    """Median seconds of three steps, after one to warm up."""
    times = []
    for _ in range(4):
        finish_work(device)
        start = time.perf_counter()
        step(precision)
        finish_work(device)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])
