"""A finished run folder, read once and checked, without torch."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from streetseg.errors import RequestError
from streetseg.metrics.counts import Counts
from streetseg.models.description import read_model_json, space_of
from streetseg.recipe.resolved import read_resolved
from streetseg.recipe.schema import Recipe
from streetseg.runs.schema import Cost, Data, Environment, Said, Scored, checked, columns, events, speeds

NEEDED = (
    "recipe.yaml",
    "environment.json",
    "data.json",
    "journal.jsonl",
    "results.csv",
    "best/model.json",
    "evaluation/scores.json",
    "evaluation/counts.npz",
    "cost.json",
)
T = TypeVar("T")
DAMAGED = "the file was damaged or changed since: copy the run folder again, or train the run again"


@dataclass(frozen=True, eq=False)
class FinishedRun:
    """What the files of a run folder say.

    Args:
        folder: the run folder.
        recipe: the resolved recipe.
        model: model.json of the best bundle.
        counts: per-image counts of the evaluation.
        scores: scores.json, with its protocol.
        curves: the columns of results.csv by name, one float an epoch, NaN where a cell is empty; with `seconds` and
            `images_per_second` of the journal.
        cost, environment, data: the JSON files of these names.
    """

    folder: Path
    recipe: Recipe
    model: Mapping[str, Any]
    counts: Counts
    scores: Mapping[str, Any]
    curves: Mapping[str, tuple[float, ...]]
    cost: Mapping[str, Any]
    environment: Mapping[str, Any]
    data: Mapping[str, Any]

    @property
    def encoder(self) -> str:
        """timm name of the encoder."""
        return self.recipe.model.encoder

    @property
    def seed(self) -> int:
        """The seed that decided initial weights, order and augmentation."""
        return self.recipe.train.seed

    @property
    def start(self) -> Mapping[str, str]:
        """What the network started from: kind, source and text."""
        start: Mapping[str, str] = self.model["initial_weights"]
        return start

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names in id order."""
        return tuple(self.model["classes"])

    @property
    def colors(self) -> tuple[tuple[int, int, int], ...]:
        """The class colors in id order, sRGB 0..255."""
        return tuple((int(r), int(g), int(b)) for r, g, b in self.model["colors"])

    @property
    def protocol(self) -> Mapping[str, Any]:
        """What the scores were measured on, and by which rules."""
        protocol: Mapping[str, Any] = self.scores["protocol"]
        return protocol

    @property
    def precision(self) -> str:
        """What the network was computed in while it trained."""
        about = self.environment.get("precision") or {}
        return str(about.get("name") or about.get("chosen") or self.recipe.train.precision)

    @property
    def ended_early(self) -> bool:
        """Whether a callback ended it before its last epoch, as `train.patience` does."""
        return any(line.get("event") == "early_stop" for line in _read(self.folder / "journal.jsonl", events))

    @property
    def best_epoch(self) -> int | None:
        """The last epoch marked as best in results.csv, counted from 1."""
        marked = [epoch for epoch, best in zip(self.curves["epoch"], self.curves["best"], strict=True) if best == 1]
        return int(marked[-1]) if marked else None


def read_run(folder: Path) -> FinishedRun:
    """Reads a run folder.

    Raises:
        RequestError: it is no run folder, the run is unfinished, one of its files cannot be read or is not what a run
            writes, or they contradict each other.
        DataError, ModelError: so it is with evaluation/counts.npz or the bundle.
    """
    if not folder.is_dir():
        raise RequestError("no such run folder", where=folder, hint="give the folders that streetseg train wrote")
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if len(missing) == len(NEEDED):
        raise RequestError(f"not a run folder (no {NEEDED[0]} in it)", where=folder)
    if missing or not _ended(folder / "journal.jsonl"):
        found = f"it lacks {', '.join(missing)}" if missing else "its journal has no end"
        raise RequestError(
            f"the run is not finished ({found})", where=folder, hint="its own command with --resume finishes it"
        )
    model = read_model_json(folder / "best")
    space_of(model, folder / "best" / "model.json")
    curves = _read(folder / "results.csv", columns)
    run = FinishedRun(
        folder=folder,
        recipe=read_resolved(folder / "recipe.yaml"),
        model=model,
        counts=Counts.load(folder / "evaluation" / "counts.npz"),
        scores=_json(folder / "evaluation" / "scores.json", Scored),
        curves=_speeds(folder / "journal.jsonl", curves) | curves,
        cost=_json(folder / "cost.json", Cost),
        environment=_json(folder / "environment.json", Environment),
        data=_json(folder / "data.json", Data),
    )
    _require_consistent(run)
    return run


def is_finished(folder: Path) -> bool:
    """Whether a run ended and left all its files."""
    return all((folder / name).is_file() for name in NEEDED) and _ended(folder / "journal.jsonl")


def is_reported(folder: Path) -> bool:
    """Whether a finished run has the report of what it came to, and not of a time before it went on."""
    report, journal = folder / "report.html", folder / "journal.jsonl"
    return report.is_file() and report.stat().st_mtime_ns >= journal.stat().st_mtime_ns


def _ended(journal: Path) -> bool:
    """Whether the last line of the journal says that the run ended."""
    lines = _read(journal, events)
    return bool(lines) and lines[-1].get("event") == "end"


def _speeds(journal: Path, curves: Mapping[str, tuple[float, ...]]) -> dict[str, tuple[float, ...]]:
    """What the journal says of each epoch's speed; runs of earlier versions have it in results.csv instead."""
    said = speeds(_read(journal, events))
    return {
        name: tuple(getattr(said.get(int(epoch)), name, math.nan) for epoch in curves["epoch"])
        for name in ("images_per_second", "seconds")
    }


def _require_consistent(run: FinishedRun) -> None:
    """Raises RequestError where one file says what is not so in another: one was cut, or is of another run."""
    train, rows = run.recipe.train, len(run.curves["epoch"])
    splits = (run.recipe.data.train_split, run.recipe.data.val_split)
    alike = {
        "encoder in recipe.yaml and best/model.json": (run.encoder, run.model["encoder"]),
        "images in evaluation/scores.json and counts.npz": (run.protocol["images"], len(run.counts.names)),
        "classes in best/model.json and evaluation/counts.npz": (len(run.classes), run.counts.counts.shape[1]),
    }
    found = [f"{what}: {one} and {two}" for what, (one, two) in alike.items() if one != two]
    found += [f"no split {split} in data.json" for split in splits if split not in run.data["splits"]]
    epochs = train.epochs if train.steps is None else 1  # how many they are depends on the processes, too
    if rows < epochs and not run.ended_early:  # more there can be, after --force
        found.append(f"epochs in recipe.yaml and results.csv: {epochs} and {rows}")
    if found:
        raise RequestError(
            f"the files of the run contradict each other ({'; '.join(found)})", where=run.folder, hint=DAMAGED
        )


def _json(path: Path, kind: type[Said]) -> Mapping[str, Any]:
    return _read(path, lambda data: checked(data, kind))


def _read(path: Path, read: Callable[[bytes], T]) -> T:
    """What `read` makes of a file. Raises RequestError where it makes nothing of it."""
    try:
        return read(path.read_bytes())
    except (OSError, ValueError) as error:
        raise RequestError(f"not what a run writes ({error})", where=path, hint=DAMAGED) from error
