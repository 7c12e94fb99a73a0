"""One pass over every file of a data set, before anything is built on it."""

import logging
import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from streetseg.data.faults import together
from streetseg.data.findings import Findings, SplitFindings
from streetseg.data.known import Known
from streetseg.data.leaks import leaks
from streetseg.data.looked import Looked, look_at
from streetseg.data.remarks import file_remarks
from streetseg.data.source import Sample, Source
from streetseg.data.store import default_cache
from streetseg.errors import DataError

log = logging.getLogger("streetseg")

_LISTED = 20  # files named in one error


def check_source(source: Source, splits: Sequence[str], *, limit: int | None = _LISTED) -> Findings:
    """The check before training and scoring: files that have not changed since they were last read are believed.

    Every remark goes to the log as one line.

    Args:
        source: the data.
        splits: names of the splits to read.
        limit: at most this many files are named in the error; none names all.

    Raises:
        DataError: if a split is missing or empty, or files cannot be used: one line a file, all files in one error.
    """
    require_splits(source, splits)
    findings = examine(source, splits, believe=True)
    if findings.errors:
        raise everything_wrong(findings, limit)
    for remark in findings.remarks:
        if remark.care:
            log.warning("%s; %s shows which", remark.text, doctor_command(source.spec))
        else:
            log.info("%s", remark.text)
    return findings


def examine(
    source: Source, splits: Sequence[str], *, believe: bool = False, on_file: Callable[[], None] = lambda: None
) -> Findings:
    """Read every picture and mask of `splits` once, on all cores: what they hold and all that is wrong with them.

    Args:
        source: the data.
        splits: names of the splits to read.
        believe: take what is known of files that have not changed; otherwise every file is read, whatever is known.
        on_file: called after each sample, for a progress bar.
    """
    known = Known(source, default_cache())
    errors: list[DataError] = list(source.survey.faults)
    if errors:
        errors += source.survey.unread_errors  # a mask without image may be that of a HEIC file
    seen: dict[str, tuple[tuple[Sample, Looked], ...]] = {}
    for split in splits:
        samples = source.splits.get(split, ())
        if not samples and not source.survey.faults:
            errors.append(_missing(source, split))
        usable = []
        for sample, result in zip(samples, _in_parallel(source, samples, known, believe=believe), strict=True):
            if isinstance(result, DataError):
                errors.append(result)
            else:
                usable.append((sample, result))
            on_file()
        seen[split] = tuple(usable)
    known.save()
    found = {split: SplitFindings(source.space, usable) for split, usable in seen.items()}
    if (question := _is_255_a_class(source, found)) is not None:
        errors.append(question)
    remarks = (*leaks(seen), *file_remarks(source, seen))
    return Findings(source.spec, source.space, tuple(source.survey.notes), found, remarks, tuple(errors))


def require_splits(source: Source, splits: Sequence[str]) -> None:
    """Raises DataError if a split is missing or empty, unless files without a partner are the reason."""
    for split in splits:
        if not source.splits.get(split) and not source.survey.faults:
            raise _missing(source, split)


def everything_wrong(findings: Findings, limit: int | None = None) -> DataError:
    """All errors of the findings, at least one, as one; at most `limit` files are named."""
    hint = f"{doctor_command(findings.spec)} lists them all" if limit is not None else None
    return together(findings.errors, limit=limit, hint=hint)


def doctor_command(spec: str) -> str:
    """What a person types to see everything that was found."""
    return f"streetseg check {shlex.quote(spec)}"


def _in_parallel(
    source: Source, samples: Sequence[Sample], known: Known, *, believe: bool
) -> Iterator[Looked | DataError]:
    """The samples in order, read by as many threads as there are cores (Pillow decodes without the GIL)."""

    def look(sample: Sample) -> Looked | DataError:
        try:
            stamp = source.stamp(sample)  # before the files are read: who edits them meanwhile has them read again
            if believe and (looked := known.get(sample, stamp)) is not None:
                return looked
            looked = look_at(source, sample)
        except DataError as error:
            return error
        known.keep(sample, stamp, looked)
        return looked

    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        yield from pool.map(look, samples)
    finally:
        pool.shutdown(cancel_futures=True)


def _missing(source: Source, split: str) -> DataError:
    found = ", ".join(f"{name} ({len(samples)})" for name, samples in source.splits.items())
    return DataError(
        f"split {split!r} is {'empty' if split in source.splits else 'not in this data set'} (found {found or 'none'})",
        where=source.spec,
        hint=f"data.splits.{split}=FILE names its pictures in a text file",
    )


def _is_255_a_class(source: Source, findings: Mapping[str, SplitFindings]) -> DataError | None:
    """Masks of nothing but 0 and 255 are usually black and white drawings, where 255 is a class and not ignored."""
    counts = sum((found.counts for found in findings.values()), np.zeros(source.space.num_classes, np.int64))
    ignored = sum(found.ignored for found in findings.values())
    if source.space.num_classes == 1 or not ignored or counts[1:].any():
        return None
    return DataError(
        "the masks hold only 0 and the ignored value 255: does 255 mean class 1?",
        where=source.spec,
        hint=f"if so, give class 1 ({source.space.names[1]}) `id: 255` in a folder:FILE.yaml",
    )
