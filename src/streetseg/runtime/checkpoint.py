"""Training state on the disk: whole or not at all, checked before it is relied on, and never unpickled blindly."""

import json
import logging
import os
import pickle
import re
import sys
from pathlib import Path
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from streetseg.atomic import atomic_folder, atomic_write_json, remove_folder, sha256
from streetseg.errors import TrainingError
from streetseg.runtime.disk import room_for

log = logging.getLogger("streetseg")

STATE, MANIFEST = "state.pt", "manifest.json"


def checkpoint_name(epochs_done: int, steps: int = 0) -> str:
    """The name of the checkpoint after so many whole epochs, and so many steps of the next one."""
    return f"epoch-{epochs_done:03d}" + (f"-step-{steps:05d}" if steps else "")


def save_checkpoint(folder: Path, name: str, state: dict[str, Any], *, keep: int, best: str | None = None) -> Path:
    """Write `state` to folder/name, read it back, and drop the checkpoints that are no longer kept.

    Those kept are this one, the newest `keep` that end an epoch, and the best epoch's. One in the middle of an epoch
    never takes another's place, and is dropped as soon as there is a newer one. Checkpoints after this one belong to
    a future that was given up, because they were damaged; they go too.

    Args:
        name: from `checkpoint_name`.
        state: tensors, numbers, strings, lists and dicts.
        best: the name of the best epoch's checkpoint.

    Raises:
        TrainingError: if it cannot be written; the checkpoints before it are kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    needed = sum(leaf.nbytes for leaf in tree_leaves(state) if isinstance(leaf, torch.Tensor))
    with room_for(path, needed), atomic_folder(path) as new:
        write_state(new / STATE, state)
        atomic_write_json(new / MANIFEST, {STATE: sha256(new / STATE)})
    if problem := damage(path):
        raise TrainingError(
            f"a checkpoint was just written and cannot be read back ({problem})",
            where=path,
            hint="earlier checkpoints are kept; is the disk failing? copy the run elsewhere and go on with --resume",
        )
    ends = [other for other in checkpoints(folder) if "-step-" not in other.name and age(other) <= age(path)]
    kept = {path, folder / (best or name), *ends[-keep:]}
    for other in checkpoints(folder):
        if other not in kept:
            remove_folder(other)
    return path


def write_state(path: Path, state: dict[str, Any]) -> None:
    """torch.save, with the OSError that stopped it where it hides behind a RuntimeError of torch's own writer."""
    try:
        with path.open("wb") as file:
            torch.save(state, file)
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):
            raise error.__context__ from error
        raise


def load_newest_checkpoint(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """The newest checkpoint that is whole, or None where there is none at all; damaged ones are passed over, aloud.

    Raises:
        TrainingError: if there are checkpoints and all are damaged.
    """
    found = checkpoints(folder)
    for path in reversed(found):
        try:
            return path, load_checkpoint(path)
        except TrainingError as error:
            earlier = "; trying the one before" if path != found[0] else ""
            log.warning("checkpoint %s is damaged (%s)%s", path, error.problem, earlier)
    if found:
        raise TrainingError(
            "every checkpoint is damaged",
            where=found,
            hint="start a new run; --weights and this run's folder start it from its best network",
        )
    return None


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The state in a checkpoint. Raises TrainingError if it is damaged."""
    if problem := damage(path):
        raise TrainingError(problem, where=path)
    try:
        state: dict[str, Any] = torch.load(path / STATE, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:  # more than tensors and plain values: not written by us
        raise TrainingError(str(error).splitlines()[0], where=path) from error
    return state


def checkpoints(folder: Path) -> list[Path]:
    """Checkpoint folders, oldest first."""
    return sorted((path for path in folder.glob("epoch-*") if path.is_dir()), key=age)


def age(path: Path) -> list[int]:
    """The numbers in a checkpoint's name: epoch 1000 is younger than epoch 999, and than any step after that."""
    return [int(digits) for digits in re.findall(r"\d+", path.name)]


def damage(path: Path) -> str | None:
    """What is wrong with a checkpoint, or None."""
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        if not isinstance(manifest, dict) or STATE not in manifest:
            return f"{MANIFEST} does not name {STATE}"
        forget_cached(path / STATE)
        if sha256(path / STATE) != manifest[STATE]:
            return f"{STATE} does not match its SHA-256"
    except (OSError, ValueError) as error:
        return str(error)
    return None


def forget_cached(path: Path) -> None:
    """Let the kernel forget what it holds of a file, so that the next read shows what is on the disk; on Linux."""
    if sys.platform == "linux":
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
