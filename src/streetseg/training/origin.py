"""What a run is made from, its recipe and its data, and what must not change when it is taken up again."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from streetseg.data.store import Store
from streetseg.errors import RequestError
from streetseg.recipe.load import leaves, without_effect
from streetseg.recipe.resolved import read_resolved
from streetseg.recipe.schema import Recipe
from streetseg.runs.folder import RunFolder


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
