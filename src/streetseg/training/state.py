"""A run's state: what a checkpoint holds, and putting it back."""

from dataclasses import asdict
from typing import Any

import torch

from streetseg.training.fit import Learner
from streetseg.training.history import EpochRow, History


def snapshot(learner: Learner, history: History) -> dict[str, Any]:
    """Everything a run needs to go on, in what torch.load(weights_only=True) reads."""
    return {
        "precision": learner.precision.name,
        "steps_done": learner.steps_done,
        "segmenter": learner.segmenter.state_dict(),
        "average": None if learner.average is None else learner.average.state_dict(),
        "optimizer": learner.optimizer.state_dict(),
        "history": [asdict(row) for row in history.rows],
        "torch_rng": torch.get_rng_state(),
    }


def restore(learner: Learner, state: dict[str, Any]) -> History:
    """Put a snapshot back into `learner`; returns the epochs done."""
    learner.segmenter.load_state_dict(state["segmenter"])
    if learner.average is not None:
        learner.average.load_state_dict(state["average"])
    learner.optimizer.load_state_dict(state["optimizer"])
    learner.steps_done = state["steps_done"]
    torch.set_rng_state(state["torch_rng"])
    return History([EpochRow(**row) for row in state["history"]])
