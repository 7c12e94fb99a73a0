"""Estimate of how long a run will take, and of how many epochs fit into a time, from a few real steps."""

import logging
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from streetseg.arrays import Size
from streetseg.data.batches import Batch, TrainBatches
from streetseg.errors import RequestError
from streetseg.evaluation.evaluate import label_ids
from streetseg.inference.engines.torch_engine import TorchEngine
from streetseg.inference.predictor import Predictor
from streetseg.profiler import Profiler
from streetseg.recipe.schema import Recipe, Train
from streetseg.runtime.compilation import choose_compilation
from streetseg.runtime.device import choose_device, finish_work
from streetseg.runtime.distributed import ALONE
from streetseg.runtime.step_graph import EAGER_STEPS
from streetseg.text import about, counted
from streetseg.training.failures import explained
from streetseg.training.fit import step
from streetseg.training.optim import is_validated, length_of
from streetseg.training.own import Own
from streetseg.training.prepare import Prepared, augment_of_epoch, make_or_restore, prepare
from streetseg.training.train_state import TrainState, obstacle

log = logging.getLogger("streetseg")

STEPS = 3  # steps that are taken of each size of crop; the first, which allocates memory, does not count
EPOCHS = 1000  # of the run that is measured: its first has the early crop, its last the whole one
LAST_SCORING = 3  # calibration and full scoring at the end take about as long as so many validations


@dataclass(frozen=True)
class Pace:
    """The measured speed of a run.

    Args:
        recipe: of the run.
        crop: the training crop, except in epochs with a smaller one.
        of_epoch: steps of a whole epoch.
        val_images: number of images that each epoch is validated on.
        of_step: training crop -> seconds of a step.
        of_image: seconds in which a validation image is labeled.
    """

    recipe: Recipe
    crop: Size
    of_epoch: int
    val_images: int
    of_step: dict[Size, float]
    of_image: float

    def seconds(self, train: Train) -> float:
        """Return about how many seconds the run takes with epochs or steps as in `train`."""
        length = length_of(train, self.of_epoch)
        epochs = range(1, length.epochs + 1)
        crops = [augment_of_epoch(epoch, length.epochs, self.recipe.augment, self.crop)[1] for epoch in epochs]
        steps = sum(self.of_step[crop] * length.steps_in(epoch) for crop, epoch in zip(crops, epochs, strict=True))
        validations = sum(is_validated(epoch, length.epochs, train) for epoch in epochs)
        return steps + self.of_image * self.val_images * (validations + LAST_SCORING)


def timed(
    runs: Mapping[Path, Recipe],
    begun: Mapping[Path, Recipe],
    minutes: float | None,
    own: Own,
    *,
    alone: bool,
    heard: bool = True,
) -> tuple[dict[Path, Recipe], dict[Path, float]]:
    """Return the runs with as many epochs as fit into a time, and run folder -> about how many seconds each takes.

    Runs that were begun keep their epochs, and the others take them; then nothing is measured.

    Args:
        runs: run folder -> recipe.
        begun: those of them that were begun.
        minutes: the time of all runs together; None leaves the recipes as they are.
        own: objects of the caller's own.
        alone: each run is trained by one process; the speed of several is not measured.
        heard: somebody reads how long it will take; else nothing is measured that `minutes` does not need.

    Raises:
        RequestError: epochs cannot be chosen for such runs.
        DataError, ModelError, TrainingError: as `train`.
    """
    if minutes is not None:
        require_measurable(minutes, runs.values(), alone)
    if begun:
        epochs = next(iter(begun.values())).train.epochs
        return (dict(runs) if minutes is None else with_epochs(runs, epochs)), {}
    if minutes is None and not (alone and heard):
        return dict(runs), {}
    log.info("measuring %d steps of each network, to know how long it takes", STEPS)
    of_encoder: dict[str, Pace] = {}
    for folder, recipe in runs.items():
        if recipe.model.encoder not in of_encoder:
            of_encoder[recipe.model.encoder] = pace_of(recipe, folder, own)
    paces = {folder: of_encoder[recipe.model.encoder] for folder, recipe in runs.items()}
    length = ""
    if minutes is not None:
        epochs = epochs_within(60 * minutes, paces.values())
        runs = with_epochs(runs, epochs)
        length = f" of {counted(epochs, 'epoch')}, as many as fit into {minutes:g} min"
    times = {folder: paces[folder].seconds(recipe.train) for folder, recipe in runs.items()}
    if minutes is not None and sum(times.values()) > 60 * minutes:
        length = f" of 1 epoch, the least, which takes longer than {minutes:g} min"
    log.info("%s%s: about %s in all, an estimate", counted(len(runs), "run"), length, about(sum(times.values())))
    return dict(runs), times


