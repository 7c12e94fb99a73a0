"""The format `shards`: tar files that are read from the first byte to the last, and their index."""

import hashlib
import io
import json
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, count, islice
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from streetseg.atomic import atomic_folder, sha256
from streetseg.data.files import read_bytes
from streetseg.data.formats import SUFFIXES
from streetseg.data.shards import INDEX, Index, Member, Shard, ShardClass, ShardSample
from streetseg.data.source import Sample, Source
from streetseg.errors import DataError, first
from streetseg.machine import cores
from streetseg.png import encode_png
from streetseg.recipe.reading import AS_USUAL

SHARD_BYTES = 200_000_000  # a shard ends with the sample that reaches this size

_LISTED = 20  # files named in one error


@dataclass(frozen=True)
class _Files:
    """The files of a sample, each as its name in the shard and its bytes."""

    sample: Sample
    image: tuple[str, bytes]
    mask: tuple[str, bytes]
    facts: tuple[str, bytes]


def write_shards(
    source: Source,
    out: Path,
    *,
    shard_bytes: int = SHARD_BYTES,
    on_image: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Write all splits of a source as shards into the new folder `out`. Return how many images are copies of files.

    Image files are copied byte for byte. Images that are read by rules of their own, or that are no files, become PNG,
    and masks gray PNG of class ids. The samples of a split are put into its shards in the order of a hash of their
    names, so that the frames of a video do not lie together; the index keeps the order of the source. The same data
    gives the same bytes.

    Args:
        source: the data set.
        out: a folder that does not exist, or is empty.
        shard_bytes: a shard ends with the sample that reaches this size.
        on_image: called after each sample with the number done and the number of all.

    Raises:
        DataError: a file cannot be read, or names are not UTF-8; nothing is written then.
        OSError: the folder cannot be written.
    """
    if unnamed := [one.image for samples in source.splits.values() for one in samples if not _is_text(one.name)]:
        raise DataError("the names of files are not UTF-8", where=first(unnamed, _LISTED), hint="rename them")
    total, done = sum(map(len, source.splits.values())), count(1)
    shards: list[Shard] = []
    splits: dict[str, tuple[ShardSample, ...]] = {}
    with atomic_folder(out) as folder:
        for split, samples in source.splits.items():
            files = _all_files(source, sorted(samples, key=_hash_of_name), lambda: on_image(next(done), total))
            placed: dict[str, ShardSample] = {}
            for one in files:
                path = folder / f"{_plain(split).replace('/', '_')}-{len(shards):05d}.tar"
                placed |= _write_shard(path, chain([one], files), len(shards), shard_bytes)
                shards.append(Shard(file=path.name, size=path.stat().st_size, sha256=sha256(path)))
            splits[split] = tuple(placed[sample.name] for sample in samples)
        classes = tuple(
            ShardClass(name=n, color=c) for n, c in zip(source.space.names, source.space.colors, strict=True)
        )
        index = Index(space=source.space.name, classes=classes, shards=tuple(shards), splits=splits)
        (folder / INDEX).write_text(index.model_dump_json(exclude_none=True), encoding="utf-8")
    return sum(_is_copied(source, sample) for samples in source.splits.values() for sample in samples)


def _write_shard(path: Path, files: Iterable[_Files], number: int, shard_bytes: int) -> dict[str, ShardSample]:
    """Write samples as shard `number` until it has its size. Return them by name."""
    placed: dict[str, ShardSample] = {}
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        for one in files:
            sample = one.sample
            image, mask, _ = (_append(tar, *file) for file in (one.image, one.mask, one.facts))
            placed[sample.name] = ShardSample(shard=number, image=image, mask=mask, **_facts(sample))
            if tar.offset >= shard_bytes:
                break
    return placed


def _append(tar: tarfile.TarFile, name: str, content: bytes) -> Member:
    """Append a file, with neither time nor owner."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))
    padded = -(-len(content) // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
    return Member(name, tar.offset - padded, len(content), zlib.crc32(content))


def _all_files(source: Source, samples: Sequence[Sample], on_sample: Callable[[], None]) -> Iterator[_Files]:
    """Yield the files of each sample, read by one thread per core."""
    remaining = iter(samples)
    with ThreadPoolExecutor(cores()) as pool:
        while group := list(islice(remaining, 4 * cores())):
            for files in pool.map(lambda sample: _files(source, sample), group):
                yield files
                on_sample()


def _files(source: Source, sample: Sample) -> _Files:
    name, suffix = _plain(sample.name), PurePosixPath(sample.image).suffix.lower()
    if _is_copied(source, sample):
        image = read_bytes(sample.image)
    else:
        suffix, image = ".png", encode_png(source.read_image(sample))
    mask, facts = encode_png(source.read_mask(sample)), json.dumps(_facts(sample)).encode()
    return _Files(sample, (name + suffix, image), (f"{name}.mask.png", mask), (f"{name}.json", facts))


def _is_copied(source: Source, sample: Sample) -> bool:
    """Return whether the image is a file that is copied byte for byte."""
    return PurePosixPath(sample.image).suffix.lower() in SUFFIXES and source.reading == AS_USUAL


def _facts(sample: Sample) -> dict[str, Any]:
    facts = {"name": sample.name, "sequence": sample.sequence, "frame": sample.frame, "seconds": sample.seconds}
    return {key: value for key, value in facts.items() if value is not None}


def _is_text(name: str) -> bool:
    return name == name.encode("utf-8", "ignore").decode()


def _plain(name: str) -> str:
    """Return the name without dots, as WebDataset takes what follows the first dot for the kind of file, and in ASCII.
    Different names stay different."""
    return quote(name, safe="/").replace(".", "%2E")


def _hash_of_name(sample: Sample) -> bytes:
    return hashlib.sha256(sample.name.encode()).digest()
