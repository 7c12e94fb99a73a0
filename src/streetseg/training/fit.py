"""The loop, on one page: epochs of steps; each epoch is validated, written down and handed on to be saved."""

import math
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streetseg.data.batches import Batch, TrainBatches
from streetseg.errors import TrainingError
from streetseg.evaluation.evaluate import Evaluation, Labelled, evaluate, label_ids
from streetseg.evaluation.files import panel
from streetseg.inference.engines.torch_engine import TorchEngine
from streetseg.inference.predictor import Predictor
from streetseg.metrics.scores import scores
from streetseg.training.history import EpochNotes, EpochRow
from streetseg.training.meters import StepNumbers, Tally
from streetseg.training.optim import lr_factor, set_lr
from streetseg.training.recorder import Keeper
from streetseg.training.train_state import Learner


def fit(learner: Learner, batches_of: Callable[[int], TrainBatches], val: Labelled, keeper: Keeper) -> None:
    """Trains from where the history ends, be it in the middle of an epoch, to the end of the run.

    Args:
        learner: is changed in place.
        batches_of: the batches of an epoch, counted from 1.
        val: what each epoch is validated on.
        keeper: writes down what happens; its history gets a row an epoch.

    Raises:
        TrainingError: if loss or gradient are no longer finite numbers.
        KeyboardInterrupt, SystemExit: a signal asked to stop; everything up to the last step is saved.
    """
    history = keeper.history
    for epoch in range(history.epochs_done + 1, keeper.length.epochs + 1):
        if history.best is not None and keeper.is_over():
            return
        classes, ranks = learner.segmenter.space.num_classes, learner.ranks
        history.tally = history.tally or Tally(classes, learner.device, ranks)
        train_epoch(learner, batches_of(epoch), epoch, history.tally, keeper)
        start = time.perf_counter()
        with learner.phases("validation"):
            evaluation = validate(learner, val, keeper.stop_if_asked)
        tally = history.tally.together()
        row = epoch_row(epoch, learner, tally, evaluation)
        if keeper.callbacks.wants_images():
            keeper.callbacks.tell("image", learner.steps_done, "val/0", example(learner, val))
        keeper.keep_epoch(row, epoch_notes(tally, evaluation, time.perf_counter() - start))


def train_epoch(learner: Learner, batches: TrainBatches, epoch: int, tally: Tally, keeper: Keeper) -> None:
    """What is left of one pass over the training pictures. On a GPU, no step waits for the one before."""
    length, samples, phases = keeper.length, batches.store.samples, learner.phases
    batches = replace(batches, start_step=tally.steps, end_step=length.steps_in(epoch))
    learner.segmenter.train()
    start = time.perf_counter() - tally.seconds
    with closing(iter(batches)) as left:  # an error ends the reader too
        for batch in left:
            learner.ranks.wait()  # for one that reads or saves slowly: in the step itself nobody waits long
            set_lr(learner.optimizer, lr_factor(learner.steps_done, length.steps, learner.recipe.optim))
            logits, numbers = step(learner, batch)
            learner.steps_done += 1
            phases.pictures += len(batch.indices)
            with phases("scoring"):
                tally.add(numbers["loss"], logits, batch.labels)
            tally.seconds = time.perf_counter() - start
            pictures = [samples[index].picture for index in batch.indices]
            keeper.keep_step(StepNumbers.send(epoch, learner.steps_done, learner.lr, pictures, numbers))
    keeper.read_steps()


def step(learner: Learner, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
    """Forward, backward, clip, step, average.

    Returns:
        Logits, and what there is to journal, on the device: the loss, its weighted terms and the gradient's norm. If
        loss or norm are not finite, this step moves no weight and none after it does: whoever reads the numbers stops.
    """
    phases = learner.phases
    learner.optimizer.zero_grad(set_to_none=True)  # first: a replayed CUDA graph writes where they lie
    with phases("forward"), learner.precision.autocast(learner.device):
        logits = learner.logits(batch.pictures)
    with phases("loss"):
        loss, terms = learner.objective(logits, batch.labels, learner.ranks)
    with phases("backward"):
        loss.backward()
    with phases("optimiser"):
        norm = torch.nn.utils.clip_grad_norm_(learner.segmenter.parameters(), learner.recipe.optim.clip)
        loss = loss.detach()
        learner.hold_unless_finite(loss + norm)
        learner.move_weights()
    if learner.average is not None:
        with phases("average"):
            learner.average.update()
    return logits.detach(), {
        "loss": loss,
        **{name: term.detach() for name, term in terms.items()},
        "gradient_norm": norm,
    }


def validate(learner: Learner, val: Labelled, on_picture: Callable[[], None]) -> Evaluation:
    """Score the kept weights on every validation picture, in the run's own precision.

    Args:
        on_picture: called on all ranks together, after each picture of which each of them has one.

    Raises:
        TrainingError: if their loss is not a finite number, so that they are not saved.
    """

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        total: Tensor = learner.objective(logits, labels)[0]
        return total

    def progress(done: int, total: int) -> None:
        if done % ranks.world == 0:
            on_picture()

    ranks = learner.ranks
    ranks.take_from_main(learner.scored)  # the ranks' weights are the same, the statistics of their batches are not
    predictor = Predictor(TorchEngine(learner.scored, learner.device, learner.precision.name))
    evaluation = evaluate(predictor, val, details=False, loss=loss, progress=progress, ranks=ranks)
    assert evaluation.loss is not None
    if not math.isfinite(evaluation.loss):
        raise TrainingError(
            f"the validation loss is not a finite number after step {learner.steps_done} (lr {learner.lr:.3g})",
            hint="the last checkpoint is kept; go on from it with --resume --force and a lower optim.lr",
        )
    return evaluation


def example(learner: Learner, val: Labelled) -> NDArray[np.uint8]:
    """Return the first validation image with what the network makes of it, uint8 (2H, 2W, 3)."""
    predictor = Predictor(TorchEngine(learner.scored, learner.device, learner.precision.name))
    image, labels = val[0]
    return panel(image, labels, label_ids(predictor, image, labels), learner.segmenter.space)


def epoch_row(epoch: int, learner: Learner, tally: Tally, evaluation: Evaluation) -> EpochRow:
    """The epoch in numbers."""
    trained, validated = scores(tally.matrix()), scores(evaluation.counts.total)
    assert evaluation.loss is not None
    return EpochRow(
        epoch=epoch,
        lr=learner.lr,
        train_loss=float(tally.loss) / tally.images,
        train_accuracy=trained.pixel_accuracy,
        train_iou=trained.mean["iou"],
        val_loss=evaluation.loss,
        val_accuracy=validated.pixel_accuracy,
        val_iou=validated.mean["iou"],
    )


def epoch_notes(tally: Tally, evaluation: Evaluation, val_seconds: float) -> EpochNotes:
    """What else there is to say of the epoch."""
    nothing_counts = (evaluation.counts.counts.sum(axis=(1, 2)) == 0).sum()
    return EpochNotes(
        images_per_second=tally.images / tally.seconds,
        seconds=tally.seconds + val_seconds,
        ignored_only_val_pictures=int(nothing_counts),
        **tally.ignored_counts(),
    )
