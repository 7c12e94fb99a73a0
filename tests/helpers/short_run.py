"""Arguments and journal of a run of a few steps through the real command."""

from pathlib import Path
from typing import Any

from published import journal_of

Argv = tuple[object, ...]

STEP = "streetseg.training.fit:step"  # the function that forks hook: it is called once a step
USUAL = {
    "model__encoder": "test_efficientnet",
    "model__channels": "[16, 12, 8, 8]",
    "data__size": "none",
    "augment__crop": "none",
    "train__batch": 2,
    "train__precision": "fp32",
    "train__device": "cpu",
}


def train(camvid: Path, out: Path, *flags: object, epochs: int = 3, **values: object) -> Argv:
    """Return the arguments of `streetseg`; `values` are recipe fields by dotted path, with "__" for the dot."""
    settings = [f"{path.replace('__', '.')}={value}" for path, value in (USUAL | values).items()]
    usual = ("--weights", "none", "--quiet", "--epochs", epochs)
    return ("train", f"camvid:{camvid}", *settings, *usual, *flags, "--out", out)


def events(run: Path, kind: str) -> list[dict[str, Any]]:
    """Return the events of one kind in a run's journal."""
    return [event for event in journal_of(run) if event["event"] == kind]
