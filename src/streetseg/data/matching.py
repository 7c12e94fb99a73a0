"""Which image goes with which mask: by name, never by order. What does not pair becomes a fault of the survey.

Where globs name the files, the text that their wildcards stand for is the name that pairs.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from streetseg.data.files import FileError, walk
from streetseg.data.issues import Failure, Survey
from streetseg.errors import DataError

_HINT = "an image and its mask share a name"
_SKIP = "data.unlabeled=skip leaves images without mask out"
_SHOWN = 3  # names that almost pair, in one message
_WILD = re.compile(r"[*?\[]")


def by_key(places: Iterable[tuple[str, str]], what: str, survey: Survey, split: str = "") -> dict[str, str]:
    """key -> place, from (key, place) pairs; two places of one key, such as a.png and a.jpg, are a fault.

    Args:
        places: each file and what it is to be paired by.
        what: "images" or "masks", for the message.
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
            survey.failures.append(_failure(key, error, split))
    return {key: group[0] for key, group in grouped.items()}


def pair(
    images: Mapping[str, str], masks: Mapping[str, str], survey: Survey, split: str = ""
) -> list[tuple[str, str, str]]:
    """(key, image, mask) of every key of both, in the order of the keys; what only one side has is a fault."""
    for here, there, problem in (
        (images, masks, "image without mask"),
        (masks, images, "mask without image"),
    ):
        unlabeled = here is images
        hint = f"{_HINT}; {_SKIP}" if unlabeled else _HINT
        alone = sorted(there.keys() - here.keys())
        in_small_letters = {key.lower(): there[key] for key in alone}
        for key in sorted(here.keys() - there.keys()):
            twin = in_small_letters.get(key.lower())
            detail = f"only capital letters differ from {twin}" if twin else ""
            survey.failures.append(_failure(key, FileError(here[key], problem, detail, hint=hint), split, unlabeled))
    return [(key, images[key], masks[key]) for key in sorted(images.keys() & masks.keys())]


def pairs_at_all(images: Mapping[str, str], masks: Mapping[str, str]) -> bool:
    """Return whether one key or more of both is the same, but for capital letters."""
    return bool({key.lower() for key in images} & {key.lower() for key in masks})


def nothing_pairs(images: Mapping[str, str], masks: Mapping[str, str], between: str) -> DataError:
    """Return what to say where no key of the images is one of the masks, with the keys that almost pair.

    Args:
        images, masks: key -> place, of one file or more.
        between: the two folders or globs.
    """
    hint = "what the wildcards stand for must be the same for an image and its mask: *_image.png with *_mask.png"
    depths = [max(key.count("/") for key in keys) for keys in (images, masks)]
    if depths[0] != depths[1]:
        deeper, flat = (images, masks) if depths[0] > depths[1] else (masks, images)
        folder, other = (str(Path(min(places.values())).parent) for places in (deeper, flat))
        hint = (
            f"the wildcards stand for folders on one side only ({folder} beside {other}):"
            " write the folder's name into that glob, or */ into both"
        )
    problem = f"none of {len(images)} images pairs with one of {len(masks)} masks"
    return DataError(problem, where=[between, *_almost(images, masks)], hint=hint)


def _almost(images: Iterable[str], masks: Iterable[str]) -> Iterator[str]:
    """The first few images' keys beside the mask keys closest to them."""
    by_last = {key.rpartition("/")[2]: key for key in masks}
    for key in sorted(images)[:_SHOWN]:
        last = key.rpartition("/")[2]
        close = [by_last[last]] if last in by_last else get_close_matches(key, by_last.values(), n=1, cutoff=0.3)
        yield f"an image is called {key!r}" + (f", its mask perhaps {close[0]!r}" if close else "")


def sample_name(key: str, split: str) -> str:
    """Return the name of a sample: its key, below its split where a folder says which one it is."""
    return f"{split}/{key}" if split else key


def _failure(key: str, error: FileError, split: str, unlabeled: bool = False) -> Failure:
    return Failure(sample_name(key, split), error, frozenset({split} if split else ()), unlabeled)


def matching(base: Path, pattern: str, survey: Survey) -> list[tuple[str, str]]:
    """(key, path) of every image below `base` that the glob names.

    The key is what the wildcards stand for, parts joined by slashes: "left/*_img.jpg" and "masks/*.png" both call
    left/001_img.jpg and masks/001.png "001". `*`, `?` and `[...]` stay within a folder's name, `**/` stands for any
    folders, a name ending such as .jpg also means .JPG, and a pattern without wildcards is a folder with all below it.
    A pattern that matches nothing as it is may have backslashes for slashes, as on Windows.

    Raises:
        DataError: if the glob is not valid or a folder cannot be listed.
    """
    met, found = Survey(), list[tuple[str, str]]()
    for form in dict.fromkeys((pattern, pattern.replace("\\", "/"))):
        met = Survey()
        if found := list(_matching(base, form, met)):
            break
    survey.skipped |= met.skipped
    survey.unread |= met.unread
    return found


def _matching(base: Path, pattern: str, survey: Survey) -> Iterator[tuple[str, str]]:
    parts = pattern.rstrip("/").split("/")
    fixed = next((i for i, part in enumerate(parts) if _WILD.search(part)), len(parts))
    folder = base / ("/".join(parts[:fixed]) or ("/" if pattern.startswith("/") else "."))
    try:
        regex = _regex(parts[fixed:] or ["**", "*"])
    except re.error as error:
        raise DataError(f"not a valid glob ({error})", where=pattern, hint="* ? [abc] **/ are understood") from error
    if folder.is_dir():
        for name, place in survey.images_among({name: str(folder / name) for name in walk(folder)}).items():
            if match := regex.fullmatch(name):
                yield "/".join(group.strip("/") for group in match.groups() if group), place


def _regex(parts: list[str]) -> re.Pattern[str]:
    """One group a wildcard; the ending of the file's name is outside every group."""
    stem, dot, ending = parts[-1].rpartition(".")
    if not dot:
        stem, ending = parts[-1], "*"
    folders = "".join(r"((?:[^/]+/)*)" if part == "**" else _groups(part) + "/" for part in parts[:-1])
    return re.compile(folders + _groups(stem) + r"\.(?i:" + _groups(ending).replace("(", "(?:") + ")")


def _groups(text: str) -> str:
    words = []
    for token in re.findall(r"\*+|\?|\[!?\]?[^\]]*\]|[^*?\[]+|\[", text):
        if token.startswith("*"):
            words.append("([^/]*)")
        elif token == "?":
            words.append("([^/])")
        elif token.startswith("[") and len(token) > 1:
            inside = token[1:-1].replace("\\", r"\\")
            words.append(f"([{'^' + inside[1:] if inside.startswith('!') else inside}])")
        else:
            words.append(re.escape(token))
    return "".join(words)
