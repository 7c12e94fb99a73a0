"""One pass over every file of a data set, before anything is built on it."""

import os
import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streetseg.data.files import FileError, is_file
from streetseg.data.pictures import stored_as
from streetseg.data.source import Sample, Source
from streetseg.errors import DataError
from streetseg.labels.space import LabelSpace

_LISTED = 20  # files named in one error


@dataclass(frozen=True)
class SplitFindings:
    """What the files of a split hold.

    Args:
        images: number of labelled pictures.
        counts: int64 (C,), pixels of each class.
        ignored: pixels of the ignore index.
        sizes: (height, width) of the pictures, upright -> how many.
        pictures_stored: how the pictures are stored ("RGB PNG", "16-bit grey TIFF") -> how many.
        masks_stored: the same for the masks.
    """

    images: int
    counts: NDArray[np.int64]
    ignored: int
    sizes: Mapping[tuple[int, int], int]
    pictures_stored: Mapping[str, int]
    masks_stored: Mapping[str, int]


@dataclass(frozen=True)
class Findings:
    """What the files of a source hold, split by split."""

    spec: str
    space: LabelSpace
    splits: Mapping[str, SplitFindings]

    def as_json(self) -> dict[str, Any]:
        """For data.json and `--json`: counts by class name, sizes as "HxW"."""
        return {
            "spec": self.spec,
            "space": self.space.name,
            "splits": {
                name: {
                    "images": found.images,
                    "counts": dict(zip(self.space.names, found.counts.tolist(), strict=True)),
                    "ignored": found.ignored,
                    "sizes": {f"{height}x{width}": count for (height, width), count in found.sizes.items()},
                    "pictures_stored": dict(found.pictures_stored),
                    "masks_stored": dict(found.masks_stored),
                }
                for name, found in self.splits.items()
            },
        }


def check_source(
    source: Source, splits: Sequence[str], *, limit: int | None = _LISTED, on_file: Callable[[], None] = lambda: None
) -> Findings:
    """Read every picture and mask of `splits` once, on all cores, and count what they hold.

    Args:
        source: the data.
        splits: names of the splits to read.
        limit: at most this many files are named in the error; none names all.
        on_file: called after each sample, for a progress bar.

    Raises:
        DataError: if a split is missing or empty, or files cannot be used: one line a file, all files in one error.
    """
    for split in splits:
        _require(source, split)
    findings: dict[str, SplitFindings] = {}
    errors: list[DataError] = []
    for split in splits:
        seen: list[_Seen] = []
        for result in _in_parallel(source, source.splits[split]):
            if isinstance(result, DataError):
                errors.append(result)
            else:
                seen.append(result)
            on_file()
        findings[split] = _sum(seen, source.space)
    if errors:
        raise _together(errors, source, limit)
    _require_two_classes(source, findings)
    return Findings(source.spec, source.space, findings)


@dataclass(frozen=True)
class _Seen:
    counts: NDArray[np.int64]  # (256,)
    size: tuple[int, int]
    picture_stored: str
    mask_stored: str


def _in_parallel(source: Source, samples: Sequence[Sample]) -> Iterator[_Seen | DataError]:
    """The samples in order, read by as many threads as there are cores (Pillow decodes without the GIL)."""

    def look(sample: Sample) -> _Seen | DataError:
        try:
            return _look(source, sample)
        except DataError as error:
            return error

    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        yield from pool.map(look, samples)
    finally:
        pool.shutdown(cancel_futures=True)


def _look(source: Source, sample: Sample) -> _Seen:
    picture, label = source.read_picture(sample), source.read_label(sample)
    size = (picture.shape[0], picture.shape[1])
    # A drawn picture has no file.
    picture_stored, raw_size = stored_as(sample.picture) if is_file(sample.picture) else ("drawn", size)
    mask_stored, _ = stored_as(sample.label) if is_file(sample.label) else ("drawn", size)
    if size != label.shape:
        found = f"picture {size[0]}x{size[1]}, mask {label.shape[0]}x{label.shape[1]}"
        if raw_size == label.shape:
            found += "; the mask fits the picture as it is stored, before its EXIF rotation"
        raise FileError(sample.label, "picture and mask differ in size", found)
    return _Seen(np.bincount(label.ravel(), minlength=256), size, picture_stored, mask_stored)


def _sum(seen: Sequence[_Seen], space: LabelSpace) -> SplitFindings:
    counts = sum((one.counts for one in seen), np.zeros(256, np.int64))
    return SplitFindings(
        images=len(seen),
        counts=counts[: space.num_classes],
        ignored=int(counts[space.ignore_index]),
        sizes=Counter(one.size for one in seen),
        pictures_stored=Counter(one.picture_stored for one in seen),
        masks_stored=Counter(one.mask_stored for one in seen),
    )


def _require(source: Source, split: str) -> None:
    if source.splits.get(split):
        return
    found = ", ".join(f"{name} ({len(samples)})" for name, samples in source.splits.items())
    raise DataError(
        f"split {split!r} is {'empty' if split in source.splits else 'not in this data set'} (found {found or 'none'})",
        where=source.spec,
        hint=f"data.splits.{split}=FILE names its pictures in a text file",
    )


def _require_two_classes(source: Source, findings: Mapping[str, SplitFindings]) -> None:
    """Masks of nothing but 0 and 255 are usually black and white drawings, where 255 is a class and not ignored."""
    counts = sum((found.counts for found in findings.values()), np.zeros(source.space.num_classes, np.int64))
    ignored = sum(found.ignored for found in findings.values())
    if source.space.num_classes > 1 and ignored and not counts[1:].any():
        raise DataError(
            "the masks hold only 0 and the ignored value 255: does 255 mean class 1?",
            where=source.spec,
            hint=f"if so, give class 1 ({source.space.names[1]}) `id: 255` in a folder:FILE.yaml",
        )


def _together(errors: Sequence[DataError], source: Source, limit: int | None) -> DataError:
    """All errors in one: the common problem above and the files below, or a problem on each line."""
    problems = {error.problem for error in errors}
    lines = [_line(error, alone=len(problems) > 1) for error in errors]
    more = len(lines) - limit if limit is not None and len(lines) > limit else 0
    hint = f"streetseg check {shlex.quote(source.spec)}  lists them all"
    advice = {error.hint for error in errors if error.hint}
    if len(problems) == len(advice) == 1:
        hint += f"; {advice.pop()}"
    return DataError(
        problems.pop() if len(problems) == 1 else f"{len(errors)} files cannot be used",
        where=lines[:limit] + ([f"and {more} more files"] if more else []),
        hint=hint,
    )


def _line(error: DataError, *, alone: bool) -> str:
    """One file's error in one line, with its problem if the line must stand alone."""
    if not alone:
        return " and ".join(error.where)
    return error.line if isinstance(error, FileError) else f"{' and '.join(error.where)}: {error.problem}"
