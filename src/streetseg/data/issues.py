"""What opening a data set finds besides its samples: files that are skipped, and files that cannot be used."""

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
    """All errors in one: the common problem above and the files below, or each with its problem on a line.

    Args:
        errors: one or more.
        limit: at most this many lines; none names all.
        hint: what to do about them; what the errors advise themselves is added.
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
    """The whole error in one line."""
    return error.line if isinstance(error, FileError) else f"{' and '.join(error.where)}: {error.problem}"


@dataclass(frozen=True)
class Failure:
    """A file that belongs to no sample, such as an image without mask.

    Args:
        name: of the sample that it would be part of.
        error: what is wrong with it.
        splits: the splits that would hold that sample.
        unlabeled: whether it is an image without mask, which can be skipped.
    """

    name: str
    error: DataError
    splits: frozenset[str] = frozenset()
    unlabeled: bool = False


@dataclass
class Survey:
    """Filled while a data set is opened, read by the check.

    Args:
        notes: what was recognized and what was left out, a sentence each.
        skipped: place of each file between the data that is passed over -> why.
        unread: place of each image in a format that is not read -> format and cure.
        failures: files that belong to no sample; they matter only where a split that is used would hold them.
    """

    notes: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def failures_of(self, splits: Iterable[str]) -> list[Failure]:
        """Return the faults that one of the splits would hold."""
        needed = frozenset(splits)
        return [failure for failure in self.failures if failure.splits & needed]

    def note(self, sentence: str) -> None:
        """Keep the sentence, and put it in the log."""
        self.notes.append(sentence)
        log.info("%s", sentence)

    @property
    def skipped_words(self) -> str:
        """The skipped files in one line, the first of them by name."""
        return f"{len(self.skipped)} file{'s' if len(self.skipped) > 1 else ''} passed over: {_named(self.skipped)}"

    @property
    def unread_words(self) -> str:
        """The unread files in one line, the first of them by name, with the cure of each format."""
        count = len(self.unread)
        what = "1 file in a format that is" if count == 1 else f"{count} files in formats that are"
        return f"{what} not read: {_named(self.unread)} ({'; '.join(dict.fromkeys(self.unread.values()))})"

    @property
    def unread_errors(self) -> list[FileError]:
        """An error for each unread file, for where the data cannot do without it."""
        return [FileError(place, "format is not read", cure) for place, cure in self.unread.items()]

    def images_among(self, places: Mapping[str, str]) -> dict[str, str]:
        """Those that could be images or masks, from name -> place; the rest is skipped, or unread for its format."""
        kept: dict[str, str] = {}
        for name, place in places.items():
            path = PurePosixPath(name)
            if any(map(is_junk, path.parts)):
                self.skipped[place] = "left by the system or hidden"
            elif (cure := UNREAD.get(path.suffix.lower())) is not None:
                self.unread[place] = cure
            elif path.suffix.lower() not in SUFFIXES:
                self.skipped[place] = "no image by its name"
            else:
                kept[name] = place
        return kept


def _named(places: Collection[str]) -> str:
    return ", ".join(first([PurePosixPath(place).name for place in places], _NAMED))
