"""What benchmarks of training share: a run without a command line, on the built-in scenes."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from streetseg.data.augment.augment import training_crop
from streetseg.data.batches import Batch, Resident, TrainBatches
from streetseg.data.sources.scenes import ScenesSource
from streetseg.data.store import Store
from streetseg.models.initial_weights import build_segmenter
from streetseg.profiler import Phases
from streetseg.recipe.schema import Recipe, Size
from streetseg.runs.folder import Journal, RunFolder
from streetseg.runtime.device import finish_work
from streetseg.runtime.distributed import ALONE
from streetseg.runtime.memory import keep_freed_memory
from streetseg.training.best import Best
from streetseg.training.fit import train_epoch
from streetseg.training.history import History
from streetseg.training.meters import Tally
from streetseg.training.optim import length_of
from streetseg.training.progress import Progress
from streetseg.training.recorder import Keeper
from streetseg.training.train_state import make_learner


def scenes_store(pictures: int, size: Size, folder: Path) -> Store:
    """So many scenes, decoded, as training reads them."""
    source = ScenesSource(train=pictures, val=0, size=size)
    return Store.open(source, "train", size=None, resize_labels=True, cache=folder / "cache")


class Trainer:
    """A run that can do an epoch as training does it, or a bare step.

    Args:
        recipe: model, augmentation, loss, optimiser, batch, precision; weights should be none.
        store: what to train on.
        device: where.
        folder: for the journal.
        resident: keep the pictures on the device.
    """

    def __init__(
        self, recipe: Recipe, store: Store, device: torch.device, folder: Path, *, resident: bool = False
    ) -> None:
        keep_freed_memory()
        model, (height, width) = recipe.model, store.sizes[0].tolist()
        segmenter, initial = build_segmenter(
            model.encoder,
            store.space,
            decoder=model.decoder,
            channels=model.channels,
            size=(height, width),
            weights=model.weights,
        )
        crop = training_crop((height, width), recipe.augment)
        pixels = store.class_pixels[: store.space.num_classes]
        self.learner = make_learner(recipe, segmenter, initial, pixels, device, None, ALONE, Phases(), 0)
        self.device, self.epochs = device, 0
        on_device = Resident(store, device) if resident else None
        self.batches = TrainBatches(store, recipe.train.batch, 0, 0, device, recipe.augment, crop, resident=on_device)
        self.batch = next(iter(self.batches))
        place = RunFolder(folder)
        journal, progress = Journal(place.journal), Progress("benchmark", 0, quiet=True)
        best = Best(place.best, initial, {})
        length = length_of(recipe.train, len(self.batches))
        self.keeper = Keeper(place, self.learner, length, best, {}, History(), journal, progress)

    @property
    def crop(self) -> Size:
        """Height and width of what a step trains on."""
        return self.batches.crop

    def epoch(self) -> float:
        """Seconds of an epoch: store, augmentation, step, average, scoring, journal; no validation, no checkpoint."""
        self.epochs += 1
        classes = self.learner.segmenter.space.num_classes
        tally = self.keeper.history.tally = Tally(classes, self.device)
        batches = replace(self.batches, epoch=self.epochs, phases=self.learner.phases)
        finish_work(self.device)
        start = time.perf_counter()
        train_epoch(self.learner, batches, self.epochs, tally, self.keeper)
        finish_work(self.device)
        return time.perf_counter() - start

    def bare_steps(self, count: int) -> float:
        """Seconds of so many bare steps, forward, loss, backward and optimiser, on a batch that is there."""
        self.learner.segmenter.train()
        return seconds(lambda: self._bare_step(self.batch), count, self.device)

    def epochs_and_steps(self, rounds: int) -> tuple[list[float], list[float]]:
        """Seconds a picture of epochs and of as many bare steps, in turns, after some of each to warm up."""
        steps, pictures = len(self.batches), sum(map(len, self.batches.steps()))
        self.bare_steps(steps)
        self.epoch()
        epochs, bare = [], []
        for _ in range(rounds):
            bare.append(self.bare_steps(steps) / (steps * len(self.batch.indices)))
            epochs.append(self.epoch() / pictures)
        return epochs, bare

    def _bare_step(self, batch: Batch) -> None:
        learner = self.learner
        learner.optimizer.zero_grad(set_to_none=True)
        with learner.precision.autocast(self.device):
            logits = learner.logits(batch.pictures)
        loss, _ = learner.objective(logits, batch.labels)
        loss.backward()
        learner.optimizer.step()

    def profiled_epoch(self) -> dict[str, float]:
        """Milliseconds a picture of each part of an epoch, the device waited for after each."""
        phases = self.learner.phases = Phases(lambda: finish_work(self.device))
        with phases("other"):
            self.epoch()
        self.learner.phases = Phases()
        return {name: 1000 * seconds / phases.pictures for name, seconds in phases.seconds.items()}


def seconds(work: Callable[[], object], count: int, device: torch.device) -> float:
    """Of so many times, until the device has done it all."""
    finish_work(device)
    start = time.perf_counter()
    for _ in range(count):
        work()
    finish_work(device)
    return time.perf_counter() - start
