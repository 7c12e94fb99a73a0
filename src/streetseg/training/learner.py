"""What learns."""

from dataclasses import dataclass

import torch

from streetseg.models.segmenter import Segmenter
from streetseg.recipe.schema import Recipe
from streetseg.runtime.precision import Precision
from streetseg.training.ema import ExponentialAverage
from streetseg.training.objective import Objective


@dataclass
class Learner:
    """What changes while training, and what changes it."""

    recipe: Recipe
    segmenter: Segmenter
    average: ExponentialAverage | None
    optimizer: torch.optim.Optimizer
    objective: Objective
    device: torch.device
    precision: Precision
    steps_done: int = 0

    @property
    def scored(self) -> Segmenter:
        """The weights that are validated and kept: the averaged ones where there are any."""
        return self.segmenter if self.average is None else self.average.network

    @property
    def lr(self) -> float:
        """The learning rate of the last step, as the decoder and the head have it."""
        rate: float = self.optimizer.param_groups[-1]["lr"]
        return rate
