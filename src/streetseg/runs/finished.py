"""A finished run: read all files of a run folder once and check them. Needs no torch."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from streetseg.errors import RequestError
from streetseg.metrics.counts import Counts
from streetseg.models.description import read_model_json, space_of
from streetseg.recipe.resolved import read_resolved
from streetseg.recipe.schema import Recipe
from streetseg.runs.folder import RunFolder
from streetseg.runs.schema import Cost, Data, Environment, Schema, Scored, checked, columns, events, speeds

if TYPE_CHECKING:
    from streetseg.json_files.scores import RunProtocol
    from streetseg.json_files.terms import InitialWeights

REQUIRED_FILES = (
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
class Tested:
    """The scores of a split that had no part in the choice of the epoch.

    Args:
        counts: per-image counts.
        protocol: of the scores.
    """

    counts: Counts
    protocol: "RunProtocol"


@dataclass(frozen=True, eq=False)
class FinishedRun:
    """The content of a finished run folder.

    Args:
        folder: the run folder.
        recipe: the resolved recipe.
        model: model.json of the best bundle.
        counts: per-image counts of the evaluation.
        scores: scores.json, with its protocol.
        curves: column of results.csv -> one float per epoch, NaN where a cell is empty; also `seconds` and
            `images_per_second` of the journal.
        cost, environment, data: the JSON files of these names.
        test: the scores of the test split, where it was scored at the end of the run.
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
    test: Tested | None = None

    @property
    def encoder(self) -> str:
        """timm name of the encoder."""
        return self.recipe.model.encoder

    @property
    def seed(self) -> int:
        """The seed of initial weights, order of the images and augmentation."""
        return self.recipe.train.seed

    @property
    def initial_weights(self) -> "InitialWeights":
        """The initial weights of the network: kind, source and text."""
        weights: InitialWeights = self.model["initial_weights"]
        return weights

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names in id order."""
        return tuple(self.model["classes"])

    @property
    def colors(self) -> tuple[tuple[int, int, int], ...]:
        """The class colors in id order, sRGB 0..255."""
        return tuple((int(r), int(g), int(b)) for r, g, b in self.model["colors"])

    @property
    def protocol(self) -> "RunProtocol":
        """The protocol of the scores: data, sizes and scoring rules."""
        protocol: RunProtocol = self.scores["protocol"]
        return protocol

    @property
    def precision(self) -> str:
        """The precision of the training: "fp32" or "bf16"."""
        precision = self.environment.get("precision") or {}
        return str(precision.get("name") or precision.get("chosen") or self.recipe.train.precision)

    @property
    def ended_early(self) -> bool:
        """Whether a callback ended the run before its last epoch, as `train.patience` does."""
        return any(line.get("event") == "early_stop" for line in _read(self.folder / "journal.jsonl", events))

    @property
    def best_epoch(self) -> int | None:
        """The last epoch that results.csv marks as best, counted from 1; None where it marks none."""
        marked = [epoch for epoch, best in zip(self.curves["epoch"], self.curves["best"], strict=True) if best == 1]
        return int(marked[-1]) if marked else None


def read_run(folder: Path) -> FinishedRun:
    """Read a run folder.

    Raises:
        RequestError: the folder is not a run folder, the run is not finished, a file cannot be read or does not have
            the schema of its kind, or the files contradict each other.
        DataError: evaluation/counts.npz cannot be read.
        ModelError: the bundle cannot be read.
    """
    if not folder.is_dir():
        raise RequestError("no such run folder", where=folder, hint="give the folders that streetseg train wrote")
    missing = [name for name in REQUIRED_FILES if not (folder / name).is_file()]
    if len(missing) == len(REQUIRED_FILES):
        raise RequestError(f"not a run folder (no {REQUIRED_FILES[0]} in it)", where=folder)
    if missing or not _ended(folder / "journal.jsonl"):
        reason = f"it lacks {', '.join(missing)}" if missing else "its journal has no end"
        raise RequestError(
            f"the run is not finished ({reason})", where=folder, hint="its own command with --resume finishes it"
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
        test=_tested(RunFolder(folder).test),
    )
    _require_consistent(run)
    return run


def is_finished(folder: Path) -> bool:
    """Return whether a run has ended and all its files exist."""
    return all((folder / name).is_file() for name in REQUIRED_FILES) and _ended(folder / "journal.jsonl")


def is_reported(folder: Path) -> bool:
    """Return whether the report of a finished run exists and is not older than its journal."""
    report, journal = folder / "report.html", folder / "journal.jsonl"
    return report.is_file() and report.stat().st_mtime_ns >= journal.stat().st_mtime_ns


def _ended(journal: Path) -> bool:
    """Return whether the last line of the journal is the event `end`."""
    lines = _read(journal, events)
    return bool(lines) and lines[-1].get("event") == "end"


def _speeds(journal: Path, curves: Mapping[str, tuple[float, ...]]) -> dict[str, tuple[float, ...]]:
    """Return the columns `images_per_second` and `seconds` of the journal; NaN for an epoch that it does not hold.

    Runs of earlier versions have these columns in results.csv instead.
    """
    epochs = speeds(_read(journal, events))
    return {
        name: tuple(getattr(epochs.get(int(epoch)), name, math.nan) for epoch in curves["epoch"])
        for name in ("images_per_second", "seconds")
    }


def _require_consistent(run: FinishedRun) -> None:
    """Raise RequestError if two files contradict each other: one is truncated, or belongs to another run."""
    train, rows = run.recipe.train, len(run.curves["epoch"])
    splits = (run.recipe.data.train_split, run.recipe.data.val_split)
    must_be_equal = {
        "encoder in recipe.yaml and best/model.json": (run.encoder, run.model["encoder"]),
        "images in evaluation/scores.json and counts.npz": (run.protocol["images"], len(run.counts.names)),
        "classes in best/model.json and evaluation/counts.npz": (len(run.classes), run.counts.counts.shape[1]),
    }
    conflicts = [f"{what}: {one} and {two}" for what, (one, two) in must_be_equal.items() if one != two]
    conflicts += [f"no split {split} in data.json" for split in splits if split not in run.data["splits"]]
    # With `train.steps` the number of epochs also depends on the number of processes.
    epochs = train.epochs if train.steps is None else 1
    if rows < epochs and not run.ended_early:  # there may be more rows, after --resume --force
        conflicts.append(f"epochs in recipe.yaml and results.csv: {epochs} and {rows}")
    if conflicts:
        raise RequestError(
            f"the files of the run contradict each other ({'; '.join(conflicts)})", where=run.folder, hint=DAMAGED
        )


def _tested(folder: Path) -> Tested | None:
    """Return the scores of the test split; None where it was not scored."""
    if not (folder / "scores.json").is_file():
        return None
    return Tested(Counts.load(folder / "counts.npz"), _json(folder / "scores.json", Scored)["protocol"])


def _json(path: Path, kind: type[Schema]) -> Mapping[str, Any]:
    return _read(path, lambda data: checked(data, kind))


def _read(path: Path, read: Callable[[bytes], T]) -> T:
    """Return the result of `read` for the bytes of a file. Raises RequestError if it raises OSError or ValueError."""
    try:
        return read(path.read_bytes())
    except (OSError, ValueError) as error:
        raise RequestError(f"the file is damaged or was changed ({error})", where=path, hint=DAMAGED) from error
