"""The training loop, on one page: epochs of steps; each epoch is validated, written down and saved."""

import math
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace

import torch
from torch import Tensor

from streetseg.data.batches import Batch, TrainBatches
from streetseg.errors import TrainingError
from streetseg.evaluation.evaluate import Evaluation, Labeled, evaluate, label_ids
from streetseg.evaluation.files import panel
from streetseg.inference.engines.torch_engine import TorchEngine
from streetseg.inference.output import ImageArray
from streetseg.inference.predictor import Predictor
from streetseg.metrics.scores import scores
from streetseg.training.history import EpochNotes, EpochRow
from streetseg.training.meters import Meters, StepNumbers
from streetseg.training.optim import is_validated, lr_factor, set_lr
from streetseg.training.recorder import RunRecorder
from streetseg.training.train_state import TrainState

EXAMPLES = 4  # validation images that callbacks get after each epoch


def fit(
    train_state: TrainState, batches_of: Callable[[int], TrainBatches], val: Labeled, recorder: RunRecorder
) -> None:
    """Train from where the history ends, which may be in the middle of an epoch, to the end of the run.

    Args:
        train_state: changed in place.
        batches_of: returns the batches of an epoch, counted from 1.
        val: the images that each epoch is validated on.
        recorder: writes the run down; its history gets a row an epoch.

    Raises:
        TrainingError: loss or gradient are no longer finite numbers.
        KeyboardInterrupt, SystemExit: a signal asked to stop; everything up to the last step is saved.
    """
    history = recorder.history
    for epoch in range(history.epochs_done + 1, recorder.length.epochs + 1):
        if history.best is not None and recorder.is_over():
            return
        meters, batches = recorder.begin_epoch(), batches_of(epoch)
        start = time.perf_counter() - meters.seconds
        with closing(batches_in_turn(train_state, batches, epoch, recorder)) as left:
            for batch in left:
                logits, numbers = step(train_state, batch)
                with train_state.profiler("scoring"):
                    meters.add(numbers["loss"], logits, batch.labels)
                meters.seconds = time.perf_counter() - start
                images = [batches.store.samples[index].image for index in batch.indices]
                recorder.keep_step(StepNumbers.send(epoch, train_state.steps_done, train_state.lr, images, numbers))
        recorder.read_steps()
        start, evaluation = time.perf_counter(), None
        if is_validated(epoch, recorder.length.epochs, train_state.recipe.train):
            recorder.progress.show(f"epoch {epoch}/{recorder.length.epochs} validation")
            with train_state.profiler("validation"):
                evaluation = validate(train_state, val, recorder.stop_if_requested)
        meters = meters.together()
        row = epoch_row(epoch, train_state, meters, evaluation)
        if evaluation is not None and recorder.callbacks.wants_images():
            for name, image in examples(train_state, val):
                recorder.callbacks.tell("image", train_state.steps_done, name, image)
        recorder.keep_epoch(row, epoch_notes(meters, evaluation, time.perf_counter() - start))


def batches_in_turn(
    train_state: TrainState, batches: TrainBatches, epoch: int, recorder: RunRecorder
) -> Generator[Batch]:
    """Yield the batches of an epoch that are not done yet, and set the learning rate for each.

    On a GPU, no step waits for the one before.
    """
    length, meters = recorder.length, recorder.history.meters
    first = 0 if meters is None else meters.steps
    train_state.network.train()
    with closing(iter(replace(batches, start_step=first, end_step=length.steps_in(epoch)))) as left:
        for batch in left:  # an error ends the reader, too
            train_state.ranks.wait()  # for a rank that reads or saves slowly: in the step itself none waits long
            set_lr(train_state.optimizer, lr_factor(train_state.steps_done, length.steps, train_state.recipe.optim))
            yield batch


