"""Which image goes with which mask: by name, never by order. What does not pair becomes a fault of the survey."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from streetseg.data.files import FileError
from streetseg.data.survey import Fault, Survey

_HINT = "an image and its mask share a name"
_SKIP = "data.unlabelled=skip leaves images without mask out"
_SHOWN = 3  # names that almost pair, in one message


def by_key(places: Iterable[tuple[str, str]], what: str, survey: Survey, split: str = "") -> dict[str, str]:
    """key -> place, from (key, place) pairs; two places of one key, such as a.png and a.jpg, are a fault.

    Args:
        places: each file and what it is to be paired by.
        what: "pictures" or "masks", for the message.
        survey: takes the faults.
        split: the split of these files, where their folder says so.
    """
    grouped: dict[str, list[str]] = {}
    for key, place in places:
        grouped.setdefault(key, []).append(place)
    for key, (first, *others) in grouped.items():
        if others:
            detail = f"and {' and '.join(others)}"
            error = FileError(first, f"several {what} share one name", detail, hint="keep one of each")
            survey.faults.append(_fault(key, error, split))
    return {key: group[0] for key, group in grouped.items()}


def pair(
    pictures: Mapping[str, str], masks: Mapping[str, str], survey: Survey, split: str = ""
) -> list[tuple[str, str, str]]:
    """(key, image, mask) of every key of both, in the order of the keys; what only one side has is a fault."""
    for here, there, problem in (
        (pictures, masks, "picture without mask"),
        (masks, pictures, "mask without picture"),
    ):
        unlabelled = here is pictures
        hint = f"{_HINT}; {_SKIP}" if unlabelled else _HINT
        alone = sorted(there.keys() - here.keys())
        in_small_letters = {key.lower(): there[key] for key in alone}
        for key in sorted(here.keys() - there.keys()):
            twin = in_small_letters.get(key.lower())
            detail = f"only capital letters differ from {twin}" if twin else ""
            survey.faults.append(_fault(key, FileError(here[key], problem, detail, hint=hint), split, unlabelled))
    return [(key, pictures[key], masks[key]) for key in sorted(pictures.keys() & masks.keys())]


def almost_paired(pictures: Iterable[str], masks: Iterable[str]) -> list[str]:
    """Return the first few images' keys beside the mask keys closest to them, in words, for files that do not pair."""
    by_last = {key.rpartition("/")[2]: key for key in masks}
    lines = []
    for key in sorted(pictures)[:_SHOWN]:
        last = key.rpartition("/")[2]
        close = [by_last[last]] if last in by_last else get_close_matches(key, by_last.values(), n=1, cutoff=0.3)
        lines.append(f"an image is called {key!r}" + (f", its mask perhaps {close[0]!r}" if close else ""))
    return lines


def sample_name(key: str, split: str) -> str:
    """Return the name of a sample: its key, below its split where a folder says which one it is."""
    return f"{split}/{key}" if split else key


def _fault(key: str, error: FileError, split: str, unlabelled: bool = False) -> Fault:
    return Fault(sample_name(key, split), error, frozenset({split} if split else ()), unlabelled)
