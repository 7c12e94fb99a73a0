"""Build the files of a store: decode a split once, find its store again, and rebuild it when its files have changed.

A store is a folder CACHE/store/KEY/STATE with three files. `images.u8` and `labels.u8` hold all arrays one after
another without gaps. `index.json` holds the offset and shape of each array, the stamps of the source files, and the
fingerprint. KEY is a hash of the request (source, split, label space, sizes). STATE is a hash of the request, the
samples and the stamps of their files. So a changed file leads to a new folder, and a finished folder never changes.
Only the modification time of `index.json` does: it is the time when the store was last opened.

The fingerprint is a hash of the decoded pixels, computed while they are written. Copies of the same images have the
same fingerprint. Where images are decoded on the fly, the folder holds `index.json` alone: all images are decoded once
for the fingerprint, and their arrays are not kept. So a run has the same fingerprint, and can be resumed, either way.
"""

import hashlib
import json
import logging
import os
import shutil
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import BinaryIO, TypedDict

import numpy as np
from filelock import FileLock

from streetseg.atomic import atomic_folder
from streetseg.data.decoding import Array, StoreRequest, by_threads, sha256_of
from streetseg.data.files import exists
from streetseg.errors import RequestError, first
from streetseg.text import size_text

log = logging.getLogger("streetseg")

STORES = "store"  # folder in the cache folder
IMAGES, LABELS, INDEX = "images.u8", "labels.u8", "index.json"
_LOCK = "lock"  # beside the stores of one KEY


class Index(TypedDict):
    """Content of index.json.

    `images` and `labels` hold one place per sample: the offset of the array in its file, then its shape. `bytes` are
    the sizes of the two files. `stamps` maps the name of each sample to the stamp of its files. `fingerprint` is a
    SHA-256 in hex. `spec` and `split` say what the store was built from. `example` is the place of the
    first image, empty if it is no file here.
    """

    spec: str
    split: str
    example: str
    fingerprint: str
    stamps: dict[str, str]
    bytes: list[int]
    images: list[list[int]]
    labels: list[list[int]]


def store_folder(request: StoreRequest, cache: Path) -> Path:
    """Return the folder of the requested store, which need not exist."""
    return cache / STORES / request.key / request.state[:16]


def build_store(request: StoreRequest, cache: Path, *, keep_arrays: bool) -> tuple[Path, Index]:
    """Return the folder and index of the requested store. Build it if it does not exist.

    Processes that request the same store take a lock: the first one builds it, the others wait and use it.

    Args:
        request: the content of the store.
        cache: the cache folder.
        keep_arrays: write the decoded arrays; otherwise the index alone.

    Raises:
        DataError: a file cannot be read, or image and mask of a sample differ in size.
        RequestError: the cache cannot be written.
    """
    folder = store_folder(request, cache)

    def finished() -> Index | None:
        index = read_index(folder)
        return index if index and (not keep_arrays or holds_arrays(folder, index)) else None

    index = finished()
    if index is None:
        try:
            with locked(folder.parent):
                index = finished() or _renew(folder, request, keep_arrays=keep_arrays)
        except OSError as error:
            raise RequestError(
                f"cannot write decoded images: {error.strerror or error}",
                where=error.filename or folder.parent,
                hint="STREETSEG_CACHE=DIR names a local folder with enough space for them, uncompressed",
            ) from error
    with suppress(OSError):  # a cache that another user has filled
        os.utime(folder / INDEX)
    return folder, index


