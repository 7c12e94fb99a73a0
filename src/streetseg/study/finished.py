"""A finished run folder, read once and checked, without torch."""

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streetseg.errors import RequestError
from streetseg.metrics.counts import Counts
from streetseg.models.description import read_model_json
from streetseg.recipe.schema import Recipe
from streetseg.recipe.write import read_resolved

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
        """The class colours in id order, sRGB 0..255."""
        return tuple((int(r), int(g), int(b)) for r, g, b in self.model["colors"])

    @property
    def protocol(self) -> Mapping[str, Any]:
        """What the scores were measured on, and by which rules."""
        protocol: Mapping[str, Any] = self.scores["protocol"]
        return protocol

    @property
    def best_epoch(self) -> int | None:
        """The last epoch marked as best in results.csv, counted from 1."""
        marked = [epoch for epoch, best in zip(self.curves["epoch"], self.curves["best"], strict=True) if best == 1]
        return int(marked[-1]) if marked else None


def read_run(folder: Path) -> FinishedRun:
    """Reads a run folder.

    Raises:
        RequestError: it is no run folder, the run is unfinished, or one of its files cannot be read.
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
    return FinishedRun(
        folder=folder,
        recipe=read_resolved(folder / "recipe.yaml"),
        model=read_model_json(folder / "best"),
        counts=Counts.load(folder / "evaluation" / "counts.npz"),
        scores=_json(folder / "evaluation" / "scores.json"),
        curves=_speeds(folder / "journal.jsonl", columns := _columns(folder / "results.csv")) | columns,
        cost=_json(folder / "cost.json"),
        environment=_json(folder / "environment.json"),
        data=_json(folder / "data.json"),
    )


def is_finished(folder: Path) -> bool:
    """Whether a run ended and left all its files."""
    return all((folder / name).is_file() for name in NEEDED) and _ended(folder / "journal.jsonl")


def is_reported(folder: Path) -> bool:
    """Whether a finished run has the report of what it came to, and not of a time before it went on."""
    report, journal = folder / "report.html", folder / "journal.jsonl"
    return report.is_file() and report.stat().st_mtime_ns >= journal.stat().st_mtime_ns


def _ended(journal: Path) -> bool:
    """Whether the last line of the journal says that the run ended."""
    events = _events(journal)
    return bool(events) and events[-1].get("event") == "end"


def _speeds(journal: Path, columns: Mapping[str, tuple[float, ...]]) -> dict[str, tuple[float, ...]]:
    """What the journal says of each epoch's speed; runs of earlier versions have it in results.csv instead."""
    lines = {event["epoch"]: event for event in _events(journal) if event.get("event") == "epoch"}
    return {
        name: tuple(lines.get(int(epoch), {}).get(name) or math.nan for epoch in columns.get("epoch", ()))
        for name in ("images_per_second", "seconds")
    }


def _events(journal: Path) -> list[dict[str, Any]]:
    """The lines of a journal that can be read; a stop in the middle of writing leaves half a one."""
    events = []
    for line in journal.read_text(encoding="utf-8").splitlines():
        try:
            event = json.loads(line)
        except json.JSONDecodeError:
            event = None
        events.append(event if isinstance(event, dict) else {})
    return events


def _json(path: Path) -> Mapping[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RequestError(f"not readable as JSON ({error})", where=path) from error
    if not isinstance(value, dict):
        raise RequestError(f"expected a JSON object, found {type(value).__name__}", where=path)
    return value


def _columns(path: Path) -> dict[str, tuple[float, ...]]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    try:
        return {name: tuple(_number(row[name]) for row in rows) for name in (rows[0] if rows else ())}
    except (ValueError, TypeError) as error:
        raise RequestError(f"a cell is not a number ({error})", where=path) from error


def _number(cell: str) -> float:
    """A cell as a float; empty is NaN, and a truth value 0 or 1."""
    truth = {"": math.nan, "true": 1.0, "false": 0.0}
    return truth[cell.lower()] if cell.lower() in truth else float(cell)
