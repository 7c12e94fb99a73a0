"""Making everything that learns, and what is chosen by what the machine can do on the way."""

from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from streetseg.models.initial_weights import InitialWeights
from streetseg.models.network import Segmenter
from streetseg.profiler import Phases
from streetseg.recipe.schema import Recipe
from streetseg.runtime.batch_norm import share_batch_norm
from streetseg.runtime.compilation import choose_compilation
from streetseg.runtime.device import tune
from streetseg.runtime.distributed import Ranks
from streetseg.runtime.precision import Precision, choose_precision
from streetseg.training.callbacks import LossFunction
from streetseg.training.ema import ExponentialAverage
from streetseg.training.objective import Objective, OwnObjective
from streetseg.training.optim import make_optimizer
from streetseg.training.train_state import Learner


def make_learner(
    recipe: Recipe,
    segmenter: Segmenter,
    initial: InitialWeights,
    class_pixels: NDArray[np.int64],
    device: torch.device,
    state: dict[str, Any] | None,
    ranks: Ranks,
    phases: Phases,
    steps: int,
    loss: LossFunction | None = None,
) -> Learner:
    """Everything that learns, on its device. A resumed run keeps the precision that `auto` found at its start.

    Args:
        class_pixels: pixels of each class in the training split, int64 (C,).
        state: of the checkpoint to go on from.
        steps: that are still to be done, about.
        loss: of the caller's own, in place of the recipe's.
    """
    tune(device)
    segmenter.to(device).to(memory_format=torch.channels_last)
    objective = (
        Objective(recipe.loss, class_pixels, segmenter.space.ignore_index) if loss is None else OwnObjective(loss)
    ).to(device)
    if state is not None and recipe.train.precision == "auto":
        precision = Precision(state["precision"], "as before the interruption")
    else:
        precision = Precision(**ranks.of_main(asdict(choose_precision(recipe.train.precision, device))))
    average = ExponentialAverage(segmenter, recipe.optim.ema) if recipe.optim.ema else None
    if recipe.train.sync_batch_norm and ranks.world > 1:
        share_batch_norm(segmenter)
    return Learner(
        recipe,
        segmenter,
        average,
        make_optimizer(segmenter, recipe.optim, pretrained=initial.pretrained),
        objective,
        device,
        precision,
        ranks,
        compilation=choose_compilation(recipe.train.compile, device, steps),
        phases=phases,
    )


def describe_start(learner: Learner, initial: InitialWeights) -> dict[str, Any]:
    """What environment.json says of the run besides versions and machine."""
    return {
        "device": str(learner.device),
        "processes": learner.ranks.world,
        "precision": asdict(learner.precision),
        "compiled": asdict(learner.compilation),
        "initial_weights": initial.as_dict(),
    }
