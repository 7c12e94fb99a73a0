"""Split lists: text files that name the samples of a split."""

from collections.abc import Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from streetseg.data.pictures import SUFFIXES
from streetseg.data.source import Sample
from streetseg.errors import DataError

_LISTED = 20


def listed_splits(samples: tuple[Sample, ...], lists: Mapping[str, str]) -> dict[str, tuple[Sample, ...]]:
    """The splits that the text files describe, each with its samples in the order of `samples`.

    A line names a sample by its stem ("0016E5_07959"), by its full name ("val/0016E5_07959"), by a picture's path
    (the first column is enough, so SegNet's train.txt works), or many samples by a glob over stems ("0006R0_*").
    Empty lines and lines that start with # say nothing.

    Args:
        samples: all samples of the source.
        lists: split name -> path of its text file.

    Raises:
        DataError: if a list is missing, a line names no sample, or names several without being a glob.
    """
    return {split: _listed(samples, Path(path).expanduser()) for split, path in lists.items()}


def _listed(samples: tuple[Sample, ...], path: Path) -> tuple[Sample, ...]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise DataError("split list not found", where=path) from None
    except (OSError, UnicodeDecodeError) as failure:
        raise DataError(f"split list cannot be read ({failure})", where=path) from failure

    by_name = {sample.name: sample for sample in samples}
    by_stem: dict[str, list[str]] = {}
    for name in by_name:
        by_stem.setdefault(_stem(name), []).append(name)

    chosen: set[str] = set()
    problems: list[str] = []
    for number, line in enumerate(lines, start=1):
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        names = _named(entry, by_name, by_stem) or _named(entry.split()[0], by_name, by_stem)
        if len(names) > 1 and not _is_glob(entry):
            problems.append(f"{path}:{number}: {entry} could be {' or '.join(names[:3])}")
        elif not names:
            close = get_close_matches(_stem(entry.split()[0]), by_stem, n=1)
            problems.append(f"{path}:{number}: {entry}" + (f" (closest: {close[0]})" if close else ""))
        chosen.update(names)
    if problems:
        rest = len(problems) - _LISTED
        raise DataError(
            f"{len(problems)} lines of the split list name no sample, or more than one",
            where=problems[:_LISTED] + ([f"and {rest} more lines"] if rest > 0 else []),
            hint="a line is a sample's stem, a picture's path, or a glob over stems such as 0006R0_*",
        )
    return tuple(sample for sample in samples if sample.name in chosen)


def _named(entry: str, by_name: Mapping[str, Sample], by_stem: Mapping[str, list[str]]) -> list[str]:
    """Names of the samples an entry means: the longest tail of its path that is a name, else its stem."""
    if _is_glob(entry):
        return [name for name in by_name if fnmatchcase(name if "/" in entry else _stem(name), entry)]
    parts = _without_suffix(entry).split("/")
    for start in range(len(parts)):
        if "/".join(parts[start:]) in by_name:
            return ["/".join(parts[start:])]
    return by_stem.get(parts[-1], [])


def _is_glob(entry: str) -> bool:
    return any(mark in entry for mark in "*?[")


def _stem(name: str) -> str:
    return name.rpartition("/")[2]


def _without_suffix(entry: str) -> str:
    path = PurePosixPath(entry)
    return str(path.with_suffix("")) if path.suffix.lower() in SUFFIXES else entry
