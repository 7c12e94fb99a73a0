"""Resume: what a checkpoint holds, how it is put back, and what must not have changed in recipe and data."""

import json
from collections.abc import Mapping
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


def origin_of(recipe: Recipe, stores: tuple[Store, Store]) -> dict[str, Any]:
    """What every checkpoint of a run says of where it comes from: `recipe`, and `data` as they are now."""
    roles = zip(("train", "val"), stores, strict=True)
    data = {role: {"pictures": len(store), "fingerprint": store.fingerprint} for role, store in roles}
    return {"recipe": recipe.model_dump(mode="json"), "data": data}


def written_origin(folder: RunFolder) -> dict[str, Any] | None:
    """What the files of a run folder say of where it comes from; None where the run was stopped before it wrote them.

    Raises:
        RequestError: if they are not what a run writes.
    """
    if not (folder.recipe.is_file() and folder.data.is_file()):
        return None
    recipe = read_resolved(folder.recipe)
    try:
        splits = json.loads(folder.data.read_bytes())["splits"]
        roles = {"train": splits[recipe.data.train_split], "val": splits[recipe.data.val_split]}
        data = {
            role: {"pictures": split["images"], "fingerprint": split["fingerprint"]} for role, split in roles.items()
        }
    except (ValueError, KeyError, TypeError) as error:
        raise RequestError(f"not what a run writes ({error!r})", where=folder.data) from error
    return {"recipe": recipe.model_dump(mode="json"), "data": data}


def is_written(folder: RunFolder, origin: Mapping[str, Any]) -> bool:
    """Whether the files of a run folder say that this is its origin."""
    try:
        return written_origin(folder) == origin
    except RequestError:
        return False


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """One line for each thing that decides a run and is not as it was.

    Args:
        then: the state in a checkpoint, or from `written_origin`.
        now: from `origin_of`.
    """
    was, is_now = (dict(leaves(Recipe.model_validate(origin["recipe"]))) for origin in (then, now))
    free = without_effect()
    changed = [name for name in is_now if name not in free and was[name] != is_now[name]]
    return [f"{name}: was {was[name]}, is {is_now[name]}" for name in changed] + [
        f"data, {role} split: was {of_pictures(then['data'][role])}, is {of_pictures(found)}"
        for role, found in now["data"].items()
        if found["fingerprint"] != then["data"][role]["fingerprint"]
    ]


def of_pictures(found: Mapping[str, Any]) -> str:
    """A split in one phrase."""
    return f"{found['pictures']} pictures with fingerprint {found['fingerprint'][:12]}"


def refuse_other(changed: Mapping[Path, list[str]]) -> None:
    """Raises RequestError if any run, by its folder, has differences."""
    lines = [f"{folder}: {line}" for folder, found in changed.items() for line in found]
    if lines:
        raise RequestError(
            "the run was made from another recipe or other data",
            where=lines,
            hint="--resume with the recipe and data as they were, or --force to go on all the same",
        )
