"""Split lists: text files that name the samples of a split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from streetseg.data.faults import together
from streetseg.data.formats import SUFFIXES
from streetseg.data.source import Sample
from streetseg.data.survey import Survey
from streetseg.errors import DataError

_LISTED = 20  # wrong lines named in one error


@dataclass(frozen=True)
class Entry:
    """One line of a split list and where it stands."""

    text: str
    where: str


def listed_splits(samples: Sequence[Sample], lists: Mapping[str, str], survey: Survey) -> dict[str, tuple[Sample, ...]]:
    """The splits that text files describe.

    Empty lines and lines that start with # say nothing; `listed` says what the others may be.

    Args:
        samples: all samples of the source.
        lists: split name -> path of its text file.
        survey: of the source.

    Raises:
        DataError: if a list is missing, a line names no sample, or names several without being a glob.
    """
    return {split: listed(samples, _entries(Path(path).expanduser()), survey) for split, path in lists.items()}


def listed(samples: Sequence[Sample], entries: Sequence[Entry], survey: Survey) -> tuple[Sample, ...]:
    """The samples that the entries name, in the order of `samples`.

    An entry names a sample by its stem ("0016E5_07959"), by its full name ("val/0016E5_07959"), by a picture's path
    (alone or in the first column, so SegNet's train.txt works), or many samples by a glob over stems ("0006R0_*"),
    or over full names if it has a slash ("val/*").

    Raises:
        DataError: if an entry names no sample, or names several without being a glob.
    """
    names = _Names(samples)
    chosen: set[str] = set()
    problems: list[str] = []
    for entry in entries:
        first_column = entry.text.split(maxsplit=1)[0] if entry.text.strip() else ""
        found = names.meant(entry.text) or names.meant(first_column)
        if not found:
            close = get_close_matches(_stem(first_column), names.by_stem, n=1)
            problems.append(f"{entry.where}: {entry.text}" + (f" (closest: {close[0]})" if close else ""))
        elif len(found) > 1 and not _is_glob(entry.text):
            problems.append(f"{entry.where}: {entry.text} could be {' or '.join(found[:3])}")
        chosen.update(found)
    if problems and survey.faults:  # a picture without mask is no sample, and a list may well name it
        raise together(survey.faults)
    if problems:
        rest = len(problems) - _LISTED
        raise DataError(
            f"{len(problems)} lines of the split list do not name one sample each",
            where=problems[:_LISTED] + ([f"and {rest} more lines"] if rest > 0 else []),
            hint="a line is a sample's stem, a picture's path, or a glob over stems such as 0006R0_*",
        )
    return tuple(sample for sample in samples if sample.name in chosen)


def _entries(path: Path) -> list[Entry]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise DataError("split list not found", where=path, hint="it is a text file, one sample a line") from None
    except (OSError, UnicodeDecodeError) as failure:
        hint = "it is a text file in UTF-8, one sample a line"
        raise DataError(f"split list cannot be read ({failure})", where=path, hint=hint) from failure
    numbered = [Entry(line.strip(), f"{path}:{number}") for number, line in enumerate(lines, start=1)]
    return [entry for entry in numbered if entry.text and not entry.text.startswith("#")]


class _Names:
    """The names of a source's samples, and what a person may mean by them."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.names = dict.fromkeys(sample.name for sample in samples)
        self.by_stem: dict[str, list[str]] = {}
        for name in self.names:
            self.by_stem.setdefault(_stem(name), []).append(name)

    def meant(self, text: str) -> list[str]:
        """The longest tail of the text that is a name, else the names with its stem; all that a glob matches."""
        parts = _without_suffix(text).split("/")
        for start in range(len(parts)):
            if "/".join(parts[start:]) in self.names:
                return ["/".join(parts[start:])]
        if parts[-1] in self.by_stem:
            return self.by_stem[parts[-1]]
        if _is_glob(text):
            return [name for name in self.names if fnmatchcase(name if "/" in text else _stem(name), text)]
        return []


def _is_glob(text: str) -> bool:
    return any(mark in text for mark in "*?[")


def _stem(name: str) -> str:
    return name.rpartition("/")[2]


def _without_suffix(text: str) -> str:
    path = PurePosixPath(text)
    return str(path.with_suffix("")) if path.suffix.lower() in SUFFIXES else text
