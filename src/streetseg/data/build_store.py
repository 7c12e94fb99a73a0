"""The files of a store: decoding a split once, knowing it again, and building it anew when its images have changed.

A store is a folder CACHE/store/KEY/STATE with `images.u8` and `labels.u8` (all arrays one after another, no gaps) and
`index.json` (where each begins and its shape, the stamps of the files they came from, and the fingerprint). KEY stands
for what was asked for (source, split, label space, sizes), STATE also for the samples and the stamps of their files. So
a changed file gets a new folder, and a finished folder is never written again.

The fingerprint is taken from the decoded pixels, while they are written: the same images have the same one wherever
and whenever their files were copied.
"""

import hashlib
import json
import logging
import shutil
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TypedDict

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from PIL import Image

from streetseg.arrays import Size, input_size, resize_image
from streetseg.atomic import atomic_folder
from streetseg.data.source import Sample, Source
from streetseg.errors import DataError, RequestError, first
from streetseg.machine import cores

log = logging.getLogger("streetseg")

_VERSION = 4  # of the files: another number, and older stores are not used
IMAGES, LABELS, _INDEX = "images.u8", "labels.u8", "index.json"
_LOCK = "lock"  # beside the stores of one KEY
Array = NDArray[np.uint8]


class Index(TypedDict):
    """index.json. A place is where an array begins in its file, followed by its shape; `fingerprint` is a SHA-256."""

    fingerprint: str
    stamps: dict[str, str]
    bytes: list[int]
    images: list[list[int]]
    labels: list[list[int]]


@dataclass(frozen=True)
class StoreRequest:
    """What is to be stored: the arguments of `Store.open`."""

    source: Source
    split: str
    size: Size | None
    resize_labels: bool

    @property
    def samples(self) -> tuple[Sample, ...]:
        """The samples of the split."""
        return self.source.splits[self.split]

    @property
    def key(self) -> str:
        """Names what was asked for, whatever the state of the files."""
        kind = self.source.spec.partition(":")[0]
        readable = "".join(letter if letter.isalnum() else "_" for letter in f"{kind}-{self.split}")
        return f"{readable[:60]}-{_sha256([self.source.spec, _VERSION, *self.form]).hexdigest()[:12]}"

    @cached_property
    def state(self) -> str:
        """Changes with what was asked for, the samples, and the state of their files."""
        return _sha256([_VERSION, *self.form, list(self.stamps.items())]).hexdigest()

    @cached_property
    def stamps(self) -> dict[str, str]:
        """The state of each sample's files."""
        return {sample.name: self.source.stamp(sample) for sample in self.samples}

    @property
    def form(self) -> list[object]:
        """What was asked for, wherever the files lie."""
        space = self.source.space
        labels_follow = self.size is not None and self.resize_labels
        return [self.split, space.names, space.ignore_index, self.size, labels_follow]


def build_store(request: StoreRequest, cache: Path) -> tuple[Path, Index]:
    """The folder of a complete store of what is wanted, built first where there is none, and its index.

    Processes that want the same build it one at a time: the first decodes, the others wait and find it.

    Raises:
        DataError: a file cannot be read, or an image and its label differ in size.
        RequestError: the cache cannot be written.
    """
    cache_folder = cache / "store" / request.key
    folder = cache_folder / request.state[:16]
    index = _read_index(folder)
    if index is None:
        try:
            with _locked(cache_folder):
                index = _read_index(folder) or _renew(folder, request)
        except OSError as error:
            raise RequestError(
                f"cannot keep decoded images: {error.strerror or error}",
                where=error.filename or cache_folder,
                hint="STREETSEG_CACHE=DIR names a local folder with room for them, uncompressed",
            ) from error
    return folder, index


def _read_index(folder: Path) -> Index | None:
    """The index of a complete store, or none."""
    try:
        index: Index = json.loads((folder / _INDEX).read_bytes())
        complete = index["bytes"] == [(folder / name).stat().st_size for name in (IMAGES, LABELS)]
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None
    return index if complete else None