def require_measurable(minutes: float, runs: Iterable[Recipe], alone: bool) -> None:
    """Raise RequestError if `minutes` cannot become a number of epochs for such runs."""
    where = f"--minutes {minutes:g}"
    if minutes <= 0:
        raise RequestError("a time to train in is above 0", where=where)
    if not alone:
        raise RequestError("the speed of several processes is not measured", where=where, hint="give --epochs instead")
    if any(recipe.train.steps is not None for recipe in runs):
        raise RequestError(
            "train.steps is the length of the run already", where=where, hint="leave out one of train.steps, --minutes"
        )


def with_epochs(runs: Mapping[Path, Recipe], epochs: int) -> dict[Path, Recipe]:
    """Return the runs with this `train.epochs`."""
    return {
        folder: config.model_copy(update={"train": config.train.model_copy(update={"epochs": epochs})})
        for folder, config in runs.items()
    }


def pace_of(recipe: Recipe, out: Path, own: Own) -> Pace:
    """Return the speed of a new run of one process. Nothing is written into `out`.

    The network is made, a few steps are taken and one image is validated; all of it is thrown away.

    Raises:
        RequestError, DataError, ModelError, TrainingError: as `train`.
    """
    probe = {"compile": "off", "epochs": EPOCHS, "steps": None}
    probed = recipe.model_copy(update={"train": recipe.train.model_copy(update=probe)})
    device = choose_device(recipe.train.device, ALONE)
    run = prepare(probed, out, ALONE, device, Profiler(), own, resume=False, force=False)
    with explained(recipe, run.crop, device):
        train_state, _, _ = make_or_restore(run)
        if recipe.train.compile == "auto":  # for no step: to compile the network would take a minute
            obstacle_here = obstacle(train_state.network, train_state.objective, ALONE)
            train_state = replace(train_state, compilation=choose_compilation("auto", device, 0, obstacle_here))
        of_step: dict[Size, float] = {}
        for epoch in (1, EPOCHS):
            crop = augment_of_epoch(epoch, EPOCHS, recipe.augment, run.crop)[1]
            if crop not in of_step:
                of_step[crop] = seconds_of_step(run, epoch, train_state)
        of_image = seconds_of_image(run, train_state)
    return Pace(recipe, run.crop, run.length.of_epoch, len(run.val_store), of_step, of_image)


def epochs_within(seconds: float, paces: Iterable[Pace]) -> int:
    """Return the largest number of epochs, the same for all runs, with which they take `seconds` in all; 1 at least."""
    paces = list(paces)

    def fit(epochs: int) -> bool:
        trains = [pace.recipe.train.model_copy(update={"epochs": epochs}) for pace in paces]
        return sum(pace.seconds(train) for pace, train in zip(paces, trains, strict=True)) <= seconds

    epochs = 1
    while fit(epochs + 1):
        epochs += 1
    return epochs


def seconds_of_step(run: Prepared, epoch: int, train_state: TrainState) -> float:
    """Return the mean time of a training step of an epoch, with its images read and augmented."""
    train_state.network.train()
    slow = EAGER_STEPS + 1 if train_state.compilation.how == "graph" else 1
    with closing(again_and_again(run.batches_of(epoch))) as batches:
        start = 0.0
        for number, batch in enumerate(islice(batches, slow + STEPS - 1), start=1):
            step(train_state, batch)
            if number == slow:
                finish_work(run.device)
                start = time.perf_counter()
    finish_work(run.device)
    return (time.perf_counter() - start) / (STEPS - 1)


def again_and_again(batches: TrainBatches) -> Generator[Batch]:
    """Yield the whole batches of an epoch without end: it may have fewer than are measured."""
    whole = sum(len(indices) == batches.batch for indices in batches.steps())
    while True:
        yield from replace(batches, end_step=whole or None)  # the only one may be a smaller one


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
