"""Training batches: which samples, in which order, read ahead and augmented on the device."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, Full, Queue
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streetseg.data.augment import augment
from streetseg.data.draws import draw, shuffled
from streetseg.data.store import Store, default_cache
from streetseg.errors import DataError, TrainingError
from streetseg.labels.space import IGNORE_INDEX
from streetseg.recipe.schema import Augment, Size

_AHEAD = 2  # batches read while the step runs
_PATIENCE = 50.0  # seconds until a reader that delivers nothing is given up
FEWEST = 2  # batch norm cannot train on one picture


class Batch(NamedTuple):
    """Pictures uint8 (B, 3, h, w) and labels uint8 (B, h, w) on the device, and which samples of the store they are."""

    pictures: Tensor
    labels: Tensor
    indices: tuple[int, ...]


@dataclass(frozen=True)
class TrainBatches:
    """The training batches of one epoch, each time the same: everything random derives from (seed, epoch, index).

    The order is shuffled anew each epoch and cut into steps of `batch` pictures; each of `world` ranks takes every
    world-th picture of a step. So a step holds the same pictures, changed in the same way, however many ranks share it,
    and all ranks make the same number of steps. The last step is smaller where the count does not divide, and left out
    only where a rank would get fewer than two pictures, because batch norm cannot train on one. With one rank every
    picture is met once an epoch, but for one where exactly one is left over.

    Args:
        store: a split whose labels have their pictures' size.
        batch: pictures a step on all ranks together, at least two for each of them.
        seed: of the run.
        epoch: counted by the caller.
        device: where batches go and are augmented.
        settings: of the augmentation.
        crop: height and width of what comes out.
        start_step: the first step to make, when an epoch is taken up in its middle.
        rank: this process, 0..world-1.
        world: processes that train together.
    """

    store: Store
    batch: int
    seed: int
    epoch: int
    device: torch.device
    settings: Augment
    crop: Size
    start_step: int = 0
    rank: int = 0
    world: int = 1

    def __len__(self) -> int:
        """Steps of the whole epoch, whatever `start_step`."""
        full, left = divmod(len(self.store), self.batch)
        return full + (left // self.world >= FEWEST)

    def steps(self) -> list[tuple[int, ...]]:
        """The sample indices of each step of this rank, from the first step of the epoch on."""
        order = shuffled(self.seed, self.epoch, len(self.store)).tolist()
        starts = range(0, len(self) * self.batch, self.batch)
        return [tuple(order[start : start + self.batch][self.rank :: self.world]) for start in starts]

    def __iter__(self) -> Iterator[Batch]:
        """Yields what is left of the epoch.

        Raises:
            DataError: there are too few pictures for a single step, or labels have another size than their pictures.
            TrainingError: a sample cannot be read, or the reader has stopped delivering.
        """
        steps = self.steps()
        if not steps:
            raise DataError(
                f"split {self.store.split!r} has too few pictures to train on (found {len(self.store)}, "
                f"expected at least {FEWEST * self.world})"
            )
        with _Reader(self.store, steps[self.start_step :], pin=self.device.type == "cuda") as reader:
            for indices in steps[self.start_step :]:
                raw = reader.next(indices)
                pictures, labels = augment(
                    raw.pictures.to(self.device, non_blocking=True),
                    raw.labels.to(self.device, non_blocking=True),
                    self.settings,
                    self.crop,
                    draw(self.seed, self.epoch, indices),
                    raw.sizes,
                )
                yield Batch(pictures, labels, indices)


class _Raw(NamedTuple):
    """Pictures uint8 (B, 3, H, W) in channels_last, labels uint8 (B, H, W), and each one's own size, int64 (B, 2)."""

    pictures: Tensor
    labels: Tensor
    sizes: NDArray[np.int64]


class _Reader:
    """Copies batches out of the store in a thread of its own, a few ahead of who asks."""

    def __init__(self, store: Store, steps: list[tuple[int, ...]], *, pin: bool) -> None:
        self._store = store
        self._steps = steps
        self._pin = pin
        self._ready: Queue[_Raw | BaseException] = Queue(_AHEAD)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="streetseg-reader", daemon=True)

    def __enter__(self) -> "_Reader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()

    def next(self, indices: tuple[int, ...]) -> _Raw:
        """The next batch; `indices` name it where it does not come."""
        try:
            raw = self._ready.get(timeout=_PATIENCE)
        except Empty as error:
            raise TrainingError(
                f"no batch was read for {_PATIENCE:.0f} s",
                where=[self._store.samples[i].picture for i in indices],
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

    def _hand_over(self, result: _Raw | BaseException) -> None:
        while not self._stop.is_set():
            with suppress(Full):
                self._ready.put(result, timeout=0.1)
                break


def _read(store: Store, indices: tuple[int, ...], *, pin: bool) -> _Raw:
    """One batch as it lies in the store; smaller pictures are padded at the bottom and right to the largest."""
    pairs = [_pair(store, i) for i in indices]
    sizes = np.array([label.shape for _, label in pairs], dtype=np.int64)
    height, width = sizes.max(axis=0).tolist()
    pictures = torch.empty((len(pairs), height, width, 3), dtype=torch.uint8, pin_memory=pin)
    labels = torch.full((len(pairs), height, width), IGNORE_INDEX, dtype=torch.uint8, pin_memory=pin)
    for i, (picture, label) in enumerate(pairs):
        below, beside = height - label.shape[0], width - label.shape[1]
        # Padded with the edge pixels, so that bilinear reading at the edge meets no foreign colour.
        pictures.numpy()[i] = (
            np.pad(picture, ((0, below), (0, beside), (0, 0)), mode="edge") if below or beside else picture
        )
        labels.numpy()[i, : label.shape[0], : label.shape[1]] = label
    return _Raw(pictures.permute(0, 3, 1, 2), labels, sizes)


def _pair(store: Store, i: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    sample = store.samples[i]
    try:
        picture, label = store[i]
    except (OSError, DataError) as error:
        raise TrainingError(
            f"a picture cannot be read from the store: {str(error).splitlines()[0]}",
            where=(sample.picture, sample.label),
            hint="what was saved is kept; the same command with --resume goes on and builds a damaged store again",
        ) from error
    if picture.shape[:2] != label.shape:
        raise DataError(
            f"picture and label differ in size in the store (found {picture.shape[:2]} and {label.shape})",
            where=sample.name,
            hint="open the store of a training split with resize_labels=True",
        )
    return picture, label
