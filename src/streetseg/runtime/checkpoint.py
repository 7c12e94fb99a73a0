"""Training state on the disk: whole or not at all, and never unpickled blindly."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import torch

from streetseg.atomic import atomic_folder, atomic_write_json, sha256
from streetseg.errors import TrainingError

log = logging.getLogger("streetseg")


def save_checkpoint(folder: Path, name: str, state: dict[str, Any], *, keep: int) -> Path:
    """Write `state` to folder/name and drop all but the newest `keep` checkpoints.

    Args:
        name: sorts by age, e.g. "epoch-007".
        state: tensors, numbers, strings, lists and dicts.
    """
    path = folder / name
    with atomic_folder(path) as new:
        torch.save(state, new / "state.pt")
        atomic_write_json(new / "manifest.json", {"state.pt": sha256(new / "state.pt")})
    for old in checkpoints(folder)[:-keep]:
        shutil.rmtree(old)
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
            return path, torch.load(path / "state.pt", map_location="cpu", weights_only=True)
        log.warning("checkpoint %s is damaged (%s); trying the one before", path, problem)
    if found:
        raise TrainingError("every checkpoint is damaged", where=[str(path) for path in found], hint="start a new run")
    return None


def checkpoints(folder: Path) -> list[Path]:
    """Checkpoint folders, oldest first."""
    return sorted(path for path in folder.glob("epoch-*") if path.is_dir())


def damage(path: Path) -> str | None:
    """What is wrong with a checkpoint, or None."""
    try:
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        for name, digest in manifest.items():
            if sha256(path / name) != digest:
                return f"{name} does not match its SHA-256"
    except (OSError, ValueError) as error:
        return str(error)
    return None
