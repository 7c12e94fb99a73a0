"""Training batches: choose the samples of each step, read them in a background thread, augment them on the device.

A split that fits into the device's memory is kept there (`DeviceCache`), so that training copies no images.
"""

import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import chain, islice
from queue import Empty, Full, Queue
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streetseg.data.augment.augment import augment
from streetseg.data.augment.rare import PLACES, RareCrops, places_of
from streetseg.data.augment.rng import draw
from streetseg.data.decoding import Pair
from streetseg.data.epoch_order import epoch_order, images_of_epoch
from streetseg.data.store import Store, default_cache, in_order
from streetseg.errors import DataError, TrainingError
from streetseg.labels.space import IGNORE_INDEX
from streetseg.profiler import Profiler
from streetseg.recipe.schema import Augment, Size

_AHEAD = 2  # batches read while the step runs
_TIMEOUT = 50.0  # seconds to wait for a batch before training fails
_JOIN_TIMEOUT = 5.0  # seconds that closing waits for the reader thread to finish its batch; a disk may hang
FEWEST = 2  # images a rank needs in a step: batch norm cannot train on one


class Raw(NamedTuple):
    """Images uint8 (B, 3, H, W) in channels_last, labels uint8 (B, H, W), the size of each image before padding, height
    and width, int64 (B, 2), and the pixel that each crop has to show, int64 (B,); None: crops may lie anywhere."""

    images: Tensor
    labels: Tensor
    sizes: NDArray[np.int64]
    shown: NDArray[np.int64] | None


class Reader:
    """Reads batches from the store in its own thread, a few batches ahead of the consumer.

    Args:
        store: a split whose labels have the size of their images.
        steps: the sample indices of each batch.
        pin: put batches into page-locked memory, so that copies to a GPU run in the background.
        rare: chooses the pixels that crops have to show; None: they may lie anywhere.
    """

    def __init__(
        self, store: Store, steps: Sequence[tuple[int, ...]], *, pin: bool, rare: RareCrops | None = None
    ) -> None:
        self._store = store
        self._steps = steps
        self._pin = pin
        self._rare = rare
        self._ready: Queue[Raw | BaseException] = Queue(_AHEAD)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="streetseg-reader", daemon=True)

    def __enter__(self) -> "Reader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        # At exit the interpreter kills running threads. A thread killed inside torch aborts the process.
        self._thread.join(_JOIN_TIMEOUT)

    def next(self, indices: tuple[int, ...]) -> Raw:
        """Return the next batch. `indices` are its samples, named in the error if it does not arrive.

        Raises:
            TrainingError: a sample cannot be read, or no batch arrives within the timeout.
            DataError: labels and image of a sample differ in size.
        """
        try:
            raw = self._ready.get(timeout=_TIMEOUT)
        except Empty as error:
            raise TrainingError(
                f"no batch was read for {_TIMEOUT:.0f} s",
                where=[self._store.samples[i].image for i in indices],
                hint=f"check that the disk of {default_cache()} responds; STREETSEG_CACHE=DIR names another folder",
            ) from error
        if isinstance(raw, BaseException):
            raise raw
        return raw

    def _run(self) -> None:
        try:
            with closing(read_pairs(self._store, list(chain(*self._steps)))) as pairs:
                for indices in self._steps:
                    step = list(islice(pairs, len(indices)))
                    self._hand_over(_collated(step, self._shown(indices, step), pin=self._pin))
                    if self._stop.is_set():
                        return
        except BaseException as error:
            self._hand_over(error)

    def _shown(self, indices: tuple[int, ...], pairs: Sequence[Pair]) -> NDArray[np.int64] | None:
        if self._rare is None:
            return None
        return self._rare.pixels(indices, [partial(places_of, labels) for _, labels in pairs])

    def _hand_over(self, result: Raw | BaseException) -> None:
        while not self._stop.is_set():
            with suppress(Full):
                self._ready.put(result, timeout=0.1)
                break


