"""Shards as a data source: tar files with an index, in a folder on this machine or at an address."""

from pathlib import Path

from streetseg.data.files import FileError
from streetseg.data.issues import Failure, Survey
from streetseg.data.mask_code import MaskCode
from streetseg.data.remote import is_remote, sizes_in
from streetseg.data.shards import COPY_AGAIN, INDEX, Index, ShardSample, read_index
from streetseg.data.source import FileSource, Sample

_HEAD = 200  # bytes of an index, which begins with its format


def is_shards(folder: Path) -> bool:
    """Return whether a folder holds an index of shards."""
    try:
        with (folder / INDEX).open("rb") as file:
            return b'"streetseg shards"' in file.read(_HEAD)
    except OSError:
        return False


def open_shards(folder: str) -> FileSource:
    """Open the shards in a folder, a path or an address.

    A shard that is missing or of another size than in the index is a failure of its split, and none of its samples is
    in the split.

    Raises:
        DataError: there is no index, it has mistakes, or it cannot be read.
        RequestError: a package for the address is not installed.
    """
    index, survey = read_index(folder), Survey()
    files = [f"{folder}/{shard.file}" for shard in index.shards]
    errors = _not_whole(folder, index)
    splits: dict[str, tuple[Sample, ...]] = {}
    for split, samples in index.splits.items():
        splits[split] = tuple(_sample(one, files[one.shard]) for one in samples if one.shard not in errors)
        for number in sorted({one.shard for one in samples} & errors.keys()):
            survey.failures.append(Failure(index.shards[number].file, errors[number], frozenset({split})))
    survey.note(f"{folder}: {len(index.shards)} shards, {sum(map(len, index.splits.values()))} samples")
    return FileSource(f"shards:{folder}", MaskCode.of(index.label_space), splits, survey)


def _sample(one: ShardSample, file: str) -> Sample:
    image, mask = f"{file}!{one.image.name}", f"{file}!{one.mask.name}"
    return Sample(one.name, image, mask, sequence=one.sequence, frame=one.frame, seconds=one.seconds)


def _not_whole(folder: str, index: Index) -> dict[int, FileError]:
    """Return number -> error of each shard that is missing or of another size."""
    sizes = sizes_in(folder) if is_remote(folder) else {p.name: p.stat().st_size for p in Path(folder).glob("*.tar")}
    errors: dict[int, FileError] = {}
    if sizes is None:
        return errors
    for number, shard in enumerate(index.shards):
        place, size = f"{folder}/{shard.file}", sizes.get(shard.file)
        if size is None:
            errors[number] = FileError(place, "shard not found", hint=COPY_AGAIN)
        elif size != shard.size:
            found = f"{size:,} bytes, expected {shard.size:,}"
            errors[number] = FileError(place, "shard has another size", found, hint=COPY_AGAIN)
    return errors
