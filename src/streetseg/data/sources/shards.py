"""Shards as a data source: tar files with an index, in a folder on this machine or at an address."""

from pathlib import Path

from streetseg.data.files import FileError
from streetseg.data.issues import Failure, Survey
from streetseg.data.masks import MaskCode
from streetseg.data.remote import is_remote, sizes_in
from streetseg.data.shards import COPY_AGAIN, Index, ShardSample, read_index
from streetseg.data.source import FileSource, Sample


def open_shards(folder: str) -> FileSource:
    """Open the shards in a folder, a path or an address.

    A shard that is missing or of another size than in the index is a failure of its split.

    Raises:
        DataError: there is no index, it has mistakes, or it cannot be read.
        RequestError: a package for the address is not installed.
    """
    index = read_index(folder)
    files = [f"{folder}/{shard.file}" for shard in index.shards]
    splits = {
        split: tuple(_sample(one, files[one.shard]) for one in samples) for split, samples in index.splits.items()
    }
    survey = Survey()
    survey.failures += _not_whole(folder, index)
    survey.note(f"{folder}: {len(index.shards)} shards, {sum(map(len, splits.values()))} samples")
    return FileSource(f"shards:{folder}", MaskCode.of(index.label_space), splits, survey)


def _sample(one: ShardSample, file: str) -> Sample:
    image, mask = f"{file}!{one.image.name}", f"{file}!{one.mask.name}"
    return Sample(one.name, image, mask, sequence=one.sequence, frame=one.frame, seconds=one.seconds)


def _not_whole(folder: str, index: Index) -> list[Failure]:
    """Return a failure for each shard that is missing or of another size."""
    sizes = sizes_in(folder) if is_remote(folder) else {p.name: p.stat().st_size for p in Path(folder).glob("*.tar")}
    if sizes is None:
        return []
    failures = []
    for number, shard in enumerate(index.shards):
        place, size = f"{folder}/{shard.file}", sizes.get(shard.file)
        if size == shard.size:
            continue
        error = (
            FileError(place, "shard not found", hint=COPY_AGAIN)
            if size is None
            else FileError(place, "shard has another size", f"{size:,} bytes, expected {shard.size:,}", hint=COPY_AGAIN)
        )
        used = {split for split, samples in index.splits.items() if any(one.shard == number for one in samples)}
        failures.append(Failure(shard.file, error, frozenset(used)))
    return failures
