"""Reading batches out of the store ahead of the step that needs them."""

import threading
from collections.abc import Sequence
from contextlib import suppress
from queue import Empty, Full, Queue
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streetseg.data.store import Store, default_cache
from streetseg.errors import DataError, TrainingError
from streetseg.labels.space import IGNORE_INDEX

_AHEAD = 2  # batches read while the step runs
_PATIENCE = 50.0  # seconds until a reader that delivers nothing is given up
_FAREWELL = 5.0  # seconds for the batch in hand; a disk that hangs holds nobody longer


class Raw(NamedTuple):
    """Pictures uint8 (B, 3, H, W) in channels_last, labels uint8 (B, H, W), and each one's own size, int64 (B, 2)."""

    pictures: Tensor
    labels: Tensor
    sizes: NDArray[np.int64]


class Reader:
    """Copies batches out of the store, once, in a thread of its own, a few ahead of who asks.

    Args:
        store: a split whose labels have their pictures' size.
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
            DataError: a label has another size than its picture.
        """
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

    def _hand_over(self, result: Raw | BaseException) -> None:
        while not self._stop.is_set():
            with suppress(Full):
                self._ready.put(result, timeout=0.1)
                break


def _read(store: Store, indices: tuple[int, ...], *, pin: bool) -> Raw:
    """One batch as it lies in the store; smaller pictures are padded at the bottom and right to the largest.

    By numpy alone: a torch operation on several threads would give this thread a pool of its own, and where there are
    more pool threads than cores, OpenMP lets all of them sleep between operations: a tenth of a training step.
    """
    pairs = [read_pair(store, i) for i in indices]
    sizes = np.array([label.shape for _, label in pairs], dtype=np.int64)
    height, width = sizes.max(axis=0).tolist()
    pictures = torch.empty((len(pairs), height, width, 3), dtype=torch.uint8, pin_memory=pin)
    labels = torch.empty((len(pairs), height, width), dtype=torch.uint8, pin_memory=pin)
    labels.numpy().fill(IGNORE_INDEX)
    for i, (picture, label) in enumerate(pairs):
        below, beside = height - label.shape[0], width - label.shape[1]
        # Padded with the edge pixels, so that bilinear reading at the edge meets no foreign colour.
        pictures.numpy()[i] = (
            np.pad(picture, ((0, below), (0, beside), (0, 0)), mode="edge") if below or beside else picture
        )
        labels.numpy()[i, : label.shape[0], : label.shape[1]] = label
    return Raw(pictures.permute(0, 3, 1, 2), labels, sizes)


def read_pair(store: Store, i: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A picture (H, W, 3) and its label (H, W) as the store has them. Raises as `Reader.next` does."""
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
