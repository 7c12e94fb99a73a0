"""The decode-once store: every image and labels array of a split as raw bytes, mapped into memory.

It is our own: two flat files and an index need no dependency, and the operating system shares their pages between
processes.
"""

import logging
import math
import mmap
import os
import sys
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streetseg.arrays import Size
from streetseg.data.build_store import IMAGES, LABELS, StoreRequest, build_store
from streetseg.data.cache import temporary_cache, user_cache
from streetseg.data.source import Source
from streetseg.errors import DataError

log = logging.getLogger("streetseg")

Array = NDArray[np.uint8]


def default_cache() -> Path:
    """Return $STREETSEG_CACHE, or streetseg/ in the folder that the system has for a user's caches, or in a temporary
    folder where the user has no home that can be written to.

    Raises:
        RequestError: there is no such folder.
    """
    if chosen := os.environ.get("STREETSEG_CACHE"):
        return Path(chosen)
    if (user := user_cache()) is not None:
        return user / "streetseg"
    folder = temporary_cache() / "streetseg"
    log.warning(
        "no home folder can be written to: decoded images are kept in %s; STREETSEG_CACHE=DIR names another", folder
    )
    return folder


class Store:
    """The images and labels of one split, read without decoding. Open one with `Store.open`.

    `store[i]` is (image uint8 (H, W, 3), label uint8 (h, w)), read-only views of the mapped files: only the pages
    that are touched are read, and memory stays flat however large the data set is.
    `fingerprint`, a SHA-256, changes with the split, its samples' names, the classes, and every pixel as read here.
    """

    def __init__(self, request: StoreRequest, cache: Path) -> None:
        folder, index = build_store(request, cache)
        self.split = request.split
        self.space = request.source.space
        self.samples = request.samples
        self.fingerprint = index["fingerprint"]
        self._images = _Mapped(folder / IMAGES, index["images"])
        self._labels = _Mapped(folder / LABELS, index["labels"])

    @classmethod
    def open(cls, source: Source, split: str, *, size: Size | None, resize_labels: bool, cache: Path) -> "Store":
        """Opens the store of a split, building it first where there is none for the files as they are now.

        Args:
            source: where images and labels are decoded from, once.
            split: one of `source.splits`.
            size: what a network is trained for; each image is brought to its `input_size`. None keeps its own.
            resize_labels: bring labels to the images' size too (nearest); else they keep their own resolution.
            cache: folder to keep stores in; `default_cache()` is the user's.

        Raises:
            DataError: the split is unknown or empty, a file cannot be read, or an image and its label differ in size.
            RequestError: the cache cannot be written.
        """
        if not source.splits.get(split):
            found = ", ".join(f"{name} with {len(samples)}" for name, samples in source.splits.items())
            raise DataError(f"split {split!r} has no images (found {found or 'no splits'})", where=source.spec)
        return cls(StoreRequest(source, split, size, resize_labels), cache)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, i: int) -> tuple[Array, Array]:
        return self._images[i], self._labels[i]

    @cached_property
    def class_pixels(self) -> NDArray[np.int64]:
        """Pixels of each id in all labels, int64 (256,); counted when first asked for."""
        counts = (np.bincount(label.ravel(), minlength=256) for _, label in map(self.__getitem__, range(len(self))))
        return sum(counts, np.zeros(256, np.int64))

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Height and width of each image, int64 (N, 2)."""
        return np.array([place[1:3] for place in self._images.places], dtype=np.int64)


class _Mapped:
    """The arrays of one file, each at its place: where it begins, then its shape.

    What was read may stay in the page cache but not mapped, so resident memory is flat.
    """

    _KEPT = 16 * 2**20  # bytes read before their pages are unmapped

    def __init__(self, path: Path, places: list[list[int]]) -> None:
        self._path = path
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._bytes = np.frombuffer(self._map, dtype=np.uint8)
        self.places = places
        self._read = 0

    def __getitem__(self, i: int) -> Array:
        if self._map.size() < len(self._bytes):  # the file, by now; pages it lost would end the process without a word
            raise DataError(
                f"a file of the store was cut while it was in use (found {self._map.size():,} bytes, "
                f"expected {len(self._bytes):,})",
                where=self._path,
                hint="the same command builds the store again",
            )
        start, *shape = self.places[i]
        size = math.prod(shape)
        self._read += size
        if self._read > self._KEPT:
            if sys.platform != "win32":  # where Windows needs memory, it takes such pages away by itself
                self._map.madvise(mmap.MADV_DONTNEED)  # views stay valid: a page touched again is mapped again
            self._read = size
        return self._bytes[start : start + size].reshape(shape)
