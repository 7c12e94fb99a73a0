"""What the files of a finished run must hold so that everything can be computed and said that is made from them.

The functions turn the bytes of a file into values. What is wrong with them is said by a ValueError.
"""

import csv
import io
import json
import math
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, InstanceOf, ValidationError

from streetseg.recipe.plain_yaml import invalid

QUANTITIES = ("loss", "accuracy", "iou")  # of results.csv, on the training and on the validation split
COLUMNS = ("epoch", "best", *(f"{split}_{quantity}" for split in ("train", "val") for quantity in QUANTITIES))

Text = InstanceOf[str]  # a name that is no UTF-8 holds halves of characters, which pydantic's own str refuses
Measured = Annotated[float, Field(ge=0)]


class Said(BaseModel):
    """The keys of a JSON file that something is computed with or said of; there may be others, which only inform."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class ProtocolTerms(Said):
    """What scores were measured on, and by which rules."""

    dataset: Text
    split: Text
    images: Annotated[int, Field(ge=1)]
    label_space: Text
    resolution: Text
    network_resolution: Text
    ignore: Text
    absent: Text
    test_time: Text
    rules: Text


class Scored(Said):
    """evaluation/scores.json"""

    protocol: ProtocolTerms
    ece: float | None = None


class Latency(Said):
    """Of one image, milliseconds."""

    p50: Annotated[float, Field(gt=0)]
    p95: Measured | None = None


class Cost(Said):
    """cost.json"""

    size: Annotated[list[int], Field(min_length=2, max_length=2)]
    device: Text
    threads: int | None = None
    precision: Text
    latency_ms: Latency
    images_per_second: Measured | None = None
    parameters: Measured
    macs: Measured | None = None
    peak_memory_mb: Measured | None = None


class Machine(Said):
    """What a run ran on."""

    cpu: Text
    cores: int | None
    memory_gb: Measured
    gpu: Text | None = None


class Git(Said):
    """The state of the program's own checkout."""

    commit: Text | None = None
    changed: bool | None = None


class Precision(Said):
    """What the network was computed in; earlier versions called its name `chosen`."""

    name: Text | None = None
    chosen: Text | None = None
    why: Text | None = None


class Environment(Said):
    """environment.json"""

    versions: dict[Text, Text | None]
    machine: Machine
    git: Git | None = None
    command: list[Text] | None = None
    precision: Precision | None = None


class Split(Said):
    """What is said of one split in data.json."""

    images: Annotated[int, Field(ge=0)]
    fingerprint: Text = ""
    sequences: list[Text] = []


class Data(Said):
    """data.json"""

    spec: Text
    space: Text
    splits: dict[Text, Split]


class Epoch(Said):
    """The line of an epoch in journal.jsonl."""

    epoch: int
    images_per_second: Measured
    seconds: Measured


def checked(data: bytes, kind: type[Said]) -> dict[str, Any]:
    """A JSON object with at least the keys of its kind. Raises ValueError."""
    value: dict[str, Any] = _parsed(data)
    try:
        kind.model_validate(value)
    except ValidationError as error:
        raise ValueError(invalid(error)) from error
    return value


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def columns(data: bytes) -> dict[str, tuple[float, ...]]:
    """results.csv: its columns by name, one float an epoch, NaN where a cell is empty. Raises ValueError."""
    text = data.decode()
    if not text.endswith("\n"):
        raise ValueError("it ends in the middle of a line")
    try:
        head, *rows = filter(None, csv.reader(io.StringIO(text, newline="")))  # no empty lines
    except csv.Error as error:
        raise ValueError(str(error)) from error
    if missing := [name for name in COLUMNS if name not in head]:
        raise ValueError(f"it lacks the columns {', '.join(missing)}")
    if any(len(row) != len(head) for row in rows):
        raise ValueError("a row is longer or shorter than the first")
    found = {name: tuple(_number(row[k]) for row in rows) for k, name in enumerate(head)}
    if found["epoch"] != tuple(range(1, len(rows) + 1)):
        raise ValueError("its epochs do not count up from 1")
    return found


def _number(cell: str) -> float:
    """A cell as a float; empty is NaN, and a ground truth value 0 or 1."""
    ground_truth = {"": math.nan, "true": 1.0, "false": 0.0}
    return ground_truth[cell.lower()] if cell.lower() in ground_truth else float(cell)


def events(data: bytes) -> list[dict[str, Any]]:
    """The lines of journal.jsonl, empty where one cannot be read; a stop in the middle of writing leaves half a one."""
    found = []
    for line in data.splitlines():
        try:
            event = _parsed(line)
        except ValueError:
            event = None
        found.append(event if isinstance(event, dict) else {})
    return found


def speeds(journal: list[dict[str, Any]]) -> dict[int, Epoch]:
    """What the journal says of each epoch; of one that was done twice, the last."""
    found = {}
    for event in journal:
        if event.get("event") == "epoch":
            try:
                epoch = Epoch.model_validate(event)
            except ValidationError:  # as a line that cannot be read
                continue
            found[epoch.epoch] = epoch
    return found