def _collated(pairs: Sequence[Pair], shown: NDArray[np.int64] | None, *, pin: bool) -> Raw:
    """Return samples as one batch. Smaller images are padded at the bottom and right to the size of the largest.

    Only numpy is used here: a multi-threaded torch operation would create a second OpenMP pool for this thread. With
    more pool threads than cores, OpenMP puts all of them to sleep between operations, which costs a tenth of a
    training step.
    """
    sizes = np.array([ids.shape for _, ids in pairs], dtype=np.int64)
    height, width = sizes.max(axis=0).tolist()
    images = torch.empty((len(pairs), height, width, 3), dtype=torch.uint8, pin_memory=pin)
    labels = torch.empty((len(pairs), height, width), dtype=torch.uint8, pin_memory=pin)
    labels.numpy().fill(IGNORE_INDEX)
    for i, (image, ids) in enumerate(pairs):
        below, beside = height - ids.shape[0], width - ids.shape[1]
        # Padding repeats the edge pixels, so that bilinear sampling at the edge mixes in no other color.
        images.numpy()[i] = np.pad(image, ((0, below), (0, beside), (0, 0)), mode="edge") if below or beside else image
        labels.numpy()[i, : ids.shape[0], : ids.shape[1]] = ids
    return Raw(images.permute(0, 3, 1, 2), labels, sizes, shown)


def read_pairs(store: Store, indices: Sequence[int]) -> Generator[Pair, None, None]:
    """Yield image uint8 (H, W, 3) and labels uint8 (H, W) of samples of the store, in order.

    Raises:
        TrainingError: a sample cannot be read.
        DataError: labels and image of a sample differ in size.
    """
    with closing(in_order(store, indices)) as pairs:
        for i in indices:
            yield read_pair(store, i, pairs)


def read_pair(store: Store, i: int, pairs: Iterator[tuple[int, Pair]]) -> Pair:
    """Return the next of `pairs`, which is sample `i` of the store. Raise the errors of `read_pairs`."""
    sample = store.samples[i]
    try:
        _, (image, labels) = next(pairs)
    except (OSError, DataError) as error:
        raise TrainingError(
            f"an image cannot be read: {str(error).splitlines()[0]}",
            where=(sample.image, sample.mask),
            hint="what was saved is kept; the same command with --resume goes on and builds a damaged store again",
        ) from error
    if image.shape[:2] != labels.shape:
        raise DataError(
            f"image and labels differ in size in the store (found {image.shape[:2]} and {labels.shape})",
            where=sample.name,
            hint="open the store of a training split with resize_labels=True",
        )
    return image, labels


def device_cache_bytes(store: Store) -> int | None:
    """Return the bytes of device memory that a `DeviceCache` of the store takes; None if its images differ in size."""
    sizes = np.unique(store.sizes, axis=0)
    return len(store) * 4 * int(sizes[0].prod()) if len(sizes) == 1 else None


class DeviceCache:
    """Copy of all images and labels of a store in the memory of a device.

    Args:
        store: a split in which all images and labels have one size.
        device: needs `device_cache_bytes` of free memory.

    Raises:
        TrainingError: a sample cannot be read.
        DataError: labels and image of a sample differ in size.
    """

    def __init__(self, store: Store, device: torch.device) -> None:
        self._classes = store.space.num_classes
        self._size = store.sizes[:1]
        height, width = self._size[0].tolist()
        self._images = torch.empty((len(store), height, width, 3), dtype=torch.uint8, device=device)
        self._labels = torch.empty((len(store), height, width), dtype=torch.uint8, device=device)
        for i, (image, labels) in enumerate(read_pairs(store, range(len(store)))):
            self._images[i] = torch.from_numpy(image.copy())  # a copy, as torch accepts no read-only array
            self._labels[i] = torch.from_numpy(labels.copy())

    @cached_property
    def _places(self) -> NDArray[np.int32]:
        """Pixels of each class in each image, as `places_of` returns them, in main memory: int32 (N, C, PLACES).

        A choice from the labels on the device would make the processor wait for it in each step.
        """
        places = np.empty((len(self._labels), self._classes, PLACES), np.int32)
        for of_image, labels in zip(places, self._labels, strict=True):
            ids = labels.cpu().numpy()
            for class_id in range(self._classes):
                of_image[class_id] = places_of(ids, class_id)
        return places

    def batch(self, indices: Sequence[int], rare: RareCrops | None = None) -> Raw:
        """Return the batch of these samples, equal to what `Reader` reads."""
        selected = torch.tensor(indices).to(self._labels.device, non_blocking=True)
        images = self._images.index_select(0, selected).permute(0, 3, 1, 2)
        shown = None if rare is None else rare.pixels(indices, [self._places[i].__getitem__ for i in indices])
        return Raw(images, self._labels.index_select(0, selected), self._size.repeat(len(indices), axis=0), shown)


class Batch(NamedTuple):
    """Images uint8 (B, 3, h, w), labels uint8 (B, h, w), both on the device, and their sample indices in the store."""

    images: Tensor
    labels: Tensor
    indices: tuple[int, ...]


