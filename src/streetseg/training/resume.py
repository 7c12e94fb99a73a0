"""A run's state: what a checkpoint holds, and putting it back."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from streetseg.errors import RequestError
from streetseg.runtime.device import rng_state, set_rng_state
from streetseg.training.best import Best
from streetseg.training.history import EpochRow, History
from streetseg.training.meters import Tally
from streetseg.training.train_state import Learner

FORMAT = 3  # 1 had no epochs begun and no recipe, 2 the random numbers of CUDA alone


def snapshot(learner: Learner, history: History, best: Best) -> dict[str, Any]:
    """Everything a run needs to go on, in what torch.load(weights_only=True) reads."""
    return {
        "format": FORMAT,
        "precision": learner.precision.name,
        "steps_done": learner.steps_done,
        "processes": learner.ranks.world,
        "segmenter": learner.segmenter.state_dict(),
        "average": None if learner.average is None else learner.average.state_dict(),
        "optimizer": learner.optimizer.state_dict(),
        "history": [asdict(row) for row in history.rows],
        "tally": None if history.tally is None else history.tally.state_dict(),
        "initial": best.initial.as_dict(),
        "best_digest": best.digest,
        "torch_rng": torch.get_rng_state(),
        "device": learner.device.type,
        "device_rng": rng_state(learner.device),
    }


def refuse_other_format(state: dict[str, Any], path: Path) -> None:
    """Raises RequestError if another version of the program wrote the state."""
    found = state.get("format", 1)
    if found != FORMAT:
        raise RequestError(
            f"the checkpoint is in format {found}, this program goes on from format {FORMAT}",
            where=path,
            hint="finish the run with the version of streetseg that its environment.json names, or start a new one",
        )


def restore(learner: Learner, best: Best, state: dict[str, Any]) -> History:
    """Put a snapshot back into `learner` and `best`; returns what was done.

    What the recipe says of the optimiser stays: it is another one than in the snapshot only where that was forced.

    Raises:
        RequestError: if the state is that of another network.
    """
    settings = [(group["peak_lr"], group["weight_decay"]) for group in learner.optimizer.param_groups]
    try:
        learner.segmenter.load_state_dict(state["segmenter"])
        learner.optimizer.load_state_dict(state["optimizer"])
    except (RuntimeError, ValueError) as error:
        raise RequestError(
            f"the checkpoint is of another network than the recipe asks for ({str(error).splitlines()[-1].strip()})",
            where="model",
            hint="start a new run",
        ) from error
    for group, (peak_lr, weight_decay) in zip(learner.optimizer.param_groups, settings, strict=True):
        group["peak_lr"], group["weight_decay"] = peak_lr, weight_decay
    if learner.average is not None:
        begun = {"network": state["segmenter"], "updates": 0}
        learner.average.load_state_dict(state["average"] or begun)
    learner.steps_done = state["steps_done"]
    torch.set_rng_state(state["torch_rng"])
    if learner.device.type == state["device"] and state["device_rng"] is not None:
        set_rng_state(learner.device, state["device_rng"])
    best.digest = state["best_digest"]
    tally = None
    if state["tally"] is not None:
        tally = Tally(learner.segmenter.space.num_classes, learner.device, learner.ranks)
        tally.load_state_dict(state["tally"])
    return History([EpochRow(**row) for row in state["history"]], tally)
