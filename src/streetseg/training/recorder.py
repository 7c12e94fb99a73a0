"""RunRecorder: writes each step and epoch down, as journal lines, table, best bundle and checkpoints."""

import math
from collections import deque
from dataclasses import asdict, dataclass, field
from signal import Signals
from typing import Any

from streetseg.runs.folder import Journal, RunFolder
from streetseg.runtime.checkpoint import checkpoint_name, save_checkpoint
from streetseg.runtime.disk import free_space_for
from streetseg.runtime.signals import StopSignals, end_by_signal
from streetseg.text import counted
from streetseg.training.best import Best
from streetseg.training.callbacks import Callbacks
from streetseg.training.failures import not_finite
from streetseg.training.history import EpochNotes, EpochRow, History
from streetseg.training.meters import Meters, StepNumbers
from streetseg.training.optim import Length
from streetseg.training.progress import Progress
from streetseg.training.resume import snapshot
from streetseg.training.train_state import TrainState


@dataclass(frozen=True)
class RunRecorder:
    """Writes a run down while it goes on.

    All ranks call the same methods in the same order: rank 0 writes, and all agree on the next action.

    Args:
        folder: the run folder.
        train_state: what is saved.
        length: epochs and steps of the whole run.
        best: the bundle of the best epoch.
        origin: the recipe and the fingerprints of the data, for every checkpoint.
        history: the epochs so far, and the meters of the one under way.
        journal: gets a line for each event; writes nothing beside rank 0.
        progress: shows the run to a person.
        stop: the signals that ask the run to end.
        callbacks: objects that are told of the run, in rank 0.
        unread: steps whose numbers were not read from the device yet.
    """

    folder: RunFolder
    train_state: TrainState
    length: Length
    best: Best
    origin: dict[str, Any]
    history: History
    journal: Journal
    progress: Progress
    stop: StopSignals = field(default_factory=StopSignals)
    callbacks: Callbacks = field(default_factory=Callbacks)
    unread: deque[StepNumbers] = field(default_factory=deque)

    def begin(self, *, anew: bool) -> None:
        """Save a new run before its first step, so that there is always a checkpoint to go on from.

        Args:
            anew: the run is new. A resumed one keeps its checkpoint, and its best bundle is repaired where needed.
        """
        row, checkpoints = self.history.best, self.folder.checkpoints
        if row is not None and self.train_state.ranks.is_main:
            self.best.put_right(self.train_state.scored, row, self.train_state.precision.name, checkpoints)
        if anew:
            self.save()

    def begin_epoch(self) -> Meters:
        """Return the meters of the epoch: new ones, or those of an epoch that was begun before the run was resumed."""
        train_state = self.train_state
        classes = train_state.network.space.num_classes
        self.history.meters = self.history.meters or Meters(classes, train_state.device, train_state.ranks)
        return self.history.meters

    def keep_step(self, numbers: StepNumbers) -> None:
        """Journal a step that was done: a safe point, where the run may be saved and may end."""
        train_state, train = self.train_state, self.train_state.recipe.train
        self.unread.append(numbers)
        with train_state.profiler("journal"):
            self.read_steps(but=1 if train_state.device.type == "cuda" else 0)  # a GPU has hardly begun the last one
        saved = train.save_steps is not None and train_state.steps_done % train.save_steps == 0
        if saved:
            self.save()
        self.stop_if_requested(saved=saved)

    def read_steps(self, but: int = 0) -> None:
        """Journal and show the steps that were not read yet.

        Args:
            but: how many of the last steps are left for later.

        Raises:
            TrainingError: if a loss or gradient is not a finite number; no weight was moved by it or after it.
        """
        meters, ranks = self.history.meters, self.train_state.ranks
        while len(self.unread) > but:
            numbers = self.unread.popleft()
            values = numbers.read()
            if not math.isfinite(values["loss"] + values["gradient_norm"]):
                raise not_finite(numbers, values, [path for share in ranks.gather(numbers.images) for path in share])
            self.journal.write("step", epoch=numbers.epoch, step=numbers.step, lr=numbers.lr, **values)
            numbers_of_step = {f"train/{name}": value for name, value in values.items()}
            self.callbacks.tell("scalars", numbers.step, numbers_of_step | {"train/lr": numbers.lr})
            assert meters is not None
            speed = meters.images * ranks.world / meters.seconds
            self.progress.step(
                f"epoch {numbers.epoch}/{self.length.epochs} loss {values['loss']:.3f}",
                f"lr {numbers.lr:.1e} {speed:.1f} images/s",
            )

    def stop_if_requested(self, *, saved: bool = False) -> None:
        """End the run, with everything saved, if a signal asked to. Called when no step is half done.

        Args:
            saved: the checkpoint of this moment was written already.

        Raises:
            KeyboardInterrupt, SystemExit: after SIGINT or SIGTERM.
        """
        ranks = self.train_state.ranks
        requested = ranks.all_reduce_max(self.stop.requested or 0)
        if requested:
            if not saved:
                self.save()
            self.journal.write("stop", signal=Signals(requested).name, step=self.train_state.steps_done)
            self.progress.say(f"saved after step {self.train_state.steps_done}")
            ranks.wait()  # the others end when rank 0 has saved
            end_by_signal(requested)

    def keep_epoch(self, row: EpochRow, notes: EpochNotes) -> None:
        """Write an epoch down.

        The checkpoint comes last: until it is whole, a resumed run does the epoch again and writes the same.
        """
        self.history.close_epoch(row)
        is_best = self.history.best is row
        if self.train_state.ranks.is_main:
            with free_space_for(self.folder.results, 1000 * row.epoch):
                self.history.write(self.folder.results)
        if is_best and self.train_state.ranks.is_main:
            with self.train_state.profiler("checkpoint"):
                self.best.write(self.train_state.scored, row, self.train_state.precision.name)
        self.journal.write("epoch", **asdict(row), **asdict(notes), best=is_best)
        self.save()
        self.progress.say(line_of_epoch(row, notes, best=self.history.best))
        self.callbacks.tell("scalars", self.train_state.steps_done, numbers_of_epoch(row))
        self.stop_if_requested(saved=True)

    def is_over(self) -> bool:
        """Return whether a callback asked to end the run here, as a finished one; the same on all ranks."""
        if not self.train_state.ranks.all_reduce_max(int(self.callbacks.stop is not None)):
            return False
        epochs = self.history.epochs_done
        self.journal.write("early_stop", epoch=epochs, why=self.callbacks.stop)
        self.progress.say(f"ends after epoch {epochs}: {self.callbacks.stop}")
        return True

    def end(self, val_iou: float, images: int) -> int:
        """Write the last lines of the run, and return its best epoch.

        Args:
            val_iou: mean IoU of the best network on the validation split in fp32, 0..1.
            images: of that split.
        """
        assert self.history.best is not None
        best_epoch, profiler = self.history.best.epoch, self.train_state.profiler
        if profiler.measured:
            self.journal.write("profile", **profiler.as_dict())
            self.progress.say(*profiler.lines())
        self.journal.write("end", best_epoch=best_epoch, mean_iou=val_iou)
        self.progress.say(
            f"best epoch {best_epoch}: mean IoU {100 * val_iou:.1f} % in fp32 on {counted(images, 'image')}"
        )
        return best_epoch

    def save(self) -> None:
        """Write a checkpoint of this moment. Raise TrainingError if a step up to it was not finite."""
        self.read_steps()
        history, best = self.history, self.history.best
        meters = None if history.meters is None else history.meters.together()
        if self.train_state.ranks.is_main:
            with self.train_state.profiler("checkpoint"):
                save_checkpoint(
                    self.folder.checkpoints,
                    checkpoint_name(history.epochs_done, 0 if meters is None else meters.steps),
                    snapshot(self.train_state, History(history.rows, meters), self.best) | self.origin,
                    keep=self.train_state.recipe.train.keep_last,
                    best=None if best is None else checkpoint_name(best.epoch),
                )


def line_of_epoch(row: EpochRow, notes: EpochNotes, *, best: EpochRow | None) -> str:
    """Return what a person reads of an epoch, in less than 80 characters as a rule: results.csv has every figure."""
    line = f"epoch {row.epoch:3d}  train loss {row.train_loss:.3f} IoU {100 * row.train_iou:4.1f} %  "
    if row.val_iou is not None:
        line += f"val loss {row.val_loss:.3f} IoU {100 * row.val_iou:4.1f} %  "
    line += f"{notes.seconds:.0f} s"
    if best is not None and best is not row:
        line += f"  best {best.epoch}"
    if notes.ignored_only_batches:
        line += f"  {counted(notes.ignored_only_batches, 'batch', 'batches')} wholly ignored"
    return line


def numbers_of_epoch(row: EpochRow) -> dict[str, float]:
    """Return the numbers of an epoch as callbacks hear them: "epoch", "train/iou", "val/iou" and so on."""
    parts = {
        name.replace("_", "/", 1): float(value)
        for name, value in asdict(row).items()
        if "_" in name and value is not None
    }
    return parts | {"epoch": float(row.epoch)}
