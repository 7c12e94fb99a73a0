"""What learns."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from streetseg.models.network import Segmenter
from streetseg.profiler import Phases
from streetseg.recipe.schema import Recipe
from streetseg.runtime.compilation import NOT_COMPILED, Compilation
from streetseg.runtime.distributed import ALONE, Ranks
from streetseg.runtime.precision import Precision
from streetseg.training.ema import ExponentialAverage
from streetseg.training.objective import Objective, OwnObjective
from streetseg.training.optim import hold_where


@dataclass
class Learner:
    """What changes while training, and what changes it; the same on all ranks that train together."""

    recipe: Recipe
    segmenter: Segmenter
    average: ExponentialAverage | None
    optimizer: torch.optim.Optimizer
    objective: Objective | OwnObjective
    device: torch.device
    precision: Precision
    ranks: Ranks = ALONE
    steps_done: int = 0
    compilation: Compilation = NOT_COMPILED
    phases: Phases = field(default_factory=Phases)

    def __post_init__(self) -> None:
        self._network = self.ranks.averaging_gradients(self.segmenter)
        self._compiled = self.compilation.of(self._network, graphs=self.device.type == "cuda" and self.ranks.world == 1)
        self._full = len(range(self.recipe.train.batch)[self.ranks.rank :: self.ranks.world])
        self._held = torch.zeros((), device=self.device)
        hold_where(self.optimizer, self._held)

    def logits(self, pictures: Tensor) -> Tensor:
        """Pictures uint8 (B, 3, H, W), this rank's share of a batch -> logits (B, C, H, W), for a backward pass."""
        # An epoch's last batch is a smaller one: it is not worth a compilation of its own.
        network = self._compiled if len(pictures) == self._full else self._network
        logits: Tensor = network(pictures)
        return logits

    def hold_unless_finite(self, number: Tensor) -> None:
        """From a number on that is NaN or infinite, no step moves a weight. Decided on the device: nobody waits."""
        torch.maximum(self._held, (~number.isfinite()).float(), out=self._held)

    def move_weights(self) -> None:
        """Take one step of the optimiser, unless a number was not finite."""
        if self.device.type == "mps" and self._held:  # its fused AdamW does not look at the flag: here one waits
            return
        self.optimizer.step()

    @property
    def scored(self) -> Segmenter:
        """The weights that are validated and kept: the averaged ones where there are any."""
        return self.segmenter if self.average is None else self.average.network

    @property
    def lr(self) -> float:
        """The learning rate of the last step, as the decoder and the head have it."""
        rate: float = self.optimizer.param_groups[-1]["lr"]
        return rate
