"""The decode-once store: every image and labels array of a split as raw bytes, mapped into memory.

It is written by hand: two flat files and an index need no library, and processes share their pages through the
operating system.
"""

import logging
import math
import mmap
import os
import sys
from collections.abc import Generator, Sequence
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from streetseg.arrays import Size
from streetseg.data.budget import Budget, budget
from streetseg.data.build_store import IMAGES, LABELS, Index, build_store, holds_arrays, read_index, store_folder
from streetseg.data.cache import temporary_cache, user_cache
from streetseg.data.cached_stores import drop_unused
from streetseg.data.decoding import Array, Pair, StoreRequest
from streetseg.data.on_the_fly import decoded_ahead, shared_workers
from streetseg.data.source import Source
from streetseg.errors import DataError
from streetseg.text import counted, size_text

log = logging.getLogger("streetseg")


def default_cache() -> Path:
    """Return the cache folder: $STREETSEG_CACHE, else streetseg/ in the system's cache folder of the user.

    If that cannot be written to, it is streetseg/ in a temporary folder, and a warning is logged.

    Raises:
        RequestError: no such folder can be written to.
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
    """The images and labels of one split, decoded once. Open one with `Store.open`.

    `store[i]` is (image uint8 (H, W, 3), labels uint8 (h, w)), not to be changed. `read` yields several in order.

    If the arrays fit into the budget, they are read-only views of memory-mapped files: the system reads only the pages
    that are accessed, so memory use does not grow with the data set. Otherwise `on_the_fly` is True, and each access
    decodes the files; the arrays are the same in every bit. `fingerprint`, a SHA-256, changes with the split, the names
    of its samples, the classes, and every pixel. It is the same either way.
    """

    def __init__(self, request: StoreRequest, cache: Path, limit: Budget) -> None:
        self._request, self._cache = request, cache
        self.split = request.split
        self.space = request.source.space
        self.samples = request.samples
        self.reduced = request.reduced
        folder = store_folder(request, cache)
        index = read_index(folder)
        built = index is not None and holds_arrays(folder, index)
        self.bytes = request.expected_bytes if index is None else sum(index["bytes"])
        self.on_the_fly = self.bytes > limit.bytes and not (built and limit.is_default)
        if self.on_the_fly:
            count, size = counted(len(self.samples), "image"), size_text(self.bytes)
            level = logging.WARNING if limit.is_default else logging.INFO  # nobody asked for it, and it is slower
            log.log(level, "%s of %s are decoded on the fly: %s %s", count, self.split, size, limit.exceeded)
            self._workers = shared_workers()
        else:
            if not built:
                drop_unused(cache)
            _, self._index = build_store(request, cache, keep_arrays=True)
            self._images = _Mapped(folder / IMAGES, self._index["images"])
            self._labels = _Mapped(folder / LABELS, self._index["labels"])

    @classmethod
    def open(
        cls,
        source: Source,
        split: str,
        *,
        size: Size | None,
        resize_labels: bool,
        cache: Path,
        limit: Budget | None = None,
        reduced: float = 1.0,
    ) -> "Store":
        """Open the store of a split. Build it if there is none, or if files have changed since it was built.

        Args:
            source: the data set that images and masks are decoded from.
            split: one of `source.splits`.
            size: the size a network is trained for; each image is resized to its `input_size`. None: not resized.
            resize_labels: resize labels to the size of their image (nearest); otherwise they keep their resolution.
            cache: folder to keep stores in; `default_cache()` is the user's.
            limit: a larger store is not built, and images are decoded on the fly; None: a share of the free disk.
            reduced: factor, at most 1, on height and width of the images, with `resize_labels` also on the labels.

        Raises:
            DataError: the split is unknown or empty, a file cannot be read, or image and mask differ in size.
            RequestError: the cache cannot be written.
        """
        if not source.splits.get(split):
            found = ", ".join(f"{name} with {len(samples)}" for name, samples in source.splits.items())
            raise DataError(f"split {split!r} has no images (found {found or 'no splits'})", where=source.spec)
        return cls(StoreRequest(source, split, size, resize_labels, reduced), cache, limit or budget(None, cache))

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, i: int) -> Pair:
        if self.on_the_fly:
            sample = self.samples[i]
            return self._request.decode(sample, self._request.stamps[sample.name])
        return self._images[i], self._labels[i]

    def read(self, indices: Sequence[int]) -> Generator[Pair, None, None]:
        """Yield `store[i]` for each index, in order. On the fly, worker processes decode the next ones meanwhile.

        Raises:
            DataError: a file cannot be read or was changed.
            TrainingError: a worker was killed.
        """
        if self.on_the_fly:
            yield from decoded_ahead(self._workers, self._request, [self.samples[i] for i in indices], self._cache)
        else:
            yield from map(self.__getitem__, indices)

    @cached_property
    def _index(self) -> Index:
        return build_store(self._request, self._cache, keep_arrays=False)[1]

    @property
    def fingerprint(self) -> str:
        """A SHA-256 in hex; on the fly, all images are decoded for it if that was not done before."""
        return self._index["fingerprint"]

    @cached_property
    def class_pixels(self) -> NDArray[np.int64]:
        """Number of pixels of each id in all labels, int64 (256,); counted on first access."""
        counts = (np.bincount(labels.ravel(), minlength=256) for _, labels in self.read(range(len(self))))
        return sum(counts, np.zeros(256, np.int64))

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Height and width of each image, int64 (N, 2)."""
        return np.array([place[1:3] for place in self._index["images"]], dtype=np.int64)

    @property
    def smallest(self) -> Size:
        """The smallest height and width of the images before they were `reduced`."""
        height, width = np.rint(self.sizes.min(axis=0) / self.reduced).astype(int).tolist()
        return height, width


