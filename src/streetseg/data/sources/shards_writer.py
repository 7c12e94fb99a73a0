"""Write a data set as shards: tar files that are read from the first byte to the last, and their index."""

import hashlib
import io
import json
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, count, islice
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from streetseg.atomic import atomic_folder, sha256
from streetseg.data.files import read_bytes
from streetseg.data.issues import together
from streetseg.data.shards import INDEX, Index, Member, Shard, ShardClass, ShardSample
from streetseg.data.source import FileSource, Sample, Source, SourceView
from streetseg.errors import DataError, RequestError
from streetseg.machine import cores

SHARD_BYTES = 200_000_000  # a shard ends with the sample that reaches this size
_LISTED = 20  # files named in one error


@dataclass(frozen=True)
class _Files:
    """The files of a sample: image and mask, each with its name in the shard."""

    sample: Sample
    image: tuple[str, bytes]
    mask: tuple[str, bytes]
    facts: tuple[str, bytes]


def write_shards(source: Source, out: Path, *, shard_bytes: int = SHARD_BYTES) -> Index:
    """Write all splits of a source as shards into the new folder `out`. Return their index.

    The bytes of image files are copied. Masks become gray PNG of class ids. The samples of a split are put into its
    shards in the order of a hash of their names, so that the frames of a video do not lie together; the index keeps
    the order of the source. The same data gives the same bytes.

    Args:
        source: the data set.
        out: a folder that does not exist, or is empty.
        shard_bytes: a shard ends with the sample that reaches this size.

    Raises:
        RequestError: `out` has files in it.
        DataError: files cannot be read, or an image has no mask; the error names them, and nothing is written.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise RequestError("there are files where the shards are to be written", where=out, hint="name a new folder")
    errors = [failure.error for failure in source.survey.failures_of(source.splits)]
    shards: list[Shard] = []
    splits: dict[str, tuple[ShardSample, ...]] = {}
    with atomic_folder(out) as folder:
        for split, samples in source.splits.items():
            files = _all_files(source, sorted(samples, key=_hash_of_name), errors)
            placed: dict[str, ShardSample] = {}
            for number in count():
                path = folder / f"{_plain(split)}-{number:05d}.tar"
                group = _write_shard(path, files, len(shards), shard_bytes)
                if not group:
                    break
                placed |= group
                shards.append(Shard(file=path.name, size=path.stat().st_size, sha256=sha256(path)))
            splits[split] = tuple(placed[sample.name] for sample in samples if sample.name in placed)
        if errors:
            raise together(errors, limit=_LISTED)
        classes = tuple(
            ShardClass(name=n, color=c) for n, c in zip(source.space.names, source.space.colors, strict=True)
        )
        index = Index(space=source.space.name, classes=classes, shards=tuple(shards), splits=splits)
        (folder / INDEX).write_text(index.model_dump_json(exclude_none=True), encoding="utf-8")
    return index


def _write_shard(path: Path, files: Iterator[_Files], number: int, shard_bytes: int) -> dict[str, ShardSample]:
    """Write the next samples as shard `number`. Return them by name; nothing is written if there are none."""
    first = next(files, None)
    placed: dict[str, ShardSample] = {}
    if first is None:
        return placed
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        for one in chain([first], files):
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


def _all_files(source: Source, samples: Sequence[Sample], errors: list[DataError]) -> Iterator[_Files]:
    """Yield the files of each sample, read by one thread per core. Errors of samples are added to `errors`."""

    def files(sample: Sample) -> _Files | DataError:
        try:
            return _files(source, sample)
        except DataError as error:
            return error

    remaining = iter(samples)
    with ThreadPoolExecutor(cores()) as pool:
        while group := list(islice(remaining, 4 * cores())):
            for result in pool.map(files, group):
                if isinstance(result, DataError):
                    errors.append(result)
                elif not errors:
                    yield result


def _files(source: Source, sample: Sample) -> _Files:
    """Return the files of a sample, after both were decoded. Raise DataError if one cannot be."""
    try:
        name = _plain(sample.name)
    except UnicodeEncodeError:
        raise DataError("the name of a file is not valid UTF-8", where=sample.image, hint="rename it") from None
    look = source.look(sample)
    if _has_files(source):
        suffix, image = PurePosixPath(sample.image).suffix.lower(), read_bytes(sample.image)
    else:
        suffix, image = ".png", _png(look.image)
    facts = json.dumps(_facts(sample), ensure_ascii=False).encode()
    return _Files(sample, (f"{name}{suffix}", image), (f"{name}.mask.png", _png(look.labels)), (f"{name}.json", facts))


def _facts(sample: Sample) -> dict[str, Any]:
    facts = {"name": sample.name, "sequence": sample.sequence, "frame": sample.frame, "seconds": sample.seconds}
    return {key: value for key, value in facts.items() if value is not None}


def _has_files(source: Source) -> bool:
    while isinstance(source, SourceView):
        source = source.source
    return isinstance(source, FileSource)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _plain(name: str) -> str:
    """Return the name without dots, as WebDataset takes what follows the first dot for the kind of file, and in ASCII.
    Different names stay different."""
    return quote(name, safe="/").replace(".", "%2E")


def _hash_of_name(sample: Sample) -> bytes:
    return hashlib.sha256(sample.name.encode("utf-8", "surrogateescape")).digest()
