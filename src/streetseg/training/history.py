"""results.csv: one row an epoch, and which epoch was the best; and the epoch that is not over yet."""

import csv
import io
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from streetseg.atomic import atomic_write_text
from streetseg.training.meters import Meters


@dataclass(frozen=True)
class EpochRow:
    """What one epoch came to; two equal runs have equal rows, so no clock is read here.

    Losses are means; accuracies are shares of right pixels and IoUs means over classes, 0..1. Training figures are
    counted on the augmented batches while the weights move, so they lag behind the validation figures.
    """

    epoch: int
    lr: float
    train_loss: float
    train_accuracy: float
    train_iou: float
    val_loss: float
    val_accuracy: float
    val_iou: float


@dataclass(frozen=True)
class EpochNotes:
    """What the journal says of an epoch besides its row.

    Args:
        images_per_second: trained on.
        seconds: of training and validation.
        ignored_pixels: of the training crops.
        ignored_only_crops, ignored_only_batches: training crops and batches without a pixel that counts; they cost 0.
        ignored_only_val_images: validation images of that kind.
    """

    images_per_second: float
    seconds: float
    ignored_pixels: int
    ignored_only_crops: int
    ignored_only_batches: int
    ignored_only_val_images: int


class History:
    """The epochs so far.

    Args:
        rows: from an earlier session of the same run, oldest first.
        meters: of the epoch after them, where it was begun.
    """

    def __init__(self, rows: list[EpochRow] | None = None, meters: Meters | None = None) -> None:
        self.rows = rows or []
        self.meters = meters

    @property
    def epochs_done(self) -> int:
        """How many epochs are complete."""
        return len(self.rows)

    @property
    def best(self) -> EpochRow | None:
        """The epoch with the highest validation mean IoU, the earliest of equals; NaN is below all others."""
        return max(self.rows, key=lambda row: -1.0 if math.isnan(row.val_iou) else row.val_iou, default=None)

    def close_epoch(self, row: EpochRow) -> None:
        """The epoch that was begun is over."""
        self.rows.append(row)
        self.meters = None

    def write(self, path: Path) -> None:
        """All rows as CSV, replacing what is there in one step."""
        text = io.StringIO()
        columns = [field.name for field in fields(EpochRow)]
        table = csv.DictWriter(text, [*columns, "best"], lineterminator="\n")
        table.writeheader()
        table.writerows(asdict(row) | {"best": int(row is self.best)} for row in self.rows)
        atomic_write_text(path, text.getvalue())