def steps_of_epoch(images: int, batch: int, world: int) -> int:
    """Return the number of steps of an epoch over `images` images; `batch` is per step, over all `world` ranks."""
    full, left = divmod(images, batch)
    return full + (left // world >= FEWEST)


@dataclass(frozen=True)
class TrainBatches:
    """The training batches of one epoch. They are reproducible: all randomness derives from (seed, epoch, index).

    The samples come in the order of `epoch_order`, and are cut into steps of `batch` images.
    Each of `world` ranks takes every world-th image of a step. So a step holds the same images with the same
    augmentation for any number of ranks, and all ranks make the same number of steps. If the number of images is no
    multiple of `batch`, the last step is smaller. It is dropped if a rank would get fewer than two images, because
    batch norm cannot train on one. So one rank reads every image once an epoch, except for a single leftover image.

    Args:
        store: a split whose labels have the size of their images.
        batch: images per step on all ranks together, at least two for each rank.
        seed: the seed of the run.
        epoch: the number of the epoch.
        device: where batches are augmented and returned.
        settings: the augmentation.
        crop: height and width of the batches.
        start_step: the first step to yield, when a run resumes in the middle of an epoch.
        end_step: the epoch ends before this step; None: at its last step.
        rank: the number of this process, 0..world-1.
        world: the number of processes that train together.
        extra_share: share of the epoch's images that are of the extra data set; None: all of its images.
        class_pixels: pixels of each class in the split, (C,), for `settings.rare_crops`; None: counted in the store.
        device_cache: the store's images if they are on the device already; None: they are read from the store.
        profiler: receives the time spent waiting for "data" and the time of "augment".
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
    extra_share: float | None = None
    class_pixels: NDArray[np.int64] | None = None
    device_cache: DeviceCache | None = None
    profiler: Profiler = field(default_factory=Profiler)

    def __len__(self) -> int:
        """Return the number of steps of the whole epoch, regardless of `start_step` and `end_step`."""
        return steps_of_epoch(images_of_epoch(self.store.samples, self.extra_share), self.batch, self.world)

    def steps(self) -> list[tuple[int, ...]]:
        """Return the sample indices of this rank for each step of the whole epoch."""
        order = epoch_order(self.store.samples, self.extra_share, self.seed, self.epoch)
        starts = range(0, len(self) * self.batch, self.batch)
        return [tuple(order[start : start + self.batch][self.rank :: self.world]) for start in starts]

    def __iter__(self) -> Generator[Batch, None, None]:
        """Yield the batches from `start_step` to `end_step`.

        Raises:
            DataError: there are too few images for one step, or labels and image of a sample differ in size.
            TrainingError: a sample cannot be read, or the reader delivers no batch within its timeout.
        """
        steps = self.steps()
        if not steps:
            raise DataError(
                f"split {self.store.split!r} has too few images to train on (found {len(self.store)}, "
                f"expected at least {FEWEST * self.world})"
            )
        steps = steps[self.start_step : self.end_step]
        # grid_sample on MPS lacks padding_mode="border", so batches for MPS are augmented on the CPU.
        augment_device = torch.device("cpu") if self.device.type == "mps" else self.device
        with closing(self._raw(steps, augment_device)) as batches:
            for indices in steps:
                with self.profiler("data"):
                    raw = next(batches)
                with self.profiler("augment"):
                    random_params = draw(self.seed, self.epoch, indices)
                    images, labels = augment(
                        raw.images, raw.labels, self.settings, self.crop, random_params, raw.sizes, raw.shown
                    )
                yield Batch(images.to(self.device), labels.to(self.device), indices)

    def _raw(self, steps: list[tuple[int, ...]], device: torch.device) -> Generator[Raw, None, None]:
        """Yield the samples of each step, not augmented, on `device`."""
        rare = self._rare_crops()
        if self.device_cache is not None:
            for indices in steps:
                yield self.device_cache.batch(indices, rare)
            return
        with Reader(self.store, steps, pin=device.type == "cuda", rare=rare) as reader:
            for indices in steps:
                raw = reader.next(indices)
                images, labels = raw.images.to(device, non_blocking=True), raw.labels.to(device, non_blocking=True)
                yield raw._replace(images=images, labels=labels)

    def _rare_crops(self) -> RareCrops | None:
        """Return what chooses the pixels that crops have to show; None if the recipe asks for none."""
        if not self.settings.rare_crops:
            return None
        pixels = self.store.class_pixels if self.class_pixels is None else self.class_pixels
        return RareCrops(self.settings.rare_crops, pixels[: self.store.space.num_classes], self.seed, self.epoch)
