"""What is kept of each epoch: the table, the best bundle, a checkpoint, a journal line."""

from dataclasses import asdict, dataclass
from typing import Any

from streetseg.models.bundle import save_bundle
from streetseg.models.weights import InitialWeights
from streetseg.runtime.checkpoint import save_checkpoint
from streetseg.runtime.journal import Journal
from streetseg.training.fit import Learner
from streetseg.training.history import EpochRow, History
from streetseg.training.progress import Progress
from streetseg.training.run_folder import RunFolder
from streetseg.training.state import snapshot


@dataclass(frozen=True)
class Keeper:
    """Writes an epoch down.

    Args:
        validation: what the scores of the best bundle are measured on.
    """

    folder: RunFolder
    learner: Learner
    initial: InitialWeights
    validation: dict[str, Any]
    history: History
    journal: Journal
    progress: Progress

    def keep(self, row: EpochRow) -> None:
        """The checkpoint comes last: until it is whole, a resumed run does the epoch again and writes the same."""
        best = self.history.best is row
        self.history.write(self.folder.results)
        if best:
            save_bundle(
                self.folder.best,
                self.learner.scored,
                initial_weights=self.initial.as_dict(),
                protocol=self.validation | {"precision": self.learner.precision.name},
                scores={"mean": {"iou": row.val_iou}, "pixel_accuracy": row.val_accuracy},
            )
        save_checkpoint(
            self.folder.checkpoints,
            f"epoch-{row.epoch:03d}",
            snapshot(self.learner, self.history),
            keep=self.learner.recipe.train.keep_last,
        )
        self.journal.write("epoch", **asdict(row), best=best)
        self.progress.say(
            f"epoch {row.epoch:3d}  train loss {row.train_loss:.4f} accuracy {row.train_accuracy:.4f} "
            f"IoU {row.train_iou:.4f}  val loss {row.val_loss:.4f} accuracy {row.val_accuracy:.4f} "
            f"IoU {row.val_iou:.4f}{'  best' if best else ''}  {row.seconds:.0f} s"
        )