class Readable(Protocol):
    """Samples that are read by their index, such as a `Store`."""

    def __getitem__(self, i: int, /) -> Pair:
        """Return image uint8 (H, W, 3) and labels uint8 (h, w)."""
        ...


def in_order(store: Readable, indices: Sequence[int]) -> Generator[tuple[int, Pair], None, None]:
    """Yield (i, store[i]) for each index, in order. A `Store` on the fly decodes the next ones meanwhile."""
    if not isinstance(store, Store):
        yield from ((i, store[i]) for i in indices)
        return
    with closing(store.read(indices)) as pairs:  # workers end with the loop, also when it is left
        yield from zip(indices, pairs, strict=True)


class _Mapped:
    """The arrays of one memory-mapped file. `places` holds the offset of each array, then its shape.

    Pages that were read are unmapped again, so that the memory of the process does not grow. They may stay in the
    page cache of the system.
    """

    _MAPPED_BYTES = 16 * 2**20  # bytes read before their pages are unmapped

    def __init__(self, path: Path, places: list[list[int]]) -> None:
        self._path = path
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._bytes = np.frombuffer(self._map, dtype=np.uint8)
        self.places = places
        self._read = 0

    def __getitem__(self, i: int) -> Array:
        # The current size of the file: access to a page that the file has lost would kill the process (SIGBUS).
        if self._map.size() < len(self._bytes):
            raise DataError(
                f"a file of the store was truncated while it was in use (found {self._map.size():,} bytes, "
                f"expected {len(self._bytes):,})",
                where=self._path,
                hint="the same command builds the store again",
            )
        start, *shape = self.places[i]
        size = math.prod(shape)
        self._read += size
        if self._read > self._MAPPED_BYTES:
            if sys.platform != "win32":  # Windows unmaps such pages by itself when it needs memory
                self._map.madvise(mmap.MADV_DONTNEED)  # views stay valid: a page is mapped again on access
            self._read = size
        return self._bytes[start : start + size].reshape(shape)
