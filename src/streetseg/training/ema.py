"""Averaged weights: smoother than the last step's, and what is validated and kept."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from streetseg.models.network import Segmenter


class ExponentialAverage:
    """An exponential moving average of a network's weights and batch-norm statistics.

    Args:
        network: is followed, on the device where it is now; `self.network` is its averaged copy, in evaluation mode.
        decay: share of the old average kept at each step; early on less, (1 + n) / (10 + n), so that the random start
            is soon forgotten.
    """

    def __init__(self, network: Segmenter, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._averaged, self._current = floats(self.network), floats(network)
        self.decay = decay
        self.updates = 0

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights after a step."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        torch._foreach_lerp_(self._averaged, self._current, 1.0 - decay)

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"network": self.network.state_dict(), "updates": self.updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """From a checkpoint."""
        self.network.load_state_dict(state["network"])
        self.updates = state["updates"]


def floats(network: nn.Module) -> list[Tensor]:
    """All floating-point parameters and buffers in a fixed order; not copies, and so of the network as it will be."""
    return [tensor for tensor in (*network.parameters(), *network.buffers()) if tensor.is_floating_point()]
