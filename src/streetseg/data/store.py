"""The decode-once store: every picture and label of a split as raw bytes on disk, mapped into memory.

A store is a folder CACHE/store/KEY/FINGERPRINT with `pictures.u8` and `labels.u8` (all arrays one after another, no
gaps) and `index.json` (where each begins, its shape, and the stamps of the files they came from). KEY stands for what
was asked (source, split, sizes), FINGERPRINT also for the samples and the state of their files: a changed file gets a
new folder. A finished folder is never written again.
"""

import fcntl
import hashlib
import json
import logging
import math
import mmap
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from streetseg.data.source import Sample, Source
from streetseg.errors import DataError, RequestError
from streetseg.labels.space import LabelSpace
from streetseg.recipe.schema import Size

log = logging.getLogger("streetseg")

_VERSION = 1
_FILES = ("pictures.u8", "labels.u8")
Array = NDArray[np.uint8]


def default_cache() -> Path:
    """$STREETSEG_CACHE, or streetseg/ in the user's cache folder (XDG Base Directory Specification)."""
    if chosen := os.environ.get("STREETSEG_CACHE"):
        return Path(chosen)
    user = os.environ.get("XDG_CACHE_HOME", "")
    # The specification: a relative path is invalid and to be ignored.
    return (Path(user) if Path(user).is_absolute() else Path.home() / ".cache") / "streetseg"


