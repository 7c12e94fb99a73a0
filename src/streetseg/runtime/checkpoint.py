"""Training state on the disk: whole or not at all, and never unpickled blindly."""

import json
import logging
import pickle
import re
import shutil
from pathlib import Path
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from streetseg.atomic import atomic_folder, atomic_write_json, sha256
from streetseg.errors import TrainingError

log = logging.getLogger("streetseg")

STATE = "state.pt"


def save_checkpoint(folder: Path, name: str, state: dict[str, Any], *, keep: int) -> Path:
    """Write `state` to folder/name and drop all other checkpoints but the `keep` - 1 before it.

    Checkpoints after it belong to a future that was given up, because they were damaged; they go too.

    Args:
        name: "epoch-" and a number that tells its age, e.g. "epoch-007".
        state: tensors, numbers, strings, lists and dicts.

    Raises:
        TrainingError: if it cannot be written; the checkpoints before it are kept.
    """
    path = folder / name
    try:
        with atomic_folder(path) as new:
            torch.save(state, new / STATE)
            atomic_write_json(new / "manifest.json", {STATE: sha256(new / STATE)})
    except (OSError, RuntimeError) as error:  # torch's own writer raises RuntimeError when the disk is full
        needed = sum(leaf.nbytes for leaf in tree_leaves(state) if isinstance(leaf, torch.Tensor))
        raise TrainingError(
            f"the checkpoint cannot be saved: {needed:,} bytes are needed, "
            f"{shutil.disk_usage(folder).free:,} bytes are free ({next(iter(str(error).splitlines()), '')})",
            where=path,
            hint="earlier checkpoints are kept; make room and take the run up again with --resume",
        ) from error
    found = checkpoints(folder)
    newest = found.index(path) + 1
    for other in found[newest:] + found[: max(0, newest - keep)]:
        shutil.rmtree(other)
    return path


def load_newest_checkpoint(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """The newest checkpoint that is whole, or None where there is none at all; damaged ones are passed over, aloud.

    Raises:
        TrainingError: if there are checkpoints and all are damaged.
    """
    found = checkpoints(folder)
    for path in reversed(found):
        problem = damage(path)
        if problem is None:
            try:
                return path, torch.load(path / STATE, map_location="cpu", weights_only=True)
            except pickle.UnpicklingError as error:  # more than tensors and plain values: not written by us
                problem = str(error).splitlines()[0]
        log.warning("checkpoint %s is damaged (%s); trying the one before", path, problem)
    if found:
        raise TrainingError("every checkpoint is damaged", where=found, hint="start a new run")
    return None


def checkpoints(folder: Path) -> list[Path]:
    """Checkpoint folders, oldest first."""
    return sorted((path for path in folder.glob("epoch-*") if path.is_dir()), key=age)


def age(path: Path) -> list[int]:
    """The numbers in a checkpoint's name: epoch 1000 is younger than epoch 999."""
    return [int(digits) for digits in re.findall(r"\d+", path.name)]


def damage(path: Path) -> str | None:
    """What is wrong with a checkpoint, or None."""
    try:
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        if not isinstance(manifest, dict) or STATE not in manifest:
            return f"manifest.json does not name {STATE}"
        if sha256(path / STATE) != manifest[STATE]:
            return f"{STATE} does not match its SHA-256"
    except (OSError, ValueError) as error:
        return str(error)
    return None
