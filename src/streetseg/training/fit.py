"""The loop, on one page: epochs of steps; each epoch is validated, written down and handed on to be saved."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from streetseg.data.batches import Batch, TrainBatches
from streetseg.data.source import Sample
from streetseg.errors import TrainingError
from streetseg.evaluation.evaluate import Evaluation, Labelled, evaluate
from streetseg.inference.predictor import Predictor
from streetseg.metrics.scores import scores
from streetseg.models.segmenter import Segmenter
from streetseg.recipe.schema import Recipe
from streetseg.runtime.journal import Journal
from streetseg.runtime.precision import Precision
from streetseg.training.ema import ExponentialAverage
from streetseg.training.history import EpochRow, History
from streetseg.training.objective import Objective
from streetseg.training.optimizer import set_lr
from streetseg.training.progress import Progress
from streetseg.training.schedule import lr_factor


@dataclass
class Learner:
    """What changes while training, and what changes it."""

    recipe: Recipe
    segmenter: Segmenter
    average: ExponentialAverage | None
    optimizer: torch.optim.Optimizer
    objective: Objective
    device: torch.device
    precision: Precision
    steps_done: int = 0

    @property
    def scored(self) -> Segmenter:
        """The weights that are validated and kept: the averaged ones where there are any."""
        return self.segmenter if self.average is None else self.average.network


class Tally:
    """Loss and counts of an epoch's training steps, kept on the device until they are read."""

    def __init__(self, num_classes: int, device: torch.device) -> None:
        self.num_classes = num_classes
        self.counts = torch.zeros(num_classes * num_classes, dtype=torch.int64, device=device)
        self.loss = 0.0
        self.images = 0

    @torch.no_grad()
    def add(self, loss: float, logits: Tensor, labels: Tensor) -> None:
        """Take in one step's loss, logits (B, C, H, W) and labels uint8 (B, H, W)."""
        counted = labels < self.num_classes
        pairs = labels.long() * self.num_classes + logits.argmax(dim=1)
        self.counts += torch.bincount(pairs[counted], minlength=len(self.counts))
        self.loss += loss * len(labels)
        self.images += len(labels)

    def matrix(self) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
        """int64 (C, C), rows are truth."""
        return self.counts.view(self.num_classes, self.num_classes).cpu().numpy()


def fit(
    learner: Learner,
    batches_of: Callable[[int], TrainBatches],
    val: Labelled,
    history: History,
    journal: Journal,
    progress: Progress,
    save: Callable[[EpochRow], None],
) -> None:
    """Trains from the end of `history` to the recipe's last epoch.

    Args:
        learner: is changed in place.
        batches_of: the batches of an epoch, counted from 1.
        val: what each epoch is validated on.
        history: gets a row an epoch.
        journal: gets a line a step.
        progress: what a person sees.
        save: called after each epoch.

    Raises:
        TrainingError: if loss or gradient are no longer finite numbers.
    """
    for epoch in range(history.epochs_done + 1, learner.recipe.train.epochs + 1):
        start = time.perf_counter()
        tally = train_epoch(learner, batches_of(epoch), epoch, journal, progress)
        train_seconds = time.perf_counter() - start
        evaluation = validate(learner, val)
        row = epoch_row(epoch, learner, tally, evaluation, train_seconds, time.perf_counter() - start)
        history.rows.append(row)
        save(row)


def train_epoch(learner: Learner, batches: TrainBatches, epoch: int, journal: Journal, progress: Progress) -> Tally:
    """One pass over the training pictures."""
    tally = Tally(learner.segmenter.space.num_classes, learner.device)
    steps = len(batches) * learner.recipe.train.epochs
    learner.segmenter.train()
    start = time.perf_counter()
    for batch in batches:
        set_lr(learner.optimizer, lr_factor(learner.steps_done, steps, learner.recipe.optim))
        logits, terms, norm = step(learner, batch, batches.store.samples)
        learner.steps_done += 1
        loss = sum(terms.values())
        tally.add(loss, logits, batch.labels)
        lr = learner.optimizer.param_groups[-1]["lr"]
        journal.write("step", epoch=epoch, step=learner.steps_done, lr=lr, loss=loss, **terms, gradient_norm=norm)
        speed = tally.images / (time.perf_counter() - start)
        progress.step(f"epoch {epoch}/{learner.recipe.train.epochs} loss {loss:.3f} lr {lr:.1e} {speed:.1f} images/s")
    return tally


def step(learner: Learner, batch: Batch, samples: Sequence[Sample]) -> tuple[Tensor, dict[str, float], float]:
    """Forward, backward, clip, step, average. Returns logits, the weighted loss terms and the gradient's norm.

    Raises TrainingError before a weight is touched, if loss or gradient are not finite; `samples` name the pictures.
    """
    with learner.precision.autocast(learner.device):
        logits = learner.segmenter(batch.pictures)
    loss, terms = learner.objective(logits, batch.labels)
    values = {name: float(term.detach()) for name, term in terms.items()}
    if not math.isfinite(sum(values.values())):
        raise not_finite("loss", learner, values, [samples[index] for index in batch.indices])
    learner.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = float(torch.nn.utils.clip_grad_norm_(learner.segmenter.parameters(), learner.recipe.optim.clip))
    if not math.isfinite(norm):
        raise not_finite("gradient", learner, values, [samples[index] for index in batch.indices])
    learner.optimizer.step()
    if learner.average is not None:
        learner.average.update(learner.segmenter)
    return logits.detach(), values, norm


def not_finite(what: str, learner: Learner, terms: dict[str, float], samples: Sequence[Sample]) -> TrainingError:
    lr = learner.optimizer.param_groups[-1]["lr"]
    values = ", ".join(f"{name} {value:.4g}" for name, value in terms.items())
    return TrainingError(
        f"the {what} is not a finite number at step {learner.steps_done + 1} (lr {lr:.3g}, loss terms: {values})",
        where=[sample.picture for sample in samples],
        hint="the last checkpoint is kept; try a lower optim.lr, or train.precision=fp32",
    )


def validate(learner: Learner, val: Labelled) -> Evaluation:
    """Score the kept weights on every validation picture, in the run's own precision."""

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        total: Tensor = learner.objective(logits, labels)[0]
        return total

    predictor = Predictor(learner.scored, learner.device, learner.precision.name)
    return evaluate(predictor, val, details=False, loss=loss)


def epoch_row(
    epoch: int, learner: Learner, tally: Tally, evaluation: Evaluation, train_seconds: float, seconds: float
) -> EpochRow:
    """The epoch in numbers."""
    trained, validated = scores(tally.matrix()), scores(evaluation.counts.total)
    assert evaluation.loss is not None
    return EpochRow(
        epoch=epoch,
        lr=learner.optimizer.param_groups[-1]["lr"],
        train_loss=tally.loss / tally.images,
        train_accuracy=trained.pixel_accuracy,
        train_iou=trained.mean["iou"],
        val_loss=evaluation.loss,
        val_accuracy=validated.pixel_accuracy,
        val_iou=validated.mean["iou"],
        images_per_second=tally.images / train_seconds,
        seconds=seconds,
    )