class Store:
    """The pictures and labels of one split, read without decoding. Open one with `Store.open`.

    `store[i]` is (picture uint8 (H, W, 3), label uint8 (h, w)), read-only views of the mapped files: only the pages
    that are touched are read, and memory stays flat however large the data set is.
    """

    def __init__(self, folder: Path, index: Mapping[str, Any], source: Source, split: str) -> None:
        self.fingerprint: str = index["fingerprint"]
        self.split = split
        self.space: LabelSpace = source.space
        self.samples: tuple[Sample, ...] = tuple(source.splits[split])
        self._pictures = _Mapped(folder / _FILES[0], [entry["picture"] for entry in index["samples"]])
        self._labels = _Mapped(folder / _FILES[1], [entry["label"] for entry in index["samples"]])

    @classmethod
    def open(
        cls, source: Source, split: str, *, picture_size: Size | None, resize_labels: bool, cache: Path
    ) -> "Store":
        """Opens the store of a split, building it first where there is none for the files as they are now.

        Args:
            source: where pictures and labels are decoded from, once.
            split: one of `source.splits`.
            picture_size: height and width to bring pictures to (bilinear, antialiased); none keeps each picture's own.
            resize_labels: bring labels to `picture_size` too (nearest); else they keep their own resolution.
            cache: folder to keep stores in; `default_cache()` is the user's.

        Raises:
            DataError: the split is unknown or empty, a file cannot be read, or a picture and its label differ in size.
            RequestError: the cache cannot be written.
        """
        if not source.splits.get(split):
            found = ", ".join(f"{name} ({len(samples)})" for name, samples in source.splits.items()) or "none"
            raise DataError(f"split {split!r} has no pictures (found splits: {found})", where=source.spec)
        wanted = _wanted(source, split, picture_size, resize_labels)
        shelf = cache / "store" / wanted["key"]
        folder = shelf / wanted["fingerprint"][:16]
        index = _read_index(folder, wanted["fingerprint"])
        if index is None:
            try:
                with _alone(shelf):
                    index = _read_index(folder, wanted["fingerprint"]) or _renew(folder, wanted, source, split)
            except OSError as error:
                raise RequestError(
                    f"cannot keep decoded pictures: {error.strerror or error}",
                    where=error.filename or shelf,
                    hint="STREETSEG_CACHE=DIR chooses a local folder with room for the decoded pictures",
                ) from error
        return cls(folder, index, source, split)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, i: int) -> tuple[Array, Array]:
        return self._pictures[i], self._labels[i]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Height and width of each picture, int64 (N, 2)."""
        return np.array([shape[:2] for shape in self._pictures.shapes], dtype=np.int64)


class _Mapped:
    """Arrays of one file. What was read may stay in the page cache but not mapped, so resident memory stays flat."""

    _KEPT = 64 * 2**20  # bytes read before their pages are unmapped

    def __init__(self, path: Path, places: list[list[int]]) -> None:
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._bytes = np.frombuffer(self._map, dtype=np.uint8)
        self._starts = [place[0] for place in places]
        self.shapes = [tuple(place[1:]) for place in places]
        self._read = 0

    def __getitem__(self, i: int) -> Array:
        start, shape = self._starts[i], self.shapes[i]
        size = math.prod(shape)
        self._read += size
        if self._read > self._KEPT:
            # Views stay valid: a page that is touched again is mapped again.
            self._map.madvise(mmap.MADV_DONTNEED)
            self._read = size
        return self._bytes[start : start + size].reshape(shape)


def _wanted(source: Source, split: str, picture_size: Size | None, resize_labels: bool) -> dict[str, Any]:
    """What the index must say, but for the places of the arrays."""
    space = {"names": source.space.names, "ignore_index": source.space.ignore_index}
    form = [_VERSION, split, space, picture_size, picture_size is not None and resize_labels]
    stamps = {sample.name: source.stamp(sample) for sample in source.splits[split]}
    kind = source.spec.partition(":")[0]
    return {
        "key": f"{kind}-{split}-{_digest([source.spec, *form])[:12]}".replace("/", "_"),
        "fingerprint": _digest([*form, list(stamps.items())]),
        "picture_size": picture_size,
        "resize_labels": resize_labels,
        "stamps": stamps,
    }


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


@contextmanager
def _alone(shelf: Path) -> Iterator[None]:
    """One process at a time builds below `shelf`; the lock goes with the process, however it ends."""
    shelf.mkdir(parents=True, exist_ok=True)
    with (shelf / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _read_index(folder: Path, fingerprint: str) -> dict[str, Any] | None:
    """The index of a complete store, or none."""
    try:
        index: dict[str, Any] = json.loads((folder / "index.json").read_bytes())
        sizes = [(folder / name).stat().st_size for name in _FILES]
    except (FileNotFoundError, ValueError):
        return None
    complete = index.get("fingerprint") == fingerprint and index.get("bytes") == sizes
    return index if complete else None


def _renew(folder: Path, wanted: Mapping[str, Any], source: Source, split: str) -> dict[str, Any]:
    """Builds the store and takes away those of the same shelf that can never be used again. The lock is held."""
    shelf = folder.parent
    for leftover in shelf.glob("building-*"):
        shutil.rmtree(leftover)
    if folder.exists():
        log.info("store of %s is damaged, building it again", split)
        shutil.rmtree(folder)
    outdated = [other for other in shelf.iterdir() if other.is_dir() and _say_why_outdated(other, wanted["stamps"])]

    log.info("decoding %d pictures of %s once into %s", len(wanted["stamps"]), split, folder)
    building = Path(tempfile.mkdtemp(prefix="building-", dir=shelf))
    try:
        index = _build(building, wanted, source, split)
        building.rename(folder)
        _sync(shelf)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    for other in outdated:
        # A process that still reads it keeps its files until it ends.
        shutil.rmtree(other)
    return index


def _say_why_outdated(folder: Path, stamps: Mapping[str, str]) -> bool:
    """Whether a file has changed since this store was built (a store of fewer or other samples is not outdated)."""
    try:
        built: dict[str, str] = json.loads((folder / "index.json").read_bytes())["stamps"]
    except (FileNotFoundError, ValueError, KeyError):
        return True
    changed = [name for name, stamp in built.items() if stamps.get(name, stamp) != stamp]
    if changed:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        log.info("store is rebuilt: %s%s changed since it was built", changed[0], more)
    return bool(changed)


def _build(folder: Path, wanted: Mapping[str, Any], source: Source, split: str) -> dict[str, Any]:
    """Decodes everything into `folder`: files first, the index that vouches for them last."""
    entries = []
    with (folder / _FILES[0]).open("wb") as pictures, (folder / _FILES[1]).open("wb") as labels:
        for picture, label in _decoded(source, split, wanted["picture_size"], wanted["resize_labels"]):
            entries.append({"picture": _append(pictures, picture), "label": _append(labels, label)})
        written = [pictures.tell(), labels.tell()]
        for file in (pictures, labels):
            file.flush()
            os.fsync(file.fileno())
    index = {**wanted, "bytes": written, "samples": entries}
    with (folder / "index.json").open("wb") as file:
        file.write(json.dumps(index).encode())
        file.flush()
        os.fsync(file.fileno())
    _sync(folder)
    return index


def _decoded(
    source: Source, split: str, picture_size: Size | None, resize_labels: bool
) -> Iterator[tuple[Array, Array]]:
    """Each sample's arrays in order, decoded by as many threads as there are cores (Pillow lets them run side by side).

    Only a few are in the air at a time, so that memory does not grow with the data set.
    """

    def decode(sample: Sample) -> tuple[Array, Array]:
        picture, label = source.read_picture(sample), source.read_label(sample)
        if picture.shape[:2] != label.shape:
            raise DataError(
                f"picture and label differ in size (found {_by(picture)} and {_by(label)})",
                where=(sample.picture, sample.label),
            )
        if picture_size is not None:
            picture = _resized(picture, picture_size, Image.Resampling.BILINEAR)
            label = _resized(label, picture_size, Image.Resampling.NEAREST) if resize_labels else label
        return picture, label

    threads = os.process_cpu_count() if hasattr(os, "process_cpu_count") else len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(threads) as pool:
        samples = iter(source.splits[split])
        running: deque[Future[tuple[Array, Array]]] = deque()
        running.extend(pool.submit(decode, sample) for sample in islice(samples, 2 * threads))
        try:
            while running:
                yield running.popleft().result()
                running.extend(pool.submit(decode, sample) for sample in islice(samples, 1))
        finally:
            pool.shutdown(cancel_futures=True)


def _resized(array: Array, size: Size, how: Image.Resampling) -> Array:
    if array.shape[:2] == size:
        return array
    return np.asarray(Image.fromarray(array).resize((size[1], size[0]), how))


def _append(file: BinaryIO, array: Array) -> list[int]:
    """Writes an array and returns where: start, then its shape."""
    start = file.tell()
    file.write(np.ascontiguousarray(array).data)
    return [start, *array.shape]


def _by(array: Array) -> str:
    return f"{array.shape[0]}x{array.shape[1]}"


def _sync(folder: Path) -> None:
    """Makes the names in a folder last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