def _locked(cache_folder: Path) -> FileLock:
    """Return a lock: inside `with`, nobody else builds there. It goes with the process, however that ends."""
    cache_folder.mkdir(parents=True, exist_ok=True)
    return FileLock(cache_folder / _LOCK)


def _renew(folder: Path, request: StoreRequest) -> Index:
    """Builds the store, and takes away what was left half-built and what is outdated. The lock is held."""
    for left_behind in folder.parent.glob(".*"):
        shutil.rmtree(left_behind)
    if folder.exists():
        log.info("the store of %s is damaged and is built again: %s", request.split, folder)
    outdated = [other for other in folder.parent.iterdir() if other not in (folder, folder.parent / _LOCK)]
    outdated = [other for other in outdated if _is_outdated(other, request)]

    log.info("decoding %d images of %s once into %s", len(request.samples), request.split, folder)
    with atomic_folder(folder) as building:
        index = _build(building, request)
    for other in outdated:
        with suppress(PermissionError):  # on Windows a process reads it: the next build removes it
            shutil.rmtree(other)  # elsewhere such a process keeps the files until it ends
    return index


def _is_outdated(folder: Path, request: StoreRequest) -> bool:
    """Whether a file has changed since that store was built; one of more, fewer or other samples may be used again."""
    index = _read_index(folder)
    if index is None:
        return True
    changed = [name for name, stamp in index["stamps"].items() if request.stamps.get(name, stamp) != stamp]
    if changed:
        log.info("the store of %s is built again: %s changed on disk", request.split, " ".join(first(changed, 1)))
    return bool(changed)


def _build(folder: Path, request: StoreRequest) -> Index:
    images, labels = [], []
    digest = _sha256([*request.form, [sample.name for sample in request.samples]])
    with (folder / IMAGES).open("wb") as image_file, (folder / LABELS).open("wb") as label_file:
        for image, label in _decoded(request):
            images.append(_append(image_file, image, digest))
            labels.append(_append(label_file, label, digest))
        written = [image_file.tell(), label_file.tell()]
    fingerprint = digest.hexdigest()
    index = Index(fingerprint=fingerprint, stamps=request.stamps, bytes=written, images=images, labels=labels)
    (folder / _INDEX).write_text(json.dumps(index))
    return index


def _decoded(request: StoreRequest) -> Iterator[tuple[Array, Array]]:
    """Each sample's arrays in order, decoded by a thread a core (Pillow lets them run side by side).

    Only a few are in the air at a time, so that memory does not grow with the data set.
    """
    threads = cores()
    samples = iter(request.samples)
    running: deque[Future[tuple[Array, Array]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            running.extend(pool.submit(_decode, request, sample) for sample in islice(samples, 2 * threads))
            while running:
                yield running.popleft().result()
                running.extend(pool.submit(_decode, request, sample) for sample in islice(samples, 1))
        finally:
            pool.shutdown(cancel_futures=True)


def _decode(request: StoreRequest, sample: Sample) -> tuple[Array, Array]:
    image, label = request.source.read_image(sample), request.source.read_mask(sample)
    if image.shape[:2] != label.shape:
        raise DataError(
            "image and label differ in size "
            f"(found {image.shape[0]}x{image.shape[1]} and {label.shape[0]}x{label.shape[1]})",
            where=(sample.image, sample.mask),
        )
    size = input_size((label.shape[0], label.shape[1]), request.size)
    if request.resize_labels and size != label.shape:
        label = np.asarray(Image.fromarray(label).resize((size[1], size[0]), Image.Resampling.NEAREST))
    return resize_image(image, size), label


def _append(file: BinaryIO, array: Array, digest: "hashlib._Hash") -> list[int]:
    """Writes an array behind the others, and its shape and pixels into the digest. Returns its place."""
    place, pixels = [file.tell(), *array.shape], np.ascontiguousarray(array).data
    digest.update(json.dumps(array.shape).encode())
    digest.update(pixels)
    file.write(pixels)
    return place


def _sha256(content: object) -> "hashlib._Hash":
    return hashlib.sha256(json.dumps(content).encode())
