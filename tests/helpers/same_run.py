"""Assertions that two finished runs are equal to the last bit."""

from pathlib import Path
from typing import Any

import torch

from streetseg.atomic import sha256
from streetseg.runtime.checkpoint import load_newest_checkpoint

SAME_BYTES = (
    "best/weights.safetensors",
    "best/model.json",
    "results.csv",
    "evaluation/scores.json",
    "evaluation/counts.npz",
    "evaluation/predictions.zip",
    "evaluation/per_image.csv",
    "evaluation/per_class.csv",
)


def assert_same_run(run: Path, expected: Path) -> None:
    """Assert that weights, tables, scores and the newest training state are equal to the last bit."""
    for file in SAME_BYTES:
        assert sha256(run / file) == sha256(expected / file), file
    assert_equal(newest_state(run), newest_state(expected))


def newest_state(run: Path) -> dict[str, Any]:
    """Return the state in a run's newest checkpoint, without the settings that change no result."""
    newest = load_newest_checkpoint(run / "checkpoints")
    assert newest is not None
    path, state = newest
    for setting in ("save_steps", "track", "track_to"):
        state["recipe"]["train"].pop(setting)
    return {"name": path.name, **state}


def assert_equal(one: Any, other: Any) -> None:
    """Assert that two nests of dicts, lists and tensors are equal."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_equal(one[key], other[key])
    elif isinstance(one, list):
        assert len(one) == len(other)
        for item, twin in zip(one, other, strict=True):
            assert_equal(item, twin)
    else:
        assert one == other
