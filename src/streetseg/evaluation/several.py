"""One model on several data sets: each gets one row of a table."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streetseg.atomic import atomic_write_text
from streetseg.data.check.check import require_splits
from streetseg.data.source import Source
from streetseg.evaluation.files import table
from streetseg.evaluation.score import require_classes
from streetseg.labels.space import LabelSpace

if TYPE_CHECKING:
    from streetseg.json_files.scores import DatasetRow, ScoresFile

FILE = "datasets.csv"


def require_all(classes: LabelSpace, sources: Sequence[Source], split: str) -> None:
    """Raise RequestError or DataError unless every source has the classes of the model, and the split."""
    for source in sources:
        require_classes(classes, source)
        require_splits(source, [split])


def rows_of(scores: "Mapping[str, ScoresFile]") -> "list[DatasetRow]":
    """Return a row for each data set: name, dataset, images, mean_iou with low and high, classes counted and classes.

    Args:
        scores: name of a data set -> the content of its scores.json.
    """
    return [
        {
            "name": name,
            "dataset": one["protocol"]["dataset"],
            "images": one["protocol"]["images"],
            "mean_iou": one["mean"]["iou"],
            "low": one["interval"]["mean_iou"][0],
            "high": one["interval"]["mean_iou"][1],
            "counted": one["counted"]["iou"],
            "classes": one["protocol"]["classes"],
        }
        for name, one in scores.items()
    ]


def write_rows(out: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the table as OUT/datasets.csv."""
    atomic_write_text(out / FILE, table(rows))
