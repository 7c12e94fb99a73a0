"""Issues of opening a data set: files that are skipped, and files that cannot be used."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from streetseg.data.files import FileError, is_junk
from streetseg.data.formats import SUFFIXES, UNREAD
from streetseg.errors import DataError, first

log = logging.getLogger("streetseg")

_NAMED = 5  # skipped files that one line names


def together(errors: Sequence[DataError], *, limit: int | None = None, hint: str | None = None) -> DataError:
    """Join errors into one. If they share a problem, it is named once, above the files; otherwise on each line.

    Args:
        errors: one or more errors.
        limit: the largest number of lines; None: all.
        hint: how to fix them; the hints of the errors are added.
    """
    if len(errors) == 1 and not isinstance(errors[0], FileError):
        return errors[0]
    problems = {error.problem for error in errors}
    lines = [" and ".join(error.where) if len(problems) == 1 else one_line(error) for error in errors]
    hints = dict.fromkeys([hint, *(error.hint for error in errors)])
    return DataError(
        problems.pop() if len(problems) == 1 else f"{len(errors)} files cannot be used",
        where=first(lines, limit, "files"),
        hint="; ".join(filter(None, hints)) or None,
    )


def one_line(error: DataError) -> str:
    """Return the error as one line."""
    return error.line if isinstance(error, FileError) else f"{' and '.join(error.where)}: {error.problem}"


@dataclass(frozen=True)
class Failure:
    """A file that belongs to no sample, such as an image without mask.

    Args:
        name: the name of the sample that the file would be part of.
        error: the problem.
        splits: the splits that would hold that sample.
        unlabeled: whether the file is an image without mask, which can be skipped.
    """

    name: str
    error: DataError
    splits: frozenset[str] = frozenset()
    unlabeled: bool = False


@dataclass(frozen=True)
class MadeSplit:
    """A split into training and validation that the program made.

    Args:
        text: how, in one sentence.
        test: the split that is scored once at the end of a run, as the data has one and had no validation split.
    """

    text: str
    test: str | None = None


@dataclass
class Survey:
    """Findings besides the samples from the opening of a data set. The check reads them.

    Args:
        notes: what was recognized and what was left out, one sentence each.
        skipped: place of each file that is skipped because it is no image -> reason.
        unread: place of each image in a format that is not supported -> format and cure.
        failures: files that belong to no sample; they are errors only if a split that is used would hold them.
        made: how the split was made; None where it is that of the data.
    """

    notes: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    made: MadeSplit | None = None

    def failures_of(self, splits: Iterable[str]) -> list[Failure]:
        """Return the failures that belong to one of the splits."""
        needed = frozenset(splits)
        return [failure for failure in self.failures if failure.splits & needed]

    def note(self, sentence: str) -> None:
        """Add a note and log it."""
        self.notes.append(sentence)
        log.info("%s", sentence)

    @property
    def skipped_words(self) -> str:
        """One line on the skipped files; it names the first few."""
        return f"{len(self.skipped)} file{'s' if len(self.skipped) > 1 else ''} passed over: {_named(self.skipped)}"

    @property
    def unread_words(self) -> str:
        """One line on the unread files; it names the first few and the cure of each format."""
        count = len(self.unread)
        what = "1 file in a format that is" if count == 1 else f"{count} files in formats that are"
        return f"{what} not read: {_named(self.unread)} ({'; '.join(dict.fromkeys(self.unread.values()))})"

    @property
    def unread_errors(self) -> list[FileError]:
        """An error for each unread file, for a data set that cannot be used without it."""
        return [FileError(place, "the format is not supported", cure) for place, cure in self.unread.items()]

    def images_among(self, places: Mapping[str, str], also: Collection[str] = ()) -> dict[str, str]:
        """Return the files that could be images or masks, by their names; add the others to `skipped` or `unread`.

        Args:
            places: name -> place of each file.
            also: endings in lower case of files that are kept, too, such as masks in other formats.
        """
        kept: dict[str, str] = {}
        for name, place in places.items():
            path = PurePosixPath(name)
            if any(map(is_junk, path.parts)):
                self.skipped[place] = "left by the system or hidden"
            elif path.suffix.lower() in also:
                kept[name] = place
            elif (cure := UNREAD.get(path.suffix.lower())) is not None:
                self.unread[place] = cure
            elif path.suffix.lower() not in SUFFIXES:
                self.skipped[place] = "no image by its name"
            else:
                kept[name] = place
        return kept


def _named(places: Collection[str]) -> str:
    return ", ".join(first([PurePosixPath(place).name for place in places], _NAMED))
