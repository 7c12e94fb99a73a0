"""fp32 or bf16: decided by what the processor has instructions for, never by a clock, so that a run can be repeated."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch

from streetseg.machine import cpu_fact

BF16_INSTRUCTIONS = ("amx_bf16", "avx512_bf16")  # of x86: by these names to torch and to Linux


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


def choose_precision(requested: str, device: torch.device) -> Precision:
    """Return the requested precision; for "auto" bf16 where the device has instructions for it, else fp32.

    A time measured at the start would depend on what else the machine does, and one seed of a study would be trained
    in another precision than the next.

    Args:
        requested: "auto", "fp32" or "bf16".
        device: where the network trains.
    """
    if requested != "auto":
        return Precision(requested, "as the recipe says")
    if device.type == "cuda":
        # Older GPUs imitate bf16, several times more slowly.
        with torch.cuda.device(device):
            if torch.cuda.is_bf16_supported(including_emulation=False):
                return Precision("bf16", "this GPU has instructions for bf16")
        return Precision("fp32", "this GPU has no instructions for bf16")
    if device.type == "mps":
        return Precision("fp32", "bf16 has not been measured on Apple GPUs")
    known = cpu_capabilities()
    found = next((name for name in BF16_INSTRUCTIONS if known.get(name)), None)
    if found is None:
        return Precision("fp32", "this processor is not known to have instructions for bf16")
    return Precision("bf16", f"this processor has instructions for bf16 ({found})")


def cpu_capabilities() -> Mapping[str, Any]:
    """Return the processor's instructions by name; empty where neither torch nor the system tells."""
    if hasattr(torch.cpu, "get_capabilities"):
        reported: Mapping[str, Any] = torch.cpu.get_capabilities()
        return reported
    return dict.fromkeys((cpu_fact("flags") or "").split(), True)
