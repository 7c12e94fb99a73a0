"""The check of a data set: read every image and mask once and report all problems together."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from difflib import get_close_matches

from streetseg.data.check.cache import CheckCache
from streetseg.data.check.findings import Findings, SplitFindings
from streetseg.data.check.jumps import jumps
from streetseg.data.check.leaks import leaks
from streetseg.data.check.remarks import Entry, Remark, Seen, file_remarks
from streetseg.data.check.sample import SampleStats, look_at
from streetseg.data.files import FileError
from streetseg.data.issues import together
from streetseg.data.source import Sample, Source
from streetseg.data.splits import TEST_NAMES, TRAIN_NAMES, VAL_NAMES
from streetseg.data.store import default_cache
from streetseg.errors import DataError
from streetseg.machine import cores
from streetseg.text import command_line

log = logging.getLogger("streetseg")

_LISTED = 20  # files named in one error

# Usual names of training and validation splits, in the order in which hints propose them.
_SPLIT_NAMES = {"train_split": TRAIN_NAMES, "val_split": (*VAL_NAMES, *TEST_NAMES)}


def check_source(source: Source, splits: Sequence[str], *, limit: int | None = _LISTED) -> Findings:
    """Check splits before training or scoring. For files that have not changed, the cached results are used.

    Every remark is logged as one line.

    Args:
        source: the data set.
        splits: names of the splits to check.
        limit: the error names at most this many files; None: all.

    Raises:
        DataError: a split is missing or empty, or files cannot be used. One error holds all files, one line per file.
    """
    require_splits(source, splits)
    findings = examine(source, splits, divisible=splits, use_cache=True)
    if findings.errors:
        raise all_problems(findings, limit)
    for remark in findings.remarks:
        if remark.care:
            log.warning("%s; %s shows which", remark.text, doctor_command(source.spec))
        else:
            log.info("%s", remark.text)
    return findings


def examine(
    source: Source,
    splits: Sequence[str],
    *,
    used: Sequence[str] | None = None,
    divisible: Sequence[str] = (),
    use_cache: bool = False,
    on_file: Callable[[], None] = lambda: None,
) -> Findings:
    """Read every image and mask of `splits` once, on all cores. Return their content and all their problems.

    Args:
        source: the data set.
        splits: names of the splits to read.
        used: the splits whose problems are errors. Problems of other splits, and missing splits, become remarks.
            None, or only missing splits: all of `splits`.
        divisible: the splits that data.split=auto divides anew.
        use_cache: use the cached results of files that have not changed; otherwise read every file.
        on_file: called after each sample, for a progress bar.
    """
    cache = CheckCache(source, default_cache())
    absent = [split for split in used or () if split not in source.splits]
    used = [split for split in used or () if split in source.splits] or splits
    errors: list[DataError] = [failure.error for failure in source.survey.failures_of(used)]
    if errors:
        errors += source.survey.unread_errors  # e.g. the image of a mask without image may be a HEIC file
    unused: list[DataError] = [failure.error for failure in source.survey.failures if not failure.splits & set(used)]
    seen: dict[str, tuple[tuple[Sample, SampleStats], ...]] = {}
    for split in splits:
        samples = source.splits.get(split, ())
        problems = errors if split in used else unused
        if not samples and not source.survey.failures_of([split]):
            problems.append(_missing(source, split))
        usable = []
        for sample, result in zip(samples, _in_parallel(source, samples, cache, use_cache=use_cache), strict=True):
            if isinstance(result, DataError):
                problems.append(result)
            else:
                usable.append((sample, result))
            on_file()
        seen[split] = tuple(usable)
    cache.save()
    split_findings = {split: SplitFindings(source.space, usable) for split, usable in seen.items()}
    errors += filter(None, (_is_255_a_class(source, seen), _read_in_two_ways(seen)))
    remarks = (
        *_absent(source, absent),
        *_unused(unused),
        *leaks(seen, () if source.survey.made else divisible, doctor_command(source.spec)),
        *file_remarks(source, seen),
        *jumps(source, seen),
    )
    return Findings(source.spec, source.space, tuple(source.survey.notes), split_findings, remarks, tuple(errors))


def statistics_of(source: Source, samples: Sequence[Sample]) -> list[SampleStats | DataError]:
    """Return the statistics of each sample, or why it cannot be used; cached for files that have not changed."""
    cache = CheckCache(source, default_cache())
    results = list(_in_parallel(source, samples, cache, use_cache=True))
    cache.save()
    return results


def require_splits(source: Source, splits: Sequence[str]) -> None:
    """Raise DataError if a split is missing or empty. A split that is empty because files have no partner passes."""
    for split in splits:
        if not source.splits.get(split) and not source.survey.failures_of([split]):
            raise _missing(source, split)


def all_problems(findings: Findings, limit: int | None = None) -> DataError:
    """Return all errors of the findings, at least one, as a single error that names at most `limit` files."""
    hints = [f"{doctor_command(findings.spec)} lists them all"] if limit is not None else []
    if any(isinstance(error, FileError) for error in findings.errors):
        hints.append("data.exclude=FILE leaves out the samples that a text file names")
    return together(findings.errors, limit=limit, hint="; ".join(hints) or None)


def doctor_command(spec: str) -> str:
    """Return the command that shows all findings of a data set."""
    return command_line(["streetseg", "check", spec])


def _in_parallel(
    source: Source, samples: Sequence[Sample], cache: CheckCache, *, use_cache: bool
) -> Iterator[SampleStats | DataError]:
    """Yield statistics or error of each sample in order, read by one thread per core (Pillow releases the GIL)."""

    def look(sample: Sample) -> SampleStats | DataError:
        try:
            stamp = source.stamp(sample)  # before the files are read: if they change meanwhile, the entry is outdated
            if use_cache and (stats := cache.get(sample, stamp)) is not None:
                return stats
            stats = look_at(source, sample)
        except DataError as error:
            return error
        cache.keep(sample, stamp, stats)
        return stats

    pool = ThreadPoolExecutor(cores())
    try:
        yield from pool.map(look, samples)
    finally:
        pool.shutdown(cancel_futures=True)


def _absent(source: Source, splits: Sequence[str]) -> Iterator[Remark]:
    """Yield a remark for each split that training needs and the data set lacks, with the cure."""
    for split in splits:
        error = _missing(source, split)
        yield Remark("no-split", f"{error.problem}; {error.hint}")


def _unused(errors: Sequence[DataError]) -> Iterator[Remark]:
    """Yield a remark on the problems of splits that are not used."""
    if errors:
        words = ", ".join(f"{count} times {problem}" for problem, count in Counter(e.problem for e in errors).items())
        entries = tuple(_entry(error) for error in errors)
        yield Remark("unused", f"in data that no used split needs: {words}", entries)


def _entry(error: DataError) -> Entry:
    if isinstance(error, FileError):
        return Entry((error.place,), f"{error.problem}: {error.detail}" if error.detail else error.problem)
    return Entry(error.where[:1], error.problem)


def _missing(source: Source, split: str) -> DataError:
    found = ", ".join(f"{name} ({len(samples)})" for name, samples in source.splits.items())
    return DataError(
        f"split {split!r} is {'empty' if split in source.splits else 'not in this data set'} (found {found or 'none'})",
        where=source.spec,
        hint=_other_split(source, split) or f"data.splits.{split}=FILE names its images in a text file",
    )


def _other_split(source: Source, split: str) -> str | None:
    """Return a hint how to use a split of another name; None if no other is close."""
    for field, names in _SPLIT_NAMES.items():
        others = [name for name in names if source.splits.get(name)] if split in names else []
        if others:
            return f"data.{field}={others[0]} takes the split {others[0]}"
    if near := get_close_matches(split, list(source.splits), n=1):
        return f"did you mean the split {near[0]}?"
    return None


def _is_255_a_class(source: Source, seen: Seen) -> DataError | None:
    """Return an error if the masks hold only 0 and 255 and the data set does not say what 255 means.

    Such masks are usually black and white drawings, in which 255 is a class and not ignored. The test uses the values
    on disk. It passes if any mask holds other ids.
    """
    masks = Counter(stats.mask.binary for samples in seen.values() for _, stats in samples)
    if not masks["0/255"] or masks["more"]:
        return None
    others = [
        f"{masks[kind]} {words}" for kind, words in (("0/1", "of 0 and 1"), ("1-bit", "of one bit")) if masks[kind]
    ]
    first, second = source.space.names[:2]
    ids = "[1, 255]" if others else "255"
    problem = "the masks hold only 0 and the ignored value 255: does 255 mean class 1?"
    if others:
        found = ", ".join([f"{masks['0/255']} of 0 and 255", *others])
        problem = f"some masks hold 0 and 1, others 0 and 255: does 255 mean class 1? (found {found})"
    return DataError(
        problem,
        where=source.spec,
        hint=f"if so, give class 1 ({second}) `id: {ids}` and class 0 ({first}) `id: 0` in a folder:FILE.yaml;"
        " if it is to be ignored, write `ignore: 255`",
    )


def _read_in_two_ways(seen: Seen) -> DataError | None:
    """Return an error if masks of one mode are read in two ways: some by color, others by the order of the classes."""
    ways: dict[str, dict[str, list[str]]] = {}
    for sample, stats in (pair for samples in seen.values() for pair in samples):
        if stats.mask.reading in ("id", "color"):
            ways.setdefault(stats.mask_mode, {}).setdefault(stats.mask.reading, []).append(sample.mask)
    for mode, places in ways.items():
        if len(places) == 2:
            fewer, more = sorted(("id", "color"), key=lambda way: len(places[way]))
            return DataError(
                f"masks stored as {mode} would be read in two ways ({len(places[fewer])} by {fewer}: those named,"
                f" {len(places[more])} by {more})",
                where=places[fewer],
                hint="if the ids count, give each class its `id:`; if the colors do, save the masks as RGB",
            )
    return None
