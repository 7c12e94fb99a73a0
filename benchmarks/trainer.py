"""A training run without a command line, on the built-in scenes, for the benchmarks of training."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from streetseg.data.augment.augment import training_crop
from streetseg.data.batches import Batch, DeviceCache, TrainBatches
from streetseg.data.sources.scenes import ScenesSource
from streetseg.data.store import Store
from streetseg.models.initial_weights import build_network
from streetseg.profiler import Profiler
from streetseg.recipe.schema import Recipe, Size
from streetseg.runs.folder import Journal, RunFolder
from streetseg.runtime.device import finish_work
from streetseg.runtime.distributed import ALONE
from streetseg.runtime.memory import keep_freed_memory
from streetseg.training.best import Best
from streetseg.training.fit import batches_in_turn, step
from streetseg.training.history import History
from streetseg.training.meters import StepNumbers
from streetseg.training.optim import length_of
from streetseg.training.progress import Progress
from streetseg.training.recorder import RunRecorder
from streetseg.training.train_state import make_train_state


def scenes_store(images: int, size: Size, folder: Path) -> Store:
    """Return a store of `images` scenes, as training reads them."""
    source = ScenesSource(train=images, val=0, size=size)
    return Store.open(source, "train", size=None, resize_labels=True, cache=folder / "cache")


class Trainer:
    """A run that trains whole epochs as training does, or bare steps.

    Args:
        recipe: model, augmentation, loss, optimizer, batch and precision; `model.weights` should be "none".
        store: the training data.
        device: the device that trains.
        folder: the folder for the journal.
        device_cache: keep all images in the memory of the device.
    """

    def __init__(
        self, recipe: Recipe, store: Store, device: torch.device, folder: Path, *, device_cache: bool = False
    ) -> None:
        keep_freed_memory()
        model, (height, width) = recipe.model, store.sizes[0].tolist()
        network, initial = build_network(
            model.encoder,
            store.space,
            decoder=model.decoder,
            channels=model.channels,
            size=(height, width),
            weights=model.weights,
        )
        crop = training_crop((height, width), recipe.augment)
        pixels = store.class_pixels[: store.space.num_classes]
        self.train_state = make_train_state(recipe, network, initial, pixels, device, None, ALONE, Profiler(), 0)
        self.device, self.epochs = device, 0
        on_device = DeviceCache(store, device) if device_cache else None
        self.batches = TrainBatches(
            store, recipe.train.batch, 0, 0, device, recipe.augment, crop, device_cache=on_device
        )
        self.batch = next(iter(self.batches))
        place = RunFolder(folder)
        journal, progress = Journal(place.journal), Progress("benchmark", 0, quiet=True)
        best = Best(place.best, initial, {})
        length = length_of(recipe.train, len(self.batches))
        self.recorder = RunRecorder(place, self.train_state, length, best, {}, History(), journal, progress)

    @property
    def crop(self) -> Size:
        """Height and width of the crops that a step trains on."""
        return self.batches.crop

    def epoch(self) -> float:
        """Train an epoch without validation and checkpoint; return its seconds."""
        self.epochs += 1
        state = self.train_state
        meters = self.recorder.begin_epoch()
        batches = replace(self.batches, epoch=self.epochs, profiler=state.profiler)
        finish_work(self.device)
        start = time.perf_counter()
        for batch in batches_in_turn(state, batches, self.epochs, self.recorder):
            logits, numbers = step(state, batch)
            with state.profiler("scoring"):
                meters.add(numbers["loss"], logits, batch.labels)
            meters.seconds = time.perf_counter() - start
            images = [batches.store.samples[index].image for index in batch.indices]
            self.recorder.keep_step(StepNumbers.send(self.epochs, state.steps_done, state.lr, images, numbers))
        self.recorder.read_steps()
        self.recorder.history.meters = None
        finish_work(self.device)
        return time.perf_counter() - start

    def bare_steps(self, count: int) -> float:
        """Run `count` bare steps (forward, loss, backward, optimizer) on a batch in memory; return their seconds."""
        self.train_state.network.train()
        return seconds(lambda: self._bare_step(self.batch), count, self.device)

    def epochs_and_steps(self, rounds: int) -> tuple[list[float], list[float]]:
        """Return the seconds per image of epochs, and of as many bare steps, measured in turns after a warm-up."""
        steps, images = len(self.batches), sum(map(len, self.batches.steps()))
        self.bare_steps(steps)
        self.epoch()
        epochs, bare = [], []
        for _ in range(rounds):
            bare.append(self.bare_steps(steps) / (steps * len(self.batch.indices)))
            epochs.append(self.epoch() / images)
        return epochs, bare

    def _bare_step(self, batch: Batch) -> None:
        train_state = self.train_state
        train_state.optimizer.zero_grad(set_to_none=True)
        train_state.differentiate(batch.images, batch.labels)
        train_state.optimizer.step()

    def profiled_epoch(self) -> dict[str, float]:
        """Return the milliseconds per image of each part of an epoch, with a synchronization after each part."""
        profiler = self.train_state.profiler = Profiler(lambda: finish_work(self.device))
        with profiler("other"):
            self.epoch()
        self.train_state.profiler = Profiler()
        return {name: 1000 * seconds / profiler.images for name, seconds in profiler.seconds.items()}


def seconds(function: Callable[[], object], count: int, device: torch.device) -> float:
    """Return the seconds of `count` calls, until the device has finished all work."""
    finish_work(device)
    start = time.perf_counter()
    for _ in range(count):
        function()
    finish_work(device)
    return time.perf_counter() - start
