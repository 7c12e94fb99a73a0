"""Making everything that learns, and what is chosen by a look at the machine on the way."""

import copy
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from streetseg.models.segmenter import Segmenter
from streetseg.models.weights import InitialWeights
from streetseg.phases import Phases
from streetseg.recipe.schema import Recipe, Size
from streetseg.runtime.batch_norm import share_batch_norm
from streetseg.runtime.compilation import choose_compilation
from streetseg.runtime.device import tune
from streetseg.runtime.distributed import Ranks
from streetseg.runtime.precision import Precision, choose_precision
from streetseg.training.ema import ExponentialAverage
from streetseg.training.learner import Learner
from streetseg.training.objective import Objective
from streetseg.training.optimizer import make_optimizer


def make_learner(
    recipe: Recipe,
    segmenter: Segmenter,
    initial: InitialWeights,
    class_pixels: NDArray[np.int64],
    crop: Size,
    device: torch.device,
    state: dict[str, Any] | None,
    ranks: Ranks,
    phases: Phases,
    steps: int,
) -> Learner:
    """Everything that learns, on its device. A resumed run keeps the precision that `auto` found at its start.

    Args:
        class_pixels: pixels of each class in the training split, int64 (C,).
        crop: height and width of the training crop.
        state: of the checkpoint to go on from.
        steps: that are still to be done, about.
    """
    tune(device)
    segmenter.to(device).to(memory_format=torch.channels_last)
    objective = Objective(recipe.loss, class_pixels, segmenter.space.ignore_index).to(device)
    if state is not None and recipe.train.precision == "auto":
        precision = Precision(state["precision"], "as before the interruption")
    else:
        # A GPU is not filled by two pictures, and no format is faster than an idle one.
        pictures = recipe.train.batch // ranks.world if device.type == "cuda" else 2
        with torch.random.fork_rng():  # how many steps are tried depends on the machine: the run must not
            found = choose_precision(recipe.train.precision, device, trial_step(segmenter, objective, crop, pictures))
        precision = Precision(**ranks.of_main(asdict(found)))
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


def trial_step(segmenter: Segmenter, objective: Objective, crop: Size, count: int) -> Callable[[Precision], None]:
    """A forward and backward pass on `count` pictures of noise, by a copy of the network: it leaves no trace."""
    network = copy.deepcopy(segmenter).train()
    device, classes = segmenter.mean.device, segmenter.space.num_classes
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (count, 3, *crop), dtype=torch.uint8, generator=generator).to(device)
    labels = torch.randint(0, classes, (count, *crop), dtype=torch.uint8, generator=generator).to(device)

    def step(precision: Precision) -> None:
        network.zero_grad()
        with precision.autocast(device):
            logits = network(pictures)
        objective(logits, labels)[0].backward()

    return step


def describe_start(learner: Learner, initial: InitialWeights) -> dict[str, Any]:
    """What environment.json says of the run besides versions and machine."""
    return {
        "device": str(learner.device),
        "processes": learner.ranks.world,
        "precision": asdict(learner.precision),
        "compiled": asdict(learner.compilation),
        "initial_weights": initial.as_dict(),
    }
