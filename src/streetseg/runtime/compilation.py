"""Compilation of the network for training (`torch.compile`): on or off, and the reason."""

from dataclasses import dataclass
from typing import cast

import torch
from torch import nn

# Compiling takes about a minute, and each compiled step saves some milliseconds.
MIN_STEPS = 5000


@dataclass(frozen=True)
class Compilation:
    """Whether to compile the network.

    Args:
        on: compile it.
        why: the reason, for the log.
    """

    on: bool
    why: str

    def of(self, network: nn.Module, *, graphs: bool) -> nn.Module:
        """Return the network, compiled for each input shape if `on`. It has the same weight tensors.

        Args:
            graphs: replay its kernels as CUDA graphs, without Python between them.
        """
        if not self.on:
            return network
        mode = "reduce-overhead" if graphs else "default"
        return cast(nn.Module, torch.compile(network, dynamic=False, mode=mode))


NOT_COMPILED = Compilation(False, "not asked for")


def choose_compilation(requested: str, device: torch.device, steps: int) -> Compilation:
    """Return what was requested; for "auto" compile if that saves more time than it takes.

    Args:
        requested: "auto", "on" or "off".
        device: the device of the training.
        steps: number of steps that remain.
    """
    if requested != "auto":
        return Compilation(requested == "on", "asked for")
    if device.type != "cuda":
        return Compilation(False, "on a CPU it gains nothing" if device.type == "cpu" else "it was tried on CUDA alone")
    if steps < MIN_STEPS:
        return Compilation(False, f"{steps} steps are too few to repay it, {MIN_STEPS} are needed")
    if not has_triton():
        return Compilation(False, "it needs Triton, which is not installed or cannot use this GPU")
    return Compilation(True, f"{steps} steps repay it")


def has_triton() -> bool:
    """Return whether Triton is installed and can use the GPU; torch.compile needs it there."""
    from torch.utils._triton import has_triton as torch_has_triton

    return bool(torch_has_triton())
