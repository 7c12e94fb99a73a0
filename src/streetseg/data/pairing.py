"""Which picture goes with which mask: by name, never by order. What does not pair becomes a fault of the survey."""

from collections.abc import Iterable, Mapping

from streetseg.data.files import FileError
from streetseg.data.survey import Survey

_HINT = "a picture and its mask share a name"


def by_key(places: Iterable[tuple[str, str]], what: str, survey: Survey) -> dict[str, str]:
    """key -> place, from (key, place) pairs; two places of one key, such as a.png and a.jpg, are a fault.

    Args:
        places: each file and what it is to be paired by.
        what: "pictures" or "masks", for the message.
        survey: takes the faults.
    """
    grouped: dict[str, list[str]] = {}
    for key, place in places:
        grouped.setdefault(key, []).append(place)
    for first, *others in grouped.values():
        if others:
            detail = f"and {' and '.join(others)}"
            survey.faults.append(FileError(first, f"several {what} share one name", detail, hint="keep one of each"))
    return {key: group[0] for key, group in grouped.items()}


def pair(pictures: Mapping[str, str], masks: Mapping[str, str], survey: Survey) -> list[tuple[str, str, str]]:
    """(key, picture, mask) of every key of both, in the order of the keys; what only one side has is a fault."""
    for here, there, problem in (
        (pictures, masks, "picture without mask"),
        (masks, pictures, "mask without picture"),
    ):
        alone = sorted(there.keys() - here.keys())
        in_small_letters = {key.lower(): there[key] for key in alone}
        for key in sorted(here.keys() - there.keys()):
            twin = in_small_letters.get(key.lower())
            detail = f"only capital letters differ from {twin}" if twin else ""
            survey.faults.append(FileError(here[key], problem, detail, hint=_HINT))
    return [(key, pictures[key], masks[key]) for key in sorted(pictures.keys() & masks.keys())]