def step(train_state: TrainState, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
    """Take one training step: forward, backward, clip, move the weights, average them.

    Returns:
        Logits (B, C, h, w), and numbers for the journal on the device: the loss, its weighted terms and the norm of
        the gradient. If loss or norm are not finite, neither this step nor a later one moves a weight: the recorder
        stops the run when it reads the numbers. The next step may write over all of these: copy what is kept longer.
    """
    profiler = train_state.profiler
    # First: a replayed CUDA graph writes into the gradients of the step before.
    train_state.optimizer.zero_grad(set_to_none=True)
    logits, loss, terms = train_state.differentiate(batch.images, batch.labels)
    with profiler("optimizer"):
        norm = torch.nn.utils.clip_grad_norm_(train_state.network.parameters(), train_state.recipe.optim.clip)
        train_state.hold_unless_finite(loss + norm)
        train_state.move_weights()
    if train_state.average is not None:
        with profiler("average"):
            train_state.average.update()
    train_state.steps_done += 1
    profiler.images += len(batch.indices)
    return logits, {"loss": loss, **terms, "gradient_norm": norm}


def validate(train_state: TrainState, val: Labeled, on_image: Callable[[], None]) -> Evaluation:
    """Score the weights that are kept on every validation image, in the precision of the run.

    Args:
        train_state: its averaged weights are scored, where there are any.
        val: the validation images.
        on_image: called on all ranks at once, each time that each of them has scored one image more.

    Raises:
        TrainingError: the loss is not a finite number. These weights are not saved.
    """

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        total: Tensor = train_state.objective(logits, labels)[0]
        return total

    def progress(done: int, total: int) -> None:
        if done % ranks.world == 0:
            on_image()

    ranks = train_state.ranks
    # The network is placed on its device anew: that may copy gradients, to which a CUDA graph goes on writing.
    train_state.optimizer.zero_grad(set_to_none=True)
    # The weights of the ranks are the same, the batch-norm statistics of their batches are not.
    ranks.broadcast_network(train_state.scored)
    predictor = Predictor(TorchEngine(train_state.scored, train_state.device, train_state.precision.name))
    evaluation = evaluate(predictor, val, details=False, loss=loss, progress=progress, ranks=ranks)
    assert evaluation.loss is not None
    if not math.isfinite(evaluation.loss):
        raise TrainingError(
            f"the validation loss is not a finite number after step {train_state.steps_done} (lr {train_state.lr:.3g})",
            hint="the last checkpoint is kept; go on from it with --resume --force and a lower optim.lr",
        )
    return evaluation


def examples(train_state: TrainState, val: Labeled) -> Iterator[tuple[str, ImageArray]]:
    """Yield a few validation images, each with its name and what the network makes of it, uint8 (2H, 2W, 3).

    They lie at equal distances in the split: neighbors in a video are nearly the same.
    """
    predictor = Predictor(TorchEngine(train_state.scored, train_state.device, train_state.precision.name))
    for index in sorted({len(val.samples) * number // EXAMPLES for number in range(EXAMPLES)}):
        image, labels = val[index]
        yield f"val/{index}", panel(image, labels, label_ids(predictor, image, labels), train_state.network.space)


def epoch_row(epoch: int, train_state: TrainState, meters: Meters, evaluation: Evaluation | None) -> EpochRow:
    """Return the row of results.csv of an epoch; `evaluation` is None if it was not validated."""
    trained = scores(meters.matrix())
    validated = None if evaluation is None else scores(evaluation.counts.total)
    return EpochRow(
        epoch=epoch,
        lr=train_state.lr,
        train_loss=float(meters.loss) / meters.images,
        train_accuracy=trained.pixel_accuracy,
        train_iou=trained.mean["iou"],
        val_loss=None if evaluation is None else evaluation.loss,
        val_accuracy=None if validated is None else validated.pixel_accuracy,
        val_iou=None if validated is None else validated.mean["iou"],
    )


def epoch_notes(meters: Meters, evaluation: Evaluation | None, val_seconds: float) -> EpochNotes:
    """Return what the journal says of an epoch besides its row; `val_seconds` is the time of its validation."""
    nothing_counts = None if evaluation is None else int((evaluation.counts.counts.sum(axis=(1, 2)) == 0).sum())
    return EpochNotes(
        images_per_second=meters.images / meters.seconds,
        seconds=meters.seconds + val_seconds,
        ignored_only_val_images=nothing_counts,
        **meters.ignored_counts(),
    )
