"""fp32 or bf16: decided by a short measurement at the start, and said."""

import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch

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
    ratio = seconds["fp32"] / seconds["bf16"]
    chosen = "bf16" if ratio >= WORTH_IT else "fp32"
    return Precision(chosen, f"measured at start: bf16 is {ratio:.2f} times as fast as fp32 here, at least {WORTH_IT} asked")


def time_steps(step: Callable[[Precision], None], precision: Precision, device: torch.device, repeats: int = 3) -> float:
    """Median seconds of a step, after one to warm up."""
    step(precision)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        step(precision)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
    return statistics.median(times)
