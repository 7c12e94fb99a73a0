"""The epochs of a run: the rows of results.csv, the best of them, and the meters of the epoch under way."""

import csv
import io
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from streetseg.atomic import atomic_write_text
from streetseg.training.meters import Meters


@dataclass(frozen=True)
class EpochRow:
    """The results of an epoch. Two equal runs have equal rows, so there are no times in it.

    Losses are means; accuracies are shares of correct pixels, and IoUs are means over classes, 0..1. Training
    figures are counted on augmented batches while the weights move, so they lag behind the validation figures. Those
    are None for an epoch that was not validated.
    """

    epoch: int
    lr: float
    train_loss: float
    train_accuracy: float
    train_iou: float
    val_loss: float | None
    val_accuracy: float | None
    val_iou: float | None


@dataclass(frozen=True)
class EpochNotes:
    """What the journal says of an epoch besides its row.

    Args:
        images_per_second: training speed.
        seconds: time of training and validation.
        ignored_pixels: ignored pixels of the training crops.
        ignored_only_crops, ignored_only_batches: training crops and batches with ignored pixels only; their loss is 0.
        ignored_only_val_images: validation images with ignored pixels only; None if none was looked at.
    """

    images_per_second: float
    seconds: float
    ignored_pixels: int
    ignored_only_crops: int
    ignored_only_batches: int
    ignored_only_val_images: int | None


class History:
    """The epochs so far.

    Args:
        rows: the epochs done before the run was resumed, oldest first.
        meters: the meters of the epoch after them, where it was begun.
    """

    def __init__(self, rows: list[EpochRow] | None = None, meters: Meters | None = None) -> None:
        self.rows = rows or []
        self.meters = meters

    @property
    def epochs_done(self) -> int:
        """The number of complete epochs."""
        return len(self.rows)

    @property
    def best(self) -> EpochRow | None:
        """The validated epoch with the highest mean IoU, the first on a tie; NaN counts as lowest."""
        validated = [(row.val_iou, row) for row in self.rows if row.val_iou is not None]
        return max(validated, key=lambda pair: -1.0 if math.isnan(pair[0]) else pair[0], default=(None, None))[1]

    def close_epoch(self, row: EpochRow) -> None:
        """Add the row of the epoch under way, which is complete."""
        self.rows.append(row)
        self.meters = None

    def write(self, path: Path) -> None:
        """Write all rows as CSV, replacing an older file in one step."""
        text = io.StringIO()
        columns = [field.name for field in fields(EpochRow)]
        table = csv.DictWriter(text, [*columns, "best"], lineterminator="\n")
        table.writeheader()
        table.writerows(asdict(row) | {"best": int(row is self.best)} for row in self.rows)
        atomic_write_text(path, text.getvalue())
