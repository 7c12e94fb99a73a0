"""Whether the network is compiled for training, and why."""

from dataclasses import dataclass
from typing import cast

import torch
from torch import nn

# Compiling takes about a minute, and a compiled step saves milliseconds of a run's steps.
WORTH_STEPS = 5000


@dataclass(frozen=True)
class Compilation:
    """Whether to compile, and one sentence for the log."""

    on: bool
    why: str

    def of(self, network: nn.Module, *, graphs: bool) -> nn.Module:
        """The network as training is to call it: compiled for each shape it meets, its weights the same tensors.

        Args:
            graphs: replay its kernels as CUDA graphs, without Python in between.
        """
        if not self.on:
            return network
        mode = "reduce-overhead" if graphs else "default"
        return cast(nn.Module, torch.compile(network, dynamic=False, mode=mode))


NOT_COMPILED = Compilation(False, "not asked for")


def choose_compilation(requested: str, device: torch.device, steps: int) -> Compilation:
    """What was asked for, or with "auto" what pays off.

    Args:
        requested: "auto", "on" or "off".
        device: where the network trains.
        steps: that are still to be done.
    """
    if requested != "auto":
        return Compilation(requested == "on", "asked for")
    if device.type != "cuda":
        return Compilation(False, "on a CPU it gains nothing" if device.type == "cpu" else "it was tried on CUDA alone")
    if steps < WORTH_STEPS:
        return Compilation(False, f"{steps} steps are too few to repay it, {WORTH_STEPS} are asked")
    if not has_triton():
        return Compilation(False, "it needs Triton, which is not installed or cannot use this GPU")
    return Compilation(True, f"{steps} steps repay it")


def has_triton() -> bool:
    """Whether torch can compile for the GPU."""
    from torch.utils._triton import has_triton as found

    return bool(found())
