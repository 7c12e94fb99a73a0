"""Which picture goes with which mask: by name, never by order."""

from collections.abc import Iterable, Mapping

from streetseg.errors import DataError

_LISTED = 10  # files named on each side of an error


def by_key(places: Iterable[tuple[str, str]], what: str) -> dict[str, str]:
    """key -> place, from (key, place) pairs.

    Raises:
        DataError: if two places share a key, such as a.png and a.jpg; all of them are listed.
    """
    grouped: dict[str, list[str]] = {}
    for key, place in places:
        grouped.setdefault(key, []).append(place)
    twice = [f"{' and '.join(group)}" for group in grouped.values() if len(group) > 1]
    if twice:
        raise DataError(f"several {what} share one name", where=_first(twice), hint="keep one file of each name")
    return {key: group[0] for key, group in grouped.items()}


def pair(pictures: Mapping[str, str], masks: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """(key, picture, mask) of every key, in the order of the keys.

    Raises:
        DataError: if a picture has no mask or a mask no picture; both sides are listed.
    """
    without_mask = sorted(pictures.keys() - masks.keys())
    without_picture = sorted(masks.keys() - pictures.keys())
    if without_mask or without_picture:
        lowered = {key.lower() for key in without_mask} & {key.lower() for key in without_picture}
        raise DataError(
            f"{len(without_mask)} pictures have no mask and {len(without_picture)} masks have no picture",
            where=_first([f"{pictures[key]}: picture without mask" for key in without_mask])
            + _first([f"{masks[key]}: mask without picture" for key in without_picture]),
            hint="some names differ only in capital letters" if lowered else "a picture and its mask share a name",
        )
    return [(key, pictures[key], masks[key]) for key in sorted(pictures)]


def _first(lines: list[str]) -> list[str]:
    rest = len(lines) - _LISTED
    return lines[:_LISTED] + ([f"and {rest} more"] if rest > 0 else [])
