"""The schema of the files of a finished run: the keys that a comparison, a report or a verdict needs.

The functions parse the bytes of a file. They raise ValueError with the reason where the content is not valid.
"""

import csv
import io
import json
import math
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, InstanceOf, ValidationError, model_validator

from streetseg.metrics.selective import SHOWN
from streetseg.models.calibration import Calibration
from streetseg.recipe.plain_yaml import invalid

QUANTITIES = ("loss", "accuracy", "iou")  # results.csv holds each for the training and for the validation split
COLUMNS = ("epoch", "best", *(f"{split}_{quantity}" for split in ("train", "val") for quantity in QUANTITIES))

Text = InstanceOf[str]  # a file name that is not UTF-8 holds lone surrogates, which pydantic's own str does not accept
NonNegative = Annotated[float, Field(ge=0)]


class Schema(BaseModel):
    """Base of the schemas: the keys of a JSON file that the program reads. Further keys are allowed."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class ProtocolTerms(Schema):
    """The protocol of the scores: data, sizes and scoring rules."""

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


Share = Annotated[float, Field(ge=0, le=1)]


class Bin(Schema):
    """One bin of a reliability diagram; without pixels it has no means."""

    low: Share
    high: Share
    pixels: Annotated[int, Field(ge=0)]
    confidence: Share | None
    accuracy: Share | None

    @model_validator(mode="after")
    def _means_of_pixels(self) -> Self:
        if self.pixels and (self.confidence is None or self.accuracy is None):
            raise ValueError("a bin with pixels has a confidence and an accuracy")
        return self


class CalibrationScores(Schema):
    """The calibration of the model, and its reliability diagram with and without it."""

    fitted: Calibration | None
    reliability: list[Bin]
    uncalibrated_ece: Share | None
    uncalibrated_reliability: list[Bin]


class KeptRow(Schema):
    """The accuracy of the pixels with the highest confidence, for a share of pixels."""

    kept: Share
    accuracy: Share | None
    confidence: Share | None


class Scored(Schema):
    """The file evaluation/scores.json."""

    protocol: ProtocolTerms
    ece: Share | None = None
    calibration: CalibrationScores | None = None  # earlier versions did not measure these two
    selective: list[KeptRow] | None = None
    sources: dict[Text, Any] = {}  # the names of the data sets that are joined

    @model_validator(mode="after")
    def _measured_together(self) -> Self:
        if (self.calibration is None) != (self.selective is None):
            raise ValueError("calibration and selective are there together")
        if self.selective is not None and not set(SHOWN) <= {row.kept for row in self.selective}:
            raise ValueError(f"selective has no row for each of {SHOWN}")
        if self.ece is not None and self.selective and any(row.accuracy is None for row in self.selective):
            raise ValueError("a row of selective has no accuracy")
        return self


class Latency(Schema):
    """The latency of one image in milliseconds: median and 95th percentile."""

    p50: Annotated[float, Field(gt=0)]
    p95: NonNegative | None = None


class Part(Schema):
    """One stage of the encoder or one block of the decoder; its shape is (channels, height, width)."""

    part: Text
    name: Text
    shape: Annotated[list[int], Field(max_length=3)]
    parameters: NonNegative
    macs: NonNegative


class Cost(Schema):
    """The file cost.json."""

    size: Annotated[list[int], Field(min_length=2, max_length=2)]
    device: Text
    threads: int | None = None
    precision: Text
    latency_ms: Latency
    images_per_second: NonNegative | None = None
    parameters: NonNegative
    macs: NonNegative | None = None
    peak_memory_mb: NonNegative | None = None
    parts: list[Part] = []  # earlier versions did not count them


class Machine(Schema):
    """The machine of a run."""

    cpu: Text
    cores: int | None
    memory_gb: NonNegative
    gpu: Text | None = None


class Git(Schema):
    """Commit of the program's own checkout, and whether its files were changed."""

    commit: Text | None = None
    changed: bool | None = None


class Precision(Schema):
    """The precision of the training. Earlier versions wrote `chosen` in place of `name`."""

    name: Text | None = None
    chosen: Text | None = None
    why: Text | None = None


class Environment(Schema):
    """The file environment.json."""

    versions: dict[Text, Text | None]
    machine: Machine
    git: Git | None = None
    command: list[Text] | None = None
    precision: Precision | None = None


class Split(Schema):
    """One split in data.json."""

    images: Annotated[int, Field(ge=0)]
    fingerprint: Text = ""
    sequences: list[Text] = []


class Data(Schema):
    """The file data.json."""

    spec: Text
    space: Text
    splits: dict[Text, Split]


class Epoch(Schema):
    """The event `epoch` in journal.jsonl."""

    epoch: int
    images_per_second: NonNegative
    seconds: NonNegative


def checked(data: bytes, kind: type[Schema]) -> dict[str, Any]:
    """Return the JSON object of a file. Raises ValueError if it does not have the keys of its schema."""
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
    """Return the columns of results.csv: name -> one float per epoch, NaN where a cell is empty. Raises ValueError."""
    text = data.decode()
    if not text.endswith("\n"):
        raise ValueError("it ends in the middle of a line")
    try:
        head, *rows = filter(None, csv.reader(io.StringIO(text, newline="")))  # without empty lines
    except csv.Error as error:
        raise ValueError(str(error)) from error
    if missing := [name for name in COLUMNS if name not in head]:
        raise ValueError(f"it lacks the columns {', '.join(missing)}")
    if any(len(row) != len(head) for row in rows):
        raise ValueError("a row is longer or shorter than the first")
    table = {name: tuple(_number(row[k]) for row in rows) for k, name in enumerate(head)}
    if table["epoch"] != tuple(range(1, len(rows) + 1)):
        raise ValueError("its epochs do not count up from 1")
    return table


def _number(cell: str) -> float:
    """Return a cell as a float: NaN for an empty cell, 1 for true, 0 for false."""
    words = {"": math.nan, "true": 1.0, "false": 0.0}
    return words[cell.lower()] if cell.lower() in words else float(cell)


def events(data: bytes) -> list[dict[str, Any]]:
    """Return the events of journal.jsonl, one per line.

    A line that cannot be parsed gives an empty event: a process that was killed while it wrote leaves such a line.
    """
    journal = []
    for line in data.splitlines():
        try:
            event = _parsed(line)
        except ValueError:
            event = None
        journal.append(event if isinstance(event, dict) else {})
    return journal


def speeds(journal: list[dict[str, Any]]) -> dict[int, Epoch]:
    """Return epoch number -> its event in the journal; the last event of an epoch that was trained twice."""
    epochs = {}
    for event in journal:
        if event.get("event") == "epoch":
            try:
                epoch = Epoch.model_validate(event)
            except ValidationError:  # treated like a line that cannot be parsed
                continue
            epochs[epoch.epoch] = epoch
    return epochs
