"""Checkpoints of the training state: written atomically, verified by SHA-256, loaded with `weights_only=True`."""

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
from streetseg.runtime.disk import free_space_for

log = logging.getLogger("streetseg")

STATE, MANIFEST = "state.pt", "manifest.json"


def checkpoint_name(epochs_done: int, steps: int = 0) -> str:
    """Return the name of a checkpoint, such as epoch-003-step-00120.

    Args:
        epochs_done: complete epochs.
        steps: steps done in the next epoch.
    """
    return f"epoch-{epochs_done:03d}" + (f"-step-{steps:05d}" if steps else "")


def save_checkpoint(folder: Path, name: str, state: dict[str, Any], *, keep: int, best: str | None = None) -> Path:
    """Write a checkpoint to folder/name, verify it, and remove the checkpoints that are not kept.

    Kept are this checkpoint, the newest `keep` checkpoints at the end of an epoch, and that of the best epoch. A
    checkpoint in the middle of an epoch does not count among `keep`, and is removed when a newer one exists.
    Checkpoints later than this one are removed, too: they were damaged, and the run went on from an earlier one.

    Args:
        folder: folder of the checkpoints; it is created if it does not exist.
        name: from `checkpoint_name`.
        state: tensors, numbers, strings, lists and dicts.
        keep: number of checkpoints at the end of an epoch to keep.
        best: the name of the best epoch's checkpoint.

    Raises:
        TrainingError: the checkpoint cannot be written or read back; earlier checkpoints are kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    size = sum(leaf.nbytes for leaf in tree_leaves(state) if isinstance(leaf, torch.Tensor))
    with free_space_for(path, size), atomic_folder(path) as new:
        write_state(new / STATE, state)
        atomic_write_json(new / MANIFEST, {STATE: sha256(new / STATE)})
    if problem := damage(path):
        raise TrainingError(
            f"a checkpoint was just written and cannot be read back ({problem})",
            where=path,
            hint="earlier checkpoints are kept; is the disk failing? copy the run elsewhere and go on with --resume",
        )
    position = checkpoint_position(path)
    epoch_ends = [
        other for other in checkpoints(folder) if "-step-" not in other.name and checkpoint_position(other) <= position
    ]
    kept = {path, folder / (best or name), *epoch_ends[-keep:]}
    for other in checkpoints(folder):
        if other not in kept:
            remove_folder(other)
    return path


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Write a state with torch.save. Raises OSError, also where torch's writer turned it into a RuntimeError."""
    try:
        with path.open("wb") as file:
            torch.save(state, file)
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):
            raise error.__context__ from error
        raise


def load_newest_checkpoint(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """Return path and state of the newest checkpoint that is not damaged; None if there is no checkpoint.

    A warning in the log names each damaged checkpoint.

    Raises:
        TrainingError: all checkpoints are damaged.
    """
    paths = checkpoints(folder)
    for path in reversed(paths):
        try:
            return path, load_checkpoint(path)
        except TrainingError as error:
            earlier = "; trying the one before" if path != paths[0] else ""
            log.warning("checkpoint %s is damaged (%s)%s", path, error.problem, earlier)
    if paths:
        raise TrainingError(
            "every checkpoint is damaged",
            where=paths,
            hint="start a new run; --weights and this run's folder start it from its best network",
        )
    return None


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Return the state of a checkpoint, on the CPU. Raises TrainingError if it is damaged."""
    if problem := damage(path):
        raise TrainingError(problem, where=path)
    try:
        state: dict[str, Any] = torch.load(path / STATE, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:  # it holds other things than tensors and plain values
        raise TrainingError(str(error).splitlines()[0], where=path) from error
    return state


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoint folders, in the order of the training."""
    return sorted((path for path in folder.glob("epoch-*") if path.is_dir()), key=checkpoint_position)


def checkpoint_position(path: Path) -> list[int]:
    """Return the numbers in a checkpoint's name, epochs and steps. As numbers, epoch 1000 comes after epoch 999."""
    return [int(digits) for digits in re.findall(r"\d+", path.name)]


def damage(path: Path) -> str | None:
    """Return what is wrong with a checkpoint, or None if it is whole."""
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        if not isinstance(manifest, dict) or STATE not in manifest:
            return f"{MANIFEST} does not name {STATE}"
        drop_cached(path / STATE)
        if sha256(path / STATE) != manifest[STATE]:
            return f"{STATE} does not match its SHA-256"
    except (OSError, ValueError) as error:
        return str(error)
    return None


def drop_cached(path: Path) -> None:
    """Drop a file from the page cache of Linux, so that the next read comes from the disk. Elsewhere do nothing."""
    if sys.platform == "linux":
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
