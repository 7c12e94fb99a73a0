"""results.csv: one row an epoch, and which epoch was the best."""

import csv
import io
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from streetseg.atomic import atomic_write_text


@dataclass(frozen=True)
class EpochRow:
    """What one epoch came to.

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
    images_per_second: float
    seconds: float


class History:
    """The epochs so far.

    Args:
        rows: from an earlier session of the same run, oldest first.
    """

    def __init__(self, rows: list[EpochRow] | None = None) -> None:
        self.rows = rows or []

    @property
    def epochs_done(self) -> int:
        """How many epochs are complete."""
        return len(self.rows)

    @property
    def best(self) -> EpochRow | None:
        """The epoch with the highest validation mean IoU, the earliest of equals; NaN is below all others."""
        return max(self.rows, key=lambda row: -1.0 if math.isnan(row.val_iou) else row.val_iou, default=None)

    def write(self, path: Path) -> None:
        """All rows as CSV, replacing what is there in one step."""
        text = io.StringIO()
        columns = [field.name for field in fields(EpochRow)]
        table = csv.DictWriter(text, [*columns, "best"], lineterminator="\n")
        table.writeheader()
        table.writerows(asdict(row) | {"best": int(row is self.best)} for row in self.rows)
        atomic_write_text(path, text.getvalue())
