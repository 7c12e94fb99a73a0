"""Split lists: text files that name the samples of a split."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from streetseg.data.files import FileError
from streetseg.data.formats import SUFFIXES
from streetseg.data.issues import Failure, Survey
from streetseg.data.source import Sample
from streetseg.errors import DataError
from streetseg.text import read_text

_LISTED = 20  # wrong lines named in one error

# Where a column ends with the suffix of an image.
_END = re.compile(rf"(?:{'|'.join(map(re.escape, sorted(SUFFIXES, key=len, reverse=True)))})(?=[\s,])", re.IGNORECASE)

Parts = tuple[str, ...]  # of a path without its suffix


@dataclass(frozen=True)
class Entry:
    """One line of a split list and where it stands."""

    text: str
    where: str


@dataclass(frozen=True)
class SplitList:
    """The lines that name the samples of a split.

    Args:
        name: the file, or the key of the YAML file that holds the lines.
        entries: the lines that say something.
    """

    name: str
    entries: Sequence[Entry]

    @classmethod
    def read(cls, path: Path) -> "SplitList":
        """Read a text file; empty lines and lines that start with # say nothing.

        Raises:
            DataError: if it is missing or cannot be read.
        """
        try:
            lines = read_text(path).splitlines()
        except DataError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                hint = "it is a text file, one sample a line"
                raise DataError("list of samples not found", where=path, hint=hint) from None
            hint = error.hint or "it is a text file, one sample a line"
            raise DataError(
                f"list of samples cannot be read ({error.problem})", where=error.where, hint=hint
            ) from error
        numbered = [Entry(line.strip(), f"{path}:{number}") for number, line in enumerate(lines, start=1)]
        return cls(str(path), [entry for entry in numbered if entry.text and not entry.text.startswith("#")])


def listed_splits(
    samples: Sequence[Sample], lists: Mapping[str, SplitList], survey: Survey
) -> dict[str, tuple[Sample, ...]]:
    """Return the samples that each list names, in the order of `samples`.

    A line names a sample by its stem ("0016E5_07959"), by its full name ("val/0016E5_07959"), by its image's path
    (alone or in the first column, so SegNet's train.txt works), or many samples by a glob over stems ("0006R0_*"),
    or over full names if it has a slash ("val/*"). Folders that a line names must be those of the image.

    A file without partner is named in the same way: its fault then belongs to the split. Lines and samples are counted
    in a note of the survey.

    Args:
        samples: all samples of the source.
        lists: split name -> its lines.
        survey: of the source; the splits of its faults are set.

    Raises:
        DataError: if a line names no sample, or names several without being a glob.
    """
    found = _found(samples, survey.failures, lists)
    survey.failures = [
        replace(failure, splits=frozenset(split for split, names in found.items() if failure.name in names))
        for failure in survey.failures
    ]
    splits = {split: tuple(sample for sample in samples if sample.name in names) for split, names in found.items()}
    for split, lines in lists.items():
        survey.note(_counted(lines, found[split], splits[split]))
    return splits


def without_excluded(
    splits: Mapping[str, tuple[Sample, ...]], excluded: SplitList, survey: Survey
) -> dict[str, tuple[Sample, ...]]:
    """Return the splits without the samples that a list names, and drop their faults from the survey.

    Raises:
        DataError: if a line names no sample, or names several without being a glob.
    """
    every = {sample.name: sample for samples in splits.values() for sample in samples}
    names = _found(list(every.values()), survey.failures, {"": excluded})[""]
    survey.failures = [failure for failure in survey.failures if failure.name not in names]
    lines = len(excluded.entries)
    survey.note(f"{excluded.name}: {_plural(lines, 'line')}, {_plural(len(names), 'sample')} left out")
    return {split: tuple(s for s in samples if s.name not in names) for split, samples in splits.items()}


def _found(
    samples: Sequence[Sample], failures: Sequence[Failure], lists: Mapping[str, SplitList]
) -> dict[str, Counter[str]]:
    """Each list's names of samples and faults -> how many lines name it. Raises DataError."""
    names = _Names(samples, failures)
    found: dict[str, Counter[str]] = {}
    problems: list[tuple[Entry, str]] = []
    for split, lines in lists.items():
        found[split] = Counter()
        for entry in lines.entries:
            meant, rest = names.meant(entry.text)
            other = names.of_mask(rest)
            if not meant:
                problems.append((entry, ""))
            elif len(meant) > 1 and not _is_glob(entry.text):
                problems.append((entry, f" could be {' or '.join(meant[:3])}"))
            elif other and not set(other) & set(meant):
                problems.append((entry, f" names the mask of {other[0]}"))
            found[split].update(meant)
    if problems:
        incorrect = [
            f"{entry.where}: {entry.text}{why or names.closest(entry.text)}" for entry, why in problems[:_LISTED]
        ]
        more = len(problems) - _LISTED
        raise DataError(
            "a line names no sample, or several"
            if len(problems) == 1
            else f"{len(problems)} lines name no sample each, or several",
            where=incorrect + ([f"and {more} more lines"] if more > 0 else []),
            hint="a line is a sample's stem, an image's path whose folders are those of the image,"
            " or a glob over stems such as 0006R0_*",
        )
    return found


def _counted(lines: SplitList, found: Counter[str], samples: Sequence[Sample]) -> str:
    words = [_plural(len(lines.entries), "line"), _plural(len(samples), "sample")]
    twice = sum(times > 1 for times in found.values())
    without = len(found) - len(samples)
    words += [f"{twice} named twice"] if twice else []
    words += [f"{without} without image or mask"] if without > 0 else []
    return f"{lines.name}: {', '.join(words)}"


class _Names:
    """The names of a source's samples and faults, and what a person may mean by them."""

    def __init__(self, samples: Sequence[Sample], failures: Sequence[Failure]) -> None:
        places = [(sample.name, place) for sample in samples for place in (sample.image, sample.mask)]
        places += [(failure.name, failure.error.place) for failure in failures if isinstance(failure.error, FileError)]
        self.names = dict.fromkeys(name for name, _ in places)
        self.by_stem: dict[str, list[str]] = {}
        for name in self.names:
            self.by_stem.setdefault(_parts(name)[-1], []).append(name)
        self.below: dict[str, list[tuple[str, Parts, Parts]]] = {}  # last part -> (name, path, path below all images)
        split = [(name, _parts(place.replace(".zip!", ".zip/"))) for name, place in places]
        common = _common([path[:-1] for _, path in split])
        for name, path in split:
            # Where all files lie in one folder, that folder's name is part of what a line must agree with.
            relative = path[min(common, len(path) - 2) :]
            self.below.setdefault(path[-1], []).append((name, path, relative))

    def meant(self, text: str) -> tuple[list[str], str]:
        """Return the names that a line means, whole or by its first column, and what stands in the second."""
        parts = _parts(text)
        if "/".join(parts) in self.names:
            return ["/".join(parts)], ""
        if len(parts) == 1 and parts[0] in self.by_stem:
            return self.by_stem[parts[0]], ""
        for form, rest in _columns(text):
            if found := self._named(form) or self._globbed(form):
                return found, rest
        return [], ""

    def of_mask(self, text: str) -> list[str]:
        """Return the names that the path of a mask means; a second column may also hold something else."""
        return self._named(text) if PurePosixPath(text).suffix.lower() in SUFFIXES else []

    def closest(self, text: str) -> str:
        """Return the closest name in brackets, to be put behind a line that names nothing."""
        parts = next((_parts(column.replace("\\", "/")) for column, _ in _columns(text)), ("",))
        stems = get_close_matches(parts[-1], self.by_stem, n=1)
        if len(parts) > 1 and stems:
            stems = get_close_matches("/".join(parts), self.by_stem[stems[0]], n=1, cutoff=0)
        return f" (closest: {stems[0]})" if stems else ""

    def _named(self, text: str) -> list[str]:
        """Return the one name that the text ends with, else all whose path or name ends with the text.

        A name without folders does not suffice for a text with folders: the same stem may lie in another folder.
        """
        parts = _parts(text)
        for start in range(len(parts)):
            tail = "/".join(parts[start:])
            if tail in self.names and (start == 0 or start < len(parts) - 1):
                return [tail]
        if len(parts) == 1 and parts[0] in self.by_stem:
            return self.by_stem[parts[0]]
        agree = [
            name
            for name, path, relative in self.below.get(parts[-1], ())
            if path[-len(parts) :] == parts or parts[-len(relative) :] == relative
        ]
        agree += [name for name in self.by_stem.get(parts[-1], ()) if _parts(name)[-len(parts) :] == parts]
        return list(dict.fromkeys(agree))

    def _globbed(self, text: str) -> list[str]:
        if not _is_glob(text):
            return []
        pattern = "/".join(_parts(text))
        if "/" not in text:
            return [name for stem, names in self.by_stem.items() if fnmatchcase(stem, pattern) for name in names]
        paths = [(name, "/".join(relative)) for group in self.below.values() for name, _, relative in group]
        matched = {name for name, path in paths if fnmatchcase(name, pattern) or fnmatchcase(path, pattern)}
        return [name for name in self.names if name in matched]


def _columns(text: str) -> Iterator[tuple[str, str]]:
    """(first column, second) of a line, in the ways to read it.

    The suffix of an image ends a column. Without one, a tab, a comma or a blank may, or nothing. A backslash may stand
    for a slash, as on Windows.
    """
    if match := _END.search(text):
        ways = [(text[: match.end()], text[match.end() :].strip(" \t,"))]
    elif PurePosixPath(text).suffix.lower() in SUFFIXES:
        ways = [(text, "")]
    else:
        ways = [(text.partition(mark)[0].strip(), "") for mark in ("\t", ",", " ") if mark in text] + [(text, "")]
    for first, second in ways:
        for column in dict.fromkeys((first, first.replace("\\", "/"))):
            if _parts(column):
                yield column, second.replace("\\", "/")


def _parts(text: str) -> Parts:
    """The parts of a path, without the suffix of an image."""
    path = PurePosixPath(text)
    bare = path.with_suffix("") if path.suffix.lower() in SUFFIXES else path
    return tuple(part for part in bare.parts if part != "/")


def _common(folders: Sequence[Parts]) -> int:
    """How many parts all folders begin with."""
    if not folders:
        return 0
    first, last = min(folders), max(folders)
    return next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))


def _is_glob(text: str) -> bool:
    return any(mark in text for mark in "*?[")


def _plural(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
