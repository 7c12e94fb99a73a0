"""Ways to compute training steps faster: the network compiled (`torch.compile`), steps as CUDA graphs, or neither."""

from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import nn

# Compiling takes about a minute, and each compiled step saves some milliseconds.
MIN_STEPS = 5000


@dataclass(frozen=True)
class Compilation:
    """A way to compute training steps.

    Args:
        how: "compiled": by a compiled network; "graph": recorded and replayed as CUDA graphs; "eager": neither.
        why: the reason, for the log.
    """

    how: Literal["compiled", "graph", "eager"]
    why: str

    @property
    def text(self) -> str:
        """The way, in a few words."""
        match self.how:
            case "compiled":
                return "the network is compiled"
            case "graph":
                return "steps are replayed as CUDA graphs"
        return "the network is not compiled"

    def of(self, network: nn.Module, *, graphs: bool) -> nn.Module:
        """Return the network, compiled for each input shape if it is to be. It has the same weight tensors.

        Args:
            graphs: replay its kernels as CUDA graphs, without Python between them.
        """
        if self.how != "compiled":
            return network
        mode = "reduce-overhead" if graphs else "default"
        return cast(nn.Module, torch.compile(network, dynamic=False, mode=mode))


NOT_COMPILED = Compilation("eager", "not asked for")


def choose_compilation(requested: str, device: torch.device, steps: int, obstacle: str | None) -> Compilation:
    """Return what was requested; for "auto" compile if that saves more time than it takes, else replay graphs.

    Args:
        requested: "auto", "on" or "off".
        device: the device of the training.
        steps: number of steps that remain.
        obstacle: why steps of this training cannot be CUDA graphs; None: they can.
    """
    if requested != "auto":
        return Compilation("compiled" if requested == "on" else "eager", "asked for")
    if device.type != "cuda":
        return Compilation(
            "eager", "on a CPU it gains nothing" if device.type == "cpu" else "it was tried on CUDA alone"
        )
    if steps < MIN_STEPS:
        why = f"{steps} steps are too few to repay a compilation, {MIN_STEPS} are needed"
    elif not has_triton():
        why = "a compilation needs Triton, which is not installed or cannot use this GPU"
    else:
        return Compilation("compiled", f"{steps} steps repay it")
    if obstacle is None:
        return Compilation("graph", why)
    return Compilation("eager", f"{why}; and its steps are no CUDA graphs: {obstacle}")


def has_triton() -> bool:
    """Return whether Triton is installed and can use the GPU; torch.compile needs it there."""
    from torch.utils._triton import has_triton as torch_has_triton

    return bool(torch_has_triton())
