"""Fetch whole shards from their address ahead of a reader, so that it reads them from the local disk.

Training reads shards by windows (`augment.rng.shuffled_by_shard`). While the samples of one window are read, the shards
of the next one are fetched, each from its first byte to its last, and its SHA-256 is tested. The shards of the window
before are removed at its end. So the local disk holds the shards of three windows at most, whatever the data set holds.
A sample whose shard is not there yet, such as one of the first window, is read by range requests.
"""

import hashlib
import os
import secrets
import shutil
import socket
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
from filelock import FileLock

from streetseg.atomic import atomic_write_text
from streetseg.data.remote import is_remote, pieces
from streetseg.data.shards import COPY_AGAIN, INDEX, Index, Shard, index_of, shard_and_member
from streetseg.data.source import Sample
from streetseg.errors import DataError, RequestError

_HOST = socket.gethostname()
_PARALLEL = 4  # shards that are fetched at the same time
_PAUSES = (1.0, 4.0)  # seconds before another request for the rest of a shard, after its connection was cut


@dataclass(frozen=True)
class _Window:
    """Samples that are read one after another, and the remote shards that hold them and no later sample."""

    samples: list[Sample]
    shards: list[str]


class ShardsAhead:
    """Samples in order, each with places on the local disk if its shard was fetched by then.

    Use it in a `with` statement in which all samples are read: its end removes the local shards. Samples on this
    machine stay as they are.

    Args:
        samples: the samples in the order in which they are read.
        cache: the cache folder.
    """

    def __init__(self, samples: Sequence[Sample], cache: Path) -> None:
        self._windows = _windows(samples)
        self._cache = cache / "shards"
        self._folder = self._cache / f"{_HOST}-{os.getpid()}-{secrets.token_hex(4)}"
        self._copies: dict[str, Future[Path]] = {}
        self._stop = threading.Event()

    def __enter__(self) -> "ShardsAhead":
        _remove_leftovers(self._cache)
        self._pool = ThreadPoolExecutor(_PARALLEL, thread_name_prefix="streetseg-shards")
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pool.shutdown(cancel_futures=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def __iter__(self) -> Iterator[Sample]:
        """Yield the samples.

        Raises:
            DataError: a shard cannot be fetched, or its SHA-256 is another.
            RequestError: the local disk cannot be written.
        """
        for number, window in enumerate(self._windows):
            for following in self._windows[number + 1 : number + 2]:
                self._copies |= {shard: self._pool.submit(self._fetch, shard) for shard in following.shards}
            yield from map(self._local, window.samples)
            for previous in self._windows[max(0, number - 1) : number]:
                self._remove(previous.shards)

    def _local(self, sample: Sample) -> Sample:
        """Return the sample with its places in the local shard, if that was fetched."""
        shard, image = shard_and_member(sample.image) or ("", "")
        copy = self._copies.get(shard)
        if copy is None or not copy.done():
            return sample
        local, mask = copy.result(), sample.mask.removeprefix(f"{shard}!")
        return replace(sample, image=f"{local}!{image}", mask=f"{local}!{mask}")

    def _remove(self, shards: Sequence[str]) -> None:
        """Remove local shards, those that are still fetched when they are there."""
        for copy in (self._copies.pop(shard) for shard in shards if shard in self._copies):
            copy.cancel()
            copy.add_done_callback(_unlink)

    def _fetch(self, address: str) -> Path:
        """Return the local copy of a shard, with the index beside it.

        Processes that train together need the same shards: the first one fetches it, the others make a link to it.
        """
        remote_folder, _, file = address.rpartition("/")
        index = index_of(remote_folder)
        shard = next(shard for shard in index.shards if shard.file == file)
        folder = self._folder / _key(index)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not (folder / INDEX).exists():
                atomic_write_text(folder / INDEX, index.model_dump_json())
            with FileLock(self._cache / f"{shard.sha256[:2]}.lock"):  # so that there are no more than 256 such files
                if not _linked(folder / file, self._cache.glob(f"*/{folder.name}/{file}")):
                    _download(address, shard, folder / file, self._stop)
        except OSError as failure:
            raise RequestError(
                f"cannot write a shard: {failure.strerror or failure}",
                where=failure.filename or folder,
                hint="STREETSEG_CACHE=DIR names a local folder with enough space for the shards of three windows",
            ) from failure
        return folder / file


def _unlink(copy: Future[Path]) -> None:
    if not copy.cancelled() and copy.exception() is None:
        with suppress(OSError):  # on Windows, while it is read; the end of the `with` statement removes it
            copy.result().unlink()


def _windows(samples: Sequence[Sample]) -> list[_Window]:
    """Cut samples where no later sample lies in a remote shard that was needed before."""
    places = [shard_and_member(sample.image) for sample in samples]
    shards = [place[0] if place and is_remote(place[0]) else None for place in places]
    last = {shard: i for i, shard in enumerate(shards)}
    windows, start, end = list[_Window](), 0, 0
    for i, shard in enumerate(shards):
        end = max(end, i if shard is None else last[shard])
        if i == end and (shard is not None or i + 1 == len(samples)):
            needed = dict.fromkeys(shards[start : i + 1])
            windows.append(_Window(list(samples[start : i + 1]), [one for one in needed if one is not None]))
            start = i + 1
    return windows


def _key(index: Index) -> str:
    """Return a name for these shards, wherever they are."""
    return hashlib.sha256("".join(shard.sha256 for shard in index.shards).encode()).hexdigest()[:16]


def _linked(path: Path, others: Iterable[Path]) -> bool:
    """Make `path` a hard link to the copy of another process. Return False if there is none."""
    for other in others:
        with suppress(OSError):  # it was removed meanwhile, or the file system has no links
            path.hardlink_to(other)
            return True
    return False


def _download(address: str, shard: Shard, path: Path, stop: threading.Event) -> None:
    """Fetch a shard and test its SHA-256. After a cut connection, the rest is requested again."""
    part = path.with_suffix(".part")  # in a folder of this process, which is removed at its end
    digest, size = hashlib.sha256(), 0
    with part.open("wb") as file:
        for pause in (*_PAUSES, None):
            try:
                for piece in pieces(address, size, shard.size):
                    file.write(piece)
                    digest.update(piece)
                    size += len(piece)
                    if stop.is_set():
                        return
                break
            except DataError:
                if pause is None:
                    raise
                stop.wait(pause)
    if digest.hexdigest() != shard.sha256:
        found = f"SHA-256 {digest.hexdigest()[:12]}…, expected {shard.sha256[:12]}…"
        raise DataError(f"the bytes of the shard have changed ({found})", where=address, hint=COPY_AGAIN)
    part.replace(path)


def _remove_leftovers(cache: Path) -> None:
    """Remove the folders of processes of this machine that were killed."""
    for folder in cache.glob(f"{_HOST}-*-*"):
        if not psutil.pid_exists(int(folder.name.split("-")[-2])):
            shutil.rmtree(folder, ignore_errors=True)
