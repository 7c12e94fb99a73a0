"""Build the files of a store: decode a split once, find its store again, and rebuild it when its files have changed.

A store is a folder CACHE/store/KEY/STATE with three files. `images.u8` and `labels.u8` hold all arrays one after
another without gaps. `index.json` holds the offset and shape of each array, the stamps of the source files, and the
fingerprint. KEY is a hash of the request (source, split, label space, sizes). STATE is a hash of the request, the
samples and the stamps of their files. So a changed file leads to a new folder, and a finished folder never changes.

The fingerprint is a hash of the decoded pixels, computed while they are written. Copies of the same images have the
same fingerprint.
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

_VERSION = 4  # of the file format; stores with another version are not used
IMAGES, LABELS, _INDEX = "images.u8", "labels.u8", "index.json"
_LOCK = "lock"  # beside the stores of one KEY
Array = NDArray[np.uint8]


class Index(TypedDict):
    """Content of index.json.

    `images` and `labels` hold one place per sample: the offset of the array in its file, then its shape. `bytes` are
    the sizes of the two files. `stamps` maps the name of each sample to the stamp of its files. `fingerprint` is a
    SHA-256 in hex.
    """

    fingerprint: str
    stamps: dict[str, str]
    bytes: list[int]
    images: list[list[int]]
    labels: list[list[int]]


@dataclass(frozen=True)
class StoreRequest:
    """The content of a store: the arguments of `Store.open`."""

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
        """A folder name that identifies the request, independent of the state of its files."""
        kind = self.source.spec.partition(":")[0]
        readable = "".join(letter if letter.isalnum() else "_" for letter in f"{kind}-{self.split}")
        return f"{readable[:60]}-{_sha256([self.source.spec, _VERSION, *self.form]).hexdigest()[:12]}"

    @cached_property
    def state(self) -> str:
        """A SHA-256 in hex that changes with the request, its samples and their files."""
        return _sha256([_VERSION, *self.form, list(self.stamps.items())]).hexdigest()

    @cached_property
    def stamps(self) -> dict[str, str]:
        """The name of each sample -> the stamp of its files."""
        return {sample.name: self.source.stamp(sample) for sample in self.samples}

    @property
    def form(self) -> list[object]:
        """The request without the location of its files."""
        space = self.source.space
        labels_follow = self.size is not None and self.resize_labels
        return [self.split, space.names, space.ignore_index, self.size, labels_follow]


def build_store(request: StoreRequest, cache: Path) -> tuple[Path, Index]:
    """Return the folder and index of the requested store. Build it if it does not exist.

    Processes that request the same store take a lock: the first one builds it, the others wait and use it.

    Raises:
        DataError: a file cannot be read, or image and mask of a sample differ in size.
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
                f"cannot write decoded images: {error.strerror or error}",
                where=error.filename or cache_folder,
                hint="STREETSEG_CACHE=DIR names a local folder with enough space for them, uncompressed",
            ) from error
    return folder, index


def _read_index(folder: Path) -> Index | None:
    """Return the index of a store; None if the store is missing or incomplete."""
    try:
        index: Index = json.loads((folder / _INDEX).read_bytes())
        complete = index["bytes"] == [(folder / name).stat().st_size for name in (IMAGES, LABELS)]
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None
    return index if complete else None


def _locked(cache_folder: Path) -> FileLock:
    """Return the lock that a process holds while it builds. The system releases it when the process ends."""
    cache_folder.mkdir(parents=True, exist_ok=True)
    return FileLock(cache_folder / _LOCK)


def _renew(folder: Path, request: StoreRequest) -> Index:
    """Build the store; remove unfinished and outdated ones. The caller holds the lock."""
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
        with suppress(PermissionError):  # on Windows, while another process reads it; the next build removes it
            shutil.rmtree(other)  # on other systems a process that reads it keeps the open files
    return index


def _is_outdated(folder: Path, request: StoreRequest) -> bool:
    """Return whether a file has changed since that store was built.

    A store of other samples whose files have not changed is kept: a later command may request it again.
    """
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
    with (folder / IMAGES).open("wb") as images_file, (folder / LABELS).open("wb") as labels_file:
        for image, image_labels in _decoded(request):
            images.append(_append(images_file, image, digest))
            labels.append(_append(labels_file, image_labels, digest))
        written = [images_file.tell(), labels_file.tell()]
    fingerprint = digest.hexdigest()
    index = Index(fingerprint=fingerprint, stamps=request.stamps, bytes=written, images=images, labels=labels)
    (folder / _INDEX).write_text(json.dumps(index))
    return index


def _decoded(request: StoreRequest) -> Iterator[tuple[Array, Array]]:
    """Yield image and labels of each sample in order, decoded by one thread per core (Pillow releases the GIL).

    At most two samples per thread are in work at a time, so that memory does not grow with the data set.
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
    image, labels = request.source.read_image(sample), request.source.read_mask(sample)
    if image.shape[:2] != labels.shape:
        raise DataError(
            "image and mask differ in size "
            f"(found {image.shape[0]}x{image.shape[1]} and {labels.shape[0]}x{labels.shape[1]})",
            where=(sample.image, sample.mask),
        )
    size = input_size((labels.shape[0], labels.shape[1]), request.size)
    if request.resize_labels and size != labels.shape:
        labels = np.asarray(Image.fromarray(labels).resize((size[1], size[0]), Image.Resampling.NEAREST))
    return resize_image(image, size), labels


def _append(file: BinaryIO, array: Array, digest: "hashlib._Hash") -> list[int]:
    """Append an array to the file; add its shape and pixels to the digest. Return its offset and shape."""
    place, pixels = [file.tell(), *array.shape], np.ascontiguousarray(array).data
    digest.update(json.dumps(array.shape).encode())
    digest.update(pixels)
    file.write(pixels)
    return place


def _sha256(content: object) -> "hashlib._Hash":
    return hashlib.sha256(json.dumps(content).encode())
