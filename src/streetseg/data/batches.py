"""Training batches: which samples, in which order, read ahead of the step and augmented on the device.

A split that fits lies whole in the device's memory (`DeviceCache`), and nothing is copied to it during training.
"""

import threading
from collections.abc import Generator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from queue import Empty, Full, Queue
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streetseg.data.augment.augment import augment
from streetseg.data.augment.rng import draw, shuffled
from streetseg.data.store import Store, default_cache
from streetseg.errors import DataError, TrainingError
from streetseg.labels.space import IGNORE_INDEX
from streetseg.profiler import Profiler
from streetseg.recipe.schema import Augment, Size

_AHEAD = 2  # batches read while the step runs
_TIMEOUT = 50.0  # seconds until a reader that delivers nothing is given up
_FAREWELL = 5.0  # seconds for the batch in hand; a disk that hangs holds nobody longer
FEWEST = 2  # batch norm cannot train on one image


class Raw(NamedTuple):
    """Images uint8 (B, 3, H, W) in channels_last, labels uint8 (B, H, W), and each one's own size, int64 (B, 2)."""

    images: Tensor
    labels: Tensor
    sizes: NDArray[np.int64]


class Reader:
    """Copies batches out of the store, once, in a thread of its own, a few ahead of who asks.

    Args:
        store: a split whose labels have their images' size.
        steps: the samples of each batch.
        pin: into page-locked memory, from where a GPU fetches them by itself.
    """

    def __init__(self, store: Store, steps: Sequence[tuple[int, ...]], *, pin: bool) -> None:
        self._store = store
        self._steps = steps
        self._pin = pin
        self._ready: Queue[Raw | BaseException] = Queue(_AHEAD)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="streetseg-reader", daemon=True)

    def __enter__(self) -> "Reader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        # The interpreter ends the threads that are left when it ends; inside of torch that aborts the process.
        self._thread.join(_FAREWELL)

    def next(self, indices: tuple[int, ...]) -> Raw:
        """The next batch; `indices` name it where it does not come.

        Raises:
            TrainingError: a sample cannot be read, or nothing comes for too long.
            DataError: a label has another size than its image.
        """
        try:
            raw = self._ready.get(timeout=_TIMEOUT)
        except Empty as error:
            raise TrainingError(
                f"no batch was read for {_TIMEOUT:.0f} s",
                where=[self._store.samples[i].image for i in indices],
                hint=f"does the disk of {default_cache()} still answer? STREETSEG_CACHE=DIR names another place",
            ) from error
        if isinstance(raw, BaseException):
            raise raw
        return raw

    def _run(self) -> None:
        for indices in self._steps:
            try:
                self._hand_over(_read(self._store, indices, pin=self._pin))
            except BaseException as error:
                self._hand_over(error)
                return
            if self._stop.is_set():
                return

    def _hand_over(self, result: Raw | BaseException) -> None:
        while not self._stop.is_set():
            with suppress(Full):
                self._ready.put(result, timeout=0.1)
                break


def _read(store: Store, indices: tuple[int, ...], *, pin: bool) -> Raw:
    """One batch as it lies in the store; smaller images are padded at the bottom and right to the largest.

    By numpy alone: a torch operation on several threads would give this thread a pool of its own, and where there are
    more pool threads than cores, OpenMP lets all of them sleep between operations: a tenth of a training step.
    """
    pairs = [read_pair(store, i) for i in indices]
    sizes = np.array([label.shape for _, label in pairs], dtype=np.int64)
    height, width = sizes.max(axis=0).tolist()
    images = torch.empty((len(pairs), height, width, 3), dtype=torch.uint8, pin_memory=pin)
    labels = torch.empty((len(pairs), height, width), dtype=torch.uint8, pin_memory=pin)
    labels.numpy().fill(IGNORE_INDEX)
    for i, (image, label) in enumerate(pairs):
        below, beside = height - label.shape[0], width - label.shape[1]
        # Padded with the edge pixels, so that bilinear reading at the edge meets no foreign color.
        images.numpy()[i] = np.pad(image, ((0, below), (0, beside), (0, 0)), mode="edge") if below or beside else image
        labels.numpy()[i, : label.shape[0], : label.shape[1]] = label
    return Raw(images.permute(0, 3, 1, 2), labels, sizes)


