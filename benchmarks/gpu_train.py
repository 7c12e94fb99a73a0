"""What a worker of gpu_accuracy.py does: train a run, or train for a moment to measure the pace of a network."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from shutil import rmtree
from typing import Any

from gpu_plan import Pace, recipe_with

# The recipes have four early epochs of six, and the first steps with each size of the crop are slow on a GPU.
PROBE = {
    "train.epochs": 6,
    "train.validate_every": 6,
    "data.limit": 48,
    "data.extra": None,  # an image of another data set takes no other time
    "data.extra_share": None,
}


def describe_device(name: str) -> dict[str, str]:
    """Return the name of the GPU, or that it is none, and the version of torch. Raise RequestError without device."""
    import torch

    from streetseg.runtime.device import choose_device
    from streetseg.runtime.environment import cpu_name

    device = choose_device(name)
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else f"NOT A GPU: {device} ({cpu_name()})"
    return {"device": gpu, "torch": torch.__version__}


def probe(recipe: str, fields: Mapping[str, object], folder: Path) -> Pace:
    """Train for a moment in a new folder, which is removed afterwards; return the pace."""
    from streetseg.recipe.resolved import read_resolved
    from streetseg.runs.folder import RunFolder

    rmtree(folder, ignore_errors=True)
    fewest = {"data.limit": fields["data.limit"]} if "data.limit" in fields else {}
    whole = train_one(recipe, {**fields, **PROBE, **fewest}, folder, profile=True)
    run = RunFolder(folder)
    events = [json.loads(line) for line in run.journal.read_text("utf-8").splitlines()]
    epochs = [event for event in events if event["event"] == "epoch"]
    _, _, early, _, _, late = [1 / epoch["images_per_second"] for epoch in epochs]
    # The first steps with each size of the crop load what later runs of this process find loaded.
    loading = sum(max(0.0, epochs[first]["seconds"] - epochs[first + 1]["seconds"]) for first in (0, 4))
    (profile,) = [event for event in events if event["event"] == "profile"]
    resolved = read_resolved(run.recipe)
    rmtree(folder)
    trained = profile["images"] * (4 * early + 2 * late) / 6  # without what is slow at the beginning
    of_epoch = profile["parts"]["checkpoint"]["seconds"] / 7  # one before the first step, and one after each epoch
    return Pace(
        of_image=(early, late),
        early=resolved.augment.early if resolved.augment.early_crop else 0.0,
        of_epoch=of_epoch,
        of_run=max(0.0, whole - trained - 6 * of_epoch - loading),
        waiting=profile["parts"]["data"]["seconds"] / trained,
        batch=resolved.train.batch,
    )


def train_one(recipe: str, fields: Mapping[str, Any], folder: Path, *, profile: bool = False) -> float:
    """Train one run to its end, from its newest checkpoint if it has one; return the seconds."""
    import torch

    from streetseg.training.train import train

    torch.set_num_threads(1)
    start = time.perf_counter()
    train(recipe_with(recipe, fields), folder, resume=True, quiet=True, profile=profile)
    return time.perf_counter() - start
