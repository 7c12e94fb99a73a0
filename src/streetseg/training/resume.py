"""Resume: the content of a checkpoint, how it is restored, and what must not have changed in recipe and data."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from streetseg.data.store import Store
from streetseg.errors import RequestError
from streetseg.recipe.load import leaves, without_effect
from streetseg.recipe.resolved import read_resolved
from streetseg.recipe.schema import Recipe
from streetseg.runs.folder import RunFolder
from streetseg.runtime.device import rng_state, set_rng_state
from streetseg.training.best import Best
from streetseg.training.history import EpochRow, History
from streetseg.training.meters import Meters
from streetseg.training.optim import follow_layout
from streetseg.training.train_state import TrainState

FORMAT = 4  # 1 had no epochs begun and no recipe, 2 the random numbers of CUDA alone, 3 other names of its parts


def begun_runs(folders: Iterable[Path]) -> dict[Path, Recipe]:
    """Return run folder -> its recipe, for those runs that were begun."""
    files = {folder: RunFolder(folder).recipe for folder in folders}
    return {folder: read_resolved(file) for folder, file in files.items() if file.is_file()}


def snapshot(train_state: TrainState, history: History, best: Best) -> dict[str, Any]:
    """Return everything that a run needs to go on, in types that torch.load(weights_only=True) reads."""
    return {
        "format": FORMAT,
        "precision": train_state.precision.name,
        "steps_done": train_state.steps_done,
        "processes": train_state.ranks.world,
        "network": train_state.network.state_dict(),
        "average": None if train_state.average is None else train_state.average.state_dict(),
        "optimizer": train_state.optimizer.state_dict(),
        "history": [asdict(row) for row in history.rows],
        "meters": None if history.meters is None else history.meters.state_dict(),
        "initial": best.initial.as_dict(),
        "best_digest": best.digest,
        "torch_rng": torch.get_rng_state(),
        "device": train_state.device.type,
        "device_rng": rng_state(train_state.device),
    }


def require_format(state: dict[str, Any], path: Path) -> None:
    """Raise RequestError if the checkpoint is in the format of another version of the program."""
    found = state.get("format", 1)
    if found != FORMAT:
        raise RequestError(
            f"the checkpoint is in format {found}, this program goes on from format {FORMAT}",
            where=path,
            hint="finish the run with the version of streetseg that its environment.json names, or start a new one",
        )


def restore(train_state: TrainState, best: Best, state: dict[str, Any]) -> History:
    """Restore `train_state` and `best` from a snapshot, and return the epochs so far.

    Learning rate and weight decay stay those of the recipe. They differ from the snapshot only in a forced resume.

    Raises:
        RequestError: the snapshot is of another network.
    """
    settings = [(group["peak_lr"], group["weight_decay"]) for group in train_state.optimizer.param_groups]
    try:
        train_state.network.load_state_dict(state["network"])
        train_state.optimizer.load_state_dict(state["optimizer"])
    except (RuntimeError, ValueError) as error:
        raise RequestError(
            f"the checkpoint is of another network than the recipe asks for ({str(error).splitlines()[-1].strip()})",
            where="model",
            hint="start a new run",
        ) from error
    follow_layout(train_state.optimizer)
    for group, (peak_lr, weight_decay) in zip(train_state.optimizer.param_groups, settings, strict=True):
        group["peak_lr"], group["weight_decay"] = peak_lr, weight_decay
    if train_state.average is not None:
        begun = {"network": state["network"], "updates": 0}
        train_state.average.load_state_dict(state["average"] or begun)
    train_state.steps_done = state["steps_done"]
    torch.set_rng_state(state["torch_rng"])
    if train_state.device.type == state["device"] and state["device_rng"] is not None:
        set_rng_state(train_state.device, state["device_rng"])
    best.digest = state["best_digest"]
    meters = None
    if state["meters"] is not None:
        meters = Meters(train_state.network.space.num_classes, train_state.device, train_state.ranks)
        meters.load_state_dict(state["meters"])
    return History([EpochRow(**row) for row in state["history"]], meters)


def origin_of(recipe: Recipe, stores: tuple[Store, Store]) -> dict[str, Any]:
    """Return the origin of a run, which every checkpoint holds: its `recipe`, and its `data` with fingerprints."""
    roles = zip(("train", "val"), stores, strict=True)
    data = {role: {"images": len(store), "fingerprint": store.fingerprint} for role, store in roles}
    return {"recipe": recipe.model_dump(mode="json"), "data": data}


def written_origin(folder: RunFolder) -> dict[str, Any] | None:
    """Return the origin of a run as its folder has it; None where the run was stopped before it wrote these files.

    Raises:
        RequestError: the files are damaged or were changed.
    """
    if not (folder.recipe.is_file() and folder.data.is_file()):
        return None
    recipe = read_resolved(folder.recipe)
    try:
        splits = json.loads(folder.data.read_bytes())["splits"]
        roles = {"train": splits[recipe.data.train_split], "val": splits[recipe.data.val_split]}
        data = {role: {"images": split["images"], "fingerprint": split["fingerprint"]} for role, split in roles.items()}
    except (ValueError, KeyError, TypeError) as error:
        raise RequestError(f"the file is damaged or was changed ({error!r})", where=folder.data) from error
    return {"recipe": recipe.model_dump(mode="json"), "data": data}


def is_written(folder: RunFolder, origin: Mapping[str, Any]) -> bool:
    """Return whether the files of a run folder have this origin."""
    try:
        return written_origin(folder) == origin
    except RequestError:
        return False


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return a line for each recipe field and split that decides a run and has changed.

    Args:
        then: a checkpoint, or the result of `written_origin`.
        now: the result of `origin_of`.
    """
    was, is_now = (dict(leaves(Recipe.model_validate(origin["recipe"]))) for origin in (then, now))
    free = without_effect()
    changed = [name for name in is_now if name not in free and was[name] != is_now[name]]
    return [f"{name}: was {was[name]}, is {is_now[name]}" for name in changed] + [
        f"data, {role} split: was {of_images(then['data'][role])}, is {of_images(found)}"
        for role, found in now["data"].items()
        if found["fingerprint"] != then["data"][role]["fingerprint"]
    ]


def of_images(found: Mapping[str, Any]) -> str:
    """Return a split in one phrase."""
    return f"{found['images']} images with fingerprint {found['fingerprint'][:12]}"


def require_unchanged(changed: Mapping[Path, list[str]]) -> None:
    """Raise RequestError if any run has changed: `changed` maps run folders to their lines of `differences`."""
    lines = [f"{folder}: {line}" for folder, found in changed.items() for line in found]
    if lines:
        raise RequestError(
            "the run was made from another recipe or other data",
            where=lines,
            hint="--resume with the recipe and data as they were, or --force to continue with the changes",
        )