def read_pair(store: Store, i: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """An image (H, W, 3) and its label (H, W) as the store has them. Raises as `Reader.next` does."""
    sample = store.samples[i]
    try:
        image, label = store[i]
    except (OSError, DataError) as error:
        raise TrainingError(
            f"an image cannot be read from the store: {str(error).splitlines()[0]}",
            where=(sample.image, sample.mask),
            hint="what was saved is kept; the same command with --resume goes on and builds a damaged store again",
        ) from error
    if image.shape[:2] != label.shape:
        raise DataError(
            f"image and label differ in size in the store (found {image.shape[:2]} and {label.shape})",
            where=sample.name,
            hint="open the store of a training split with resize_labels=True",
        )
    return image, label


def device_cache_bytes(store: Store) -> int | None:
    """What `DeviceCache` would take of the device's memory; None if the images differ in size, and so fit no batch."""
    sizes = np.unique(store.sizes, axis=0)
    return len(store) * 4 * int(sizes[0].prod()) if len(sizes) == 1 else None


class DeviceCache:
    """All images and labels of a store on a device.

    Args:
        store: a split of images of one size, whose labels have that size.
        device: takes `device_cache_bytes`.

    Raises:
        TrainingError: a sample cannot be read.
        DataError: a label has another size than its image.
    """

    def __init__(self, store: Store, device: torch.device) -> None:
        self._size = store.sizes[:1]
        height, width = self._size[0].tolist()
        self._images = torch.empty((len(store), height, width, 3), dtype=torch.uint8, device=device)
        self._labels = torch.empty((len(store), height, width), dtype=torch.uint8, device=device)
        for i in range(len(store)):
            image, label = read_pair(store, i)
            self._images[i] = torch.from_numpy(image.copy())  # torch takes no view that is read-only
            self._labels[i] = torch.from_numpy(label.copy())

    def batch(self, indices: Sequence[int]) -> Raw:
        """These samples, as the reader would have read them."""
        chosen = torch.tensor(indices).to(self._labels.device, non_blocking=True)
        images = self._images.index_select(0, chosen).permute(0, 3, 1, 2)
        return Raw(images, self._labels.index_select(0, chosen), self._size.repeat(len(indices), axis=0))


class Batch(NamedTuple):
    """Images uint8 (B, 3, h, w) and labels uint8 (B, h, w) on the device, and which samples of the store they are."""

    images: Tensor
    labels: Tensor
    indices: tuple[int, ...]


def steps_of_epoch(images: int, batch: int, world: int) -> int:
    """How many steps an epoch over so many images has, of `batch` images on all `world` ranks together."""
    full, left = divmod(images, batch)
    return full + (left // world >= FEWEST)


@dataclass(frozen=True)
class TrainBatches:
    """The training batches of one epoch, each time the same: everything random derives from (seed, epoch, index).

    The order is shuffled anew each epoch and cut into steps of `batch` images; each of `world` ranks takes every
    world-th image of a step. So a step holds the same images, changed in the same way, however many ranks share it,
    and all ranks make the same number of steps. The last step is smaller where the count does not divide, and left out
    only where a rank would get fewer than two images, because batch norm cannot train on one. With one rank every
    image is met once an epoch, but for one where exactly one is left over.

    Args:
        store: a split whose labels have their images' size.
        batch: images a step on all ranks together, at least two for each of them.
        seed: of the run.
        epoch: counted by the caller.
        device: where batches go and are augmented.
        settings: of the augmentation.
        crop: height and width of what comes out.
        start_step: the first step to make, when an epoch is taken up in its middle.
        end_step: the step before which the epoch ends early; none: it goes on to its last.
        rank: this process, 0..world-1.
        world: processes that train together.
        device_cache: the store's images where they lie on the device already; none: they are read ahead.
        profiler: is told how long "data" is waited for, and what "augment" takes.
    """

    store: Store
    batch: int
    seed: int
    epoch: int
    device: torch.device
    settings: Augment
    crop: Size
    start_step: int = 0
    end_step: int | None = None
    rank: int = 0
    world: int = 1
    device_cache: DeviceCache | None = None
    profiler: Profiler = field(default_factory=Profiler)

    def __len__(self) -> int:
        """Steps of the whole epoch, whatever `start_step` and `end_step`."""
        return steps_of_epoch(len(self.store), self.batch, self.world)

    def steps(self) -> list[tuple[int, ...]]:
        """The sample indices of each step of this rank, from the first step of the epoch on."""
        order = shuffled(self.seed, self.epoch, len(self.store)).tolist()
        starts = range(0, len(self) * self.batch, self.batch)
        return [tuple(order[start : start + self.batch][self.rank :: self.world]) for start in starts]

    def __iter__(self) -> Generator[Batch, None, None]:
        """Yields what is left of the epoch.

        Raises:
            DataError: there are too few images for a single step, or labels have another size than their images.
            TrainingError: a sample cannot be read, or the reader has stopped delivering.
        """
        steps = self.steps()
        if not steps:
            raise DataError(
                f"split {self.store.split!r} has too few images to train on (found {len(self.store)}, "
                f"expected at least {FEWEST * self.world})"
            )
        steps = steps[self.start_step : self.end_step]
        # The sampling of MPS knows no border of edge pixels: what it gets is augmented by the CPU.
        place = torch.device("cpu") if self.device.type == "mps" else self.device
        with closing(self._raw(steps, place)) as batches:
            for indices in steps:
                with self.profiler("data"):
                    raw = next(batches)
                with self.profiler("augment"):
                    numbers = draw(self.seed, self.epoch, indices)
                    images, labels = augment(raw.images, raw.labels, self.settings, self.crop, numbers, raw.sizes)
                yield Batch(images.to(self.device), labels.to(self.device), indices)

    def _raw(self, steps: list[tuple[int, ...]], place: torch.device) -> Generator[Raw, None, None]:
        """The samples of each step as they lie in the store, on the device `place`."""
        if self.device_cache is not None:
            yield from map(self.device_cache.batch, steps)
            return
        with Reader(self.store, steps, pin=place.type == "cuda") as reader:
            for indices in steps:
                images, labels, sizes = reader.next(indices)
                yield Raw(images.to(place, non_blocking=True), labels.to(place, non_blocking=True), sizes)
