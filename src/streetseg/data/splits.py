"""Split lists: text files that name the samples of a split."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from streetseg.atomic import atomic_write_text
from streetseg.data.files import FileError
from streetseg.data.formats import SUFFIXES
from streetseg.data.issues import Failure, Survey
from streetseg.data.source import Sample, Source, short_name
from streetseg.errors import DataError, RequestError
from streetseg.text import counted, read_text

TRAIN_NAMES = ("train", "training", "trn")  # usual names of a training split
VAL_NAMES = ("val", "valid", "validation", "vld", "dev", "eval")  # usual names of a validation split
TEST_NAMES = ("test", "testing", "tst")

_LISTED = 20  # incorrect lines named in one error

# A suffix of an image at the end of a column.
_END = re.compile(rf"(?:{'|'.join(map(re.escape, sorted(SUFFIXES, key=len, reverse=True)))})(?=[\s,])", re.IGNORECASE)

_SURROGATE = re.compile("[\ud800-\udfff]")  # stands for a byte that is not UTF-8

Parts = tuple[str, ...]  # the parts of a path without its suffix


@dataclass(frozen=True)
class Entry:
    """One line of a split list, and its place as FILE:LINE."""

    text: str
    where: str


@dataclass(frozen=True)
class SplitList:
    """The lines that name the samples of a split.

    Args:
        name: the file, or the key of the YAML file that holds the lines.
        entries: the lines, without empty ones and comments.
    """

    name: str
    entries: Sequence[Entry]

    @classmethod
    def read(cls, path: Path) -> "SplitList":
        """Read a text file. Empty lines and lines that start with # are skipped.

        Raises:
            DataError: it is missing or cannot be read.
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

    A line names a sample by its stem ("0016E5_07959"), by its full name ("val/0016E5_07959"), or by the path of its
    image (alone or in the first column, so that SegNet's train.txt works). A glob names many samples: by stem
    ("0006R0_*"), or by full name if it has a slash ("val/*"). The folders of a path in a line must be those of the
    image.

    A line may also name a file without partner; its failure then belongs to the split. A note of the survey counts
    the lines and samples of each list.

    Args:
        samples: all samples of the source.
        lists: split name -> its lines.
        survey: the survey of the source; the splits of its failures are set.

    Raises:
        DataError: a line names no sample, or names several without being a glob.
    """
    named = _named_by(lists, samples, survey.failures)
    survey.failures = [
        replace(failure, splits=frozenset(split for split, names in named.items() if failure.name in names))
        for failure in survey.failures
    ]
    splits = {split: tuple(sample for sample in samples if sample.name in names) for split, names in named.items()}
    for split, lines in lists.items():
        survey.note(_counted(lines, named[split], splits[split]))
    return splits


def write_new_lists(folder: Path, splits: Mapping[str, Sequence[Sample]]) -> dict[str, Path]:
    """Do as `write_lists`, into a folder of a person.

    Raises:
        RequestError: it holds such a file already, or cannot be written to.
        DataError: a name cannot stand in a list.
    """
    hint = "--write-splits DIR names a new folder"
    if there := [file for split in splits if (file := folder / f"{split}.txt").exists()]:
        raise RequestError("a file is there already", where=there, hint=hint)
    for samples in splits.values():
        require_listable(samples)
    try:
        return write_lists(folder, splits)
    except OSError as error:
        problem = f"the split lists cannot be written ({error.strerror or error})"
        raise RequestError(problem, where=folder, hint=hint) from error


def require_listable(samples: Iterable[Sample]) -> None:
    """Raise DataError if a name cannot be a line of a text file: it has line breaks or is not UTF-8."""
    odd = [s.image for s in samples if s.name.strip().splitlines() != [s.name] or _SURROGATE.search(s.name)]
    if odd:
        problem = "an image's name has line breaks, blanks at its ends, or is not UTF-8: no split list can name it"
        raise DataError(problem, where=odd[:_LISTED], hint="rename the file")


def write_lists(folder: Path, splits: Mapping[str, Sequence[Sample]]) -> dict[str, Path]:
    """Write FOLDER/SPLIT.txt with the names of the samples of each split. Return split -> its file."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {split: folder / f"{split}.txt" for split in splits}
    for split, samples in splits.items():
        # "./" keeps a name that begins with # from being read as a comment.
        lines = [f"./{sample.name}\n" if sample.name.startswith("#") else f"{sample.name}\n" for sample in samples]
        atomic_write_text(files[split], "".join(lines))
    return files


@dataclass(frozen=True)
class KeptSplit:
    """The split lists that a run keeps of its data, where the program made the split.

    Args:
        run: the run folder.
        spec: the data set, without the folders of a machine.
        lists: split -> file.
    """

    run: Path
    spec: str
    lists: Mapping[str, Path]

    def of(self, source: Source) -> dict[str, tuple[Sample, ...]]:
        """Return the splits of the run; empty if the source is another data set.

        Raises:
            DataError: an image of the run is no longer in the data.
        """
        every = {sample.name: sample for samples in source.splits.values() for sample in samples}
        lists = {split: SplitList.read(file) for split, file in self.lists.items()}
        entries = [entry.text.removeprefix("./") for lines in lists.values() for entry in lines.entries]
        if short_name(source.spec) != self.spec or every.keys().isdisjoint(entries):
            return {}
        named = _named_by(lists, list(every.values()), ())
        return {split: tuple(s for name, s in every.items() if name in names) for split, names in named.items()}


def without_excluded(
    splits: Mapping[str, tuple[Sample, ...]], excluded: SplitList, survey: Survey
) -> dict[str, tuple[Sample, ...]]:
    """Return the splits without the samples that a list names. Remove their failures from the survey.

    Raises:
        DataError: a line names no sample, or names several without being a glob.
    """
    every = {sample.name: sample for samples in splits.values() for sample in samples}
    names = _named_by({"": excluded}, list(every.values()), survey.failures)[""]
    survey.failures = [failure for failure in survey.failures if failure.name not in names]
    lines = len(excluded.entries)
    survey.note(f"{excluded.name}: {counted(lines, 'line')}, {counted(len(names), 'sample')} left out")
    return {split: tuple(s for s in samples if s.name not in names) for split, samples in splits.items()}


def _named_by(
    lists: Mapping[str, SplitList], samples: Sequence[Sample], failures: Sequence[Failure]
) -> dict[str, Counter[str]]:
    """Return for each list: name of a sample or failure -> number of lines that name it. Raise DataError."""
    names = _Names(samples, failures)
    named: dict[str, Counter[str]] = {}
    problems: list[tuple[Entry, str]] = []
    for split, lines in lists.items():
        named[split] = Counter()
        for entry in lines.entries:
            matches, rest = names.matches(entry.text)
            other = names.of_mask(rest)
            if not matches:
                problems.append((entry, ""))
            elif len(matches) > 1 and not _is_glob(entry.text):
                problems.append((entry, f" could be {' or '.join(matches[:3])}"))
            elif other and not set(other) & set(matches):
                problems.append((entry, f" names the mask of {other[0]}"))
            named[split].update(matches)
    if problems:
        lines_in_error = [
            f"{entry.where}: {entry.text}{reason or names.closest(entry.text)}" for entry, reason in problems[:_LISTED]
        ]
        more = len(problems) - _LISTED
        raise DataError(
            "a line names no sample, or several"
            if len(problems) == 1
            else f"{len(problems)} lines name no sample each, or several",
            where=lines_in_error + ([f"and {more} more lines"] if more > 0 else []),
            hint="a line is a sample's stem, an image's path whose folders are those of the image,"
            " or a glob over stems such as 0006R0_*",
        )
    return named


def _counted(lines: SplitList, named: Counter[str], samples: Sequence[Sample]) -> str:
    """Return a note with the numbers of lines and samples of a list."""
    counts = [counted(len(lines.entries), "line"), counted(len(samples), "sample")]
    twice = sum(times > 1 for times in named.values())
    without = len(named) - len(samples)
    counts += [f"{twice} named twice"] if twice else []
    counts += [f"{without} without image or mask"] if without > 0 else []
    return f"{lines.name}: {', '.join(counts)}"


class _Names:
    """The names of a source's samples and failures, and the ways in which a line may name them."""

    def __init__(self, samples: Sequence[Sample], failures: Sequence[Failure]) -> None:
        places = [(sample.name, place) for sample in samples for place in (sample.image, sample.mask)]
        places += [(failure.name, failure.error.place) for failure in failures if isinstance(failure.error, FileError)]
        self.names = dict.fromkeys(name for name, _ in places)
        self.by_stem: dict[str, list[str]] = {}
        for name in self.names:
            self.by_stem.setdefault(_parts(name)[-1], []).append(name)
        self.below: dict[str, list[tuple[str, Parts, Parts]]] = {}  # last part -> (name, path, path below all images)
        paths = [(name, _parts(place.replace(".zip!", ".zip/"))) for name, place in places]
        common = _common([path[:-1] for _, path in paths])
        for name, path in paths:
            # If all files lie in one folder, the name of this folder is part of the relative path.
            relative = path[min(common, len(path) - 2) :]
            self.below.setdefault(path[-1], []).append((name, path, relative))

    def matches(self, text: str) -> tuple[list[str], str]:
        """Return the names that match a line, or its first column, and the text of its second column."""
        parts = _parts(text)
        if "/".join(parts) in self.names:
            return ["/".join(parts)], ""
        if len(parts) == 1 and parts[0] in self.by_stem:
            return self.by_stem[parts[0]], ""
        for form, rest in _columns(text):
            if names := self._named(form) or self._globbed(form):
                return names, rest
        return [], ""

    def of_mask(self, text: str) -> list[str]:
        """Return the names that match the path of a mask; [] if the text is no path of an image file."""
        return self._named(text) if PurePosixPath(text).suffix.lower() in SUFFIXES else []

    def closest(self, text: str) -> str:
        """Return the closest name in brackets, for a message on a line that names nothing; "" if none is close."""
        parts = next((_parts(column.replace("\\", "/")) for column, _ in _columns(text)), ("",))
        stems = get_close_matches(parts[-1], self.by_stem, n=1)
        if len(parts) > 1 and stems:
            stems = get_close_matches("/".join(parts), self.by_stem[stems[0]], n=1, cutoff=0)
        return f" (closest: {stems[0]})" if stems else ""

    def _named(self, text: str) -> list[str]:
        """Return the one name that the text ends with, else all names whose path or name ends with the text.

        For a text with folders, a name without folders does not match: other folders may hold the same stem.
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
    """Yield (first column, second column) of a line for each way to read it.

    The suffix of an image ends a column. Without such a suffix, a tab, a comma or a blank may end it, or the whole line
    is one column. A backslash may mean a slash, as on Windows.
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
    """Return the parts of a path. The suffix of an image is removed."""
    path = PurePosixPath(text)
    bare = path.with_suffix("") if path.suffix.lower() in SUFFIXES else path
    return tuple(part for part in bare.parts if part != "/")


def _common(folders: Sequence[Parts]) -> int:
    """Return the number of leading parts that all folders share."""
    if not folders:
        return 0
    first, last = min(folders), max(folders)
    return next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))


def _is_glob(text: str) -> bool:
    return any(mark in text for mark in "*?[")
