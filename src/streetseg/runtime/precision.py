"""Precision of the training: fp32 or bf16, chosen by the instructions of the processor, so that it is reproducible."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch

from streetseg.machine import cpu_fact

BF16_INSTRUCTIONS = ("amx_bf16", "avx512_bf16")  # x86 instruction sets, as torch and Linux name them


@dataclass(frozen=True)
class Precision:
    """The number format of convolutions and matrix products.

    Args:
        name: "fp32" or "bf16"; weights, losses and scores are fp32 in both cases.
        why: the reason, for the log.
    """

    name: str
    why: str

    def autocast(self, device: torch.device) -> AbstractContextManager[None]:
        """Return the context for forward passes."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.name == "bf16")


def choose_precision(requested: str, device: torch.device) -> Precision:
    """Return the requested precision; for "auto" bf16 if the device has instructions for it, else fp32.

    The choice does not depend on measured times: they depend on the load of the machine, and two seeds of a study could
    get different precisions.

    Args:
        requested: "auto", "fp32" or "bf16".
        device: the device of the training.
    """
    if requested != "auto":
        return Precision(requested, "as the recipe says")
    if device.type == "cuda":
        # Older GPUs emulate bf16, which is several times slower than fp32.
        with torch.cuda.device(device):
            if torch.cuda.is_bf16_supported(including_emulation=False):
                return Precision("bf16", "this GPU has instructions for bf16")
        return Precision("fp32", "this GPU has no instructions for bf16")
    if device.type == "mps":
        return Precision("fp32", "bf16 has not been measured on Apple GPUs")
    capabilities = cpu_capabilities()
    instructions = next((name for name in BF16_INSTRUCTIONS if capabilities.get(name)), None)
    if instructions is None:
        return Precision("fp32", "this processor is not known to have instructions for bf16")
    return Precision("bf16", f"this processor has instructions for bf16 ({instructions})")


def cpu_capabilities() -> Mapping[str, Any]:
    """Return the instruction sets of the processor by name; empty where neither torch nor the system reports them."""
    if hasattr(torch.cpu, "get_capabilities"):
        reported: Mapping[str, Any] = torch.cpu.get_capabilities()
        return reported
    return dict.fromkeys((cpu_fact("flags") or "").split(), True)
