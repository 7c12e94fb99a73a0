"""Estimate of how long a run will take, from a few real steps, before anything is written."""

import time
from collections.abc import Callable, Generator
from contextlib import closing
from itertools import islice
from pathlib import Path

from streetseg.data.batches import Batch, TrainBatches
from streetseg.evaluation.evaluate import label_ids
from streetseg.inference.engines.torch_engine import TorchEngine
from streetseg.inference.predictor import Predictor
from streetseg.profiler import Profiler
from streetseg.recipe.schema import Recipe
from streetseg.runtime.device import choose_device, finish_work
from streetseg.runtime.distributed import ALONE
from streetseg.training.failures import explained
from streetseg.training.fit import step
from streetseg.training.own import Own
from streetseg.training.prepare import Prepared, augment_of_epoch, make_or_restore, prepare
from streetseg.training.train_state import TrainState

STEPS = 3  # steps that are taken of each network; the first, which allocates memory, does not count
LAST_SCORING = 2  # the full scoring at the end takes about as long as so many validations


def seconds_of_run(recipe: Recipe, out: Path, own: Own) -> float:
    """Return about how many seconds a new run of one process will take. Nothing is written into `out`.

    The network is made, a few steps are taken and one image is validated; all of it is thrown away.

    Raises:
        RequestError, DataError, ModelError, TrainingError: as `train`.
    """
    recipe = recipe.model_copy(update={"train": recipe.train.model_copy(update={"compile": "off"})})
    device = choose_device(recipe.train.device, ALONE)
    run = prepare(recipe, out, ALONE, device, Profiler(), own, resume=False, force=False)
    with explained(recipe, run.crop, device):
        train_state, _, _ = make_or_restore(run)
        of_step, of_image = seconds_of_step(run, train_state), seconds_of_image(run, train_state)
    validations = run.length.epochs + LAST_SCORING
    return of_step * whole_steps(run) + of_image * len(run.val_store) * validations


def seconds_of_step(run: Prepared, train_state: TrainState) -> float:
    """Return the mean time of a training step of the last epoch, with its images read and augmented."""
    train_state.network.train()
    with closing(again_and_again(run.batches_of(run.length.epochs))) as batches:
        start = 0.0
        for number, batch in enumerate(islice(batches, STEPS)):
            step(train_state, batch)
            if number == 0:
                finish_work(run.device)
                start = time.perf_counter()
    finish_work(run.device)
    return (time.perf_counter() - start) / (STEPS - 1)


def again_and_again(batches: TrainBatches) -> Generator[Batch]:
    """Yield the batches of an epoch without end: it may have fewer than are measured."""
    while True:
        yield from batches


def seconds_of_image(run: Prepared, train_state: TrainState) -> float:
    """Return the time in which one validation image is labeled."""
    predictor = Predictor(TorchEngine(train_state.scored, run.device, train_state.precision.name))
    image, labels = run.val_store[0]
    return seconds_of(lambda: label_ids(predictor, image, labels))


def seconds_of(work: Callable[[], object]) -> float:
    """Return the time of the second of two calls."""
    work()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def whole_steps(run: Prepared) -> float:
    """Return the steps of the run, counted in steps of the last epoch: those of a smaller early crop count less."""

    def pixels(epoch: int) -> int:
        height, width = augment_of_epoch(epoch, run.length.epochs, run.recipe.augment, run.crop)[1]
        return height * width

    epochs = range(1, run.length.epochs + 1)
    return sum(run.length.steps_in(epoch) * pixels(epoch) for epoch in epochs) / pixels(run.length.epochs)