def read_index(folder: Path) -> Index | None:
    """Return the index of a store; None if it is missing or damaged."""
    try:
        index: Index = json.loads((folder / INDEX).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return index if isinstance(index, dict) and index.keys() == Index.__annotations__.keys() else None


def holds_arrays(folder: Path, index: Index) -> bool:
    """Return whether a store holds all arrays of its index."""
    try:
        return index["bytes"] == [(folder / name).stat().st_size for name in (IMAGES, LABELS)]
    except FileNotFoundError:
        return False


def locked(cache_folder: Path, *, timeout: float = -1) -> FileLock:
    """Return the lock that a process holds while it builds. The system releases it when the process ends.

    Args:
        cache_folder: the folder of the stores of one KEY.
        timeout: seconds to wait for it, after which filelock.Timeout is raised; -1: until it is free.
    """
    cache_folder.mkdir(parents=True, exist_ok=True)
    return FileLock(cache_folder / _LOCK, timeout=timeout)


def stores_in(cache_folder: Path) -> list[Path]:
    """Return the folders of the stores of one KEY."""
    return [path for path in sorted(cache_folder.iterdir()) if path.name != _LOCK]


def _renew(folder: Path, request: StoreRequest, *, keep_arrays: bool) -> Index:
    """Build the store; remove unfinished and outdated ones. The caller holds the lock."""
    for left_behind in folder.parent.glob(".*"):
        shutil.rmtree(left_behind)
    if folder.exists() and (read_index(folder) is None or (folder / IMAGES).exists()):
        log.info("the store of %s is damaged and is built again: %s", request.split, folder)
    outdated = [other for other in stores_in(folder.parent) if other != folder and _is_outdated(other, request)]

    if keep_arrays:
        size = size_text(request.expected_bytes)
        log.info("decoding %d images of %s once into %s: %s", len(request.samples), request.split, folder, size)
    else:
        log.info("reading %d images of %s once for their fingerprint", len(request.samples), request.split)
    with atomic_folder(folder) as building:
        index = _build(building, request, keep_arrays=keep_arrays)
    for other in outdated:
        with suppress(PermissionError):  # on Windows, while another process reads it; the next build removes it
            shutil.rmtree(other)  # on other systems a process that reads it keeps the open files
    return index


def _is_outdated(folder: Path, request: StoreRequest) -> bool:
    """Return whether a file has changed since that store was built.

    A store of other samples whose files have not changed is kept: a later command may request it again.
    """
    index = read_index(folder)
    if index is None:
        return True
    changed = [name for name, stamp in index["stamps"].items() if request.stamps.get(name, stamp) != stamp]
    if changed:
        log.info("the store of %s is built again: %s changed on disk", request.split, " ".join(first(changed, 1)))
    return bool(changed)


def _build(folder: Path, request: StoreRequest, *, keep_arrays: bool) -> Index:
    images, labels = _Written(), _Written()
    digest = sha256_of([*request.form, [sample.name for sample in request.samples]])
    with (
        (folder / IMAGES).open("wb") if keep_arrays else nullcontext() as images_file,
        (folder / LABELS).open("wb") if keep_arrays else nullcontext() as labels_file,
    ):
        for image, image_labels in by_threads(request, request.samples):
            images.append(image, images_file, digest)
            labels.append(image_labels, labels_file, digest)
    index = Index(
        spec=request.source.spec,
        split=request.split,
        example=request.samples[0].image if exists(request.samples[0].image) else "",
        fingerprint=digest.hexdigest(),
        stamps=request.stamps,
        bytes=[images.bytes, labels.bytes],
        images=images.places,
        labels=labels.places,
    )
    (folder / INDEX).write_text(json.dumps(index))
    return index


class _Written:
    """The arrays of one file: their places, as in `Index`, and their bytes in all."""

    def __init__(self) -> None:
        self.places: list[list[int]] = []
        self.bytes = 0

    def append(self, array: Array, file: BinaryIO | None, digest: "hashlib._Hash") -> None:
        """Add an array: its shape and pixels to the digest, its pixels to the file."""
        pixels = np.ascontiguousarray(array).data
        self.places.append([self.bytes, *array.shape])
        self.bytes += pixels.nbytes
        digest.update(json.dumps(array.shape).encode())
        digest.update(pixels)
        if file is not None:
            file.write(pixels)
