"""Pair images with masks: by name, never by order. A file without a partner becomes a failure of the survey.

For files given by globs, the text that the wildcards match is the name.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from streetseg.data.files import FileError, is_folder, walk
from streetseg.data.issues import Failure, Survey
from streetseg.errors import DataError

_HINT = "an image and its mask share a name"
SKIP = "data.unlabeled=skip leaves images without mask out"
_SHOWN = 3  # names that almost pair, in one message
_WILD = re.compile(r"[*?\[]")


def by_key(places: Iterable[tuple[str, str]], what: str, survey: Survey, split: str = "") -> dict[str, str]:
    """Return key -> place. Several places with one key, such as a.png and a.jpg, are a failure.

    Args:
        places: (key, place) of each file; the key pairs it.
        what: "images" or "masks", for the message.
        survey: receives the failures.
        split: the split of these files if their folder determines it; otherwise "".
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
    """Return (key, image, mask) of every key that both have, sorted by key. A file without a partner is a failure."""
    for places, partners, problem in (
        (images, masks, "image without mask"),
        (masks, images, "mask without image"),
    ):
        unlabeled = places is images
        hint = f"{_HINT}; {SKIP}" if unlabeled else _HINT
        unpaired = sorted(partners.keys() - places.keys())
        by_lower_case = {key.lower(): partners[key] for key in unpaired}
        for key in sorted(places.keys() - partners.keys()):
            twin = by_lower_case.get(key.lower())
            detail = f"only capital letters differ from {twin}" if twin else ""
            survey.failures.append(_failure(key, FileError(places[key], problem, detail, hint=hint), split, unlabeled))
    return [(key, images[key], masks[key]) for key in sorted(images.keys() & masks.keys())]


def pairs_at_all(images: Mapping[str, str], masks: Mapping[str, str]) -> bool:
    """Return whether images and masks have at least one key in common, ignoring case."""
    return bool({key.lower() for key in images} & {key.lower() for key in masks})


def nothing_pairs(images: Mapping[str, str], masks: Mapping[str, str], between: str) -> DataError:
    """Return the error for images and masks without a common key. It names keys that are similar.

    Args:
        images, masks: key -> place of one or more files.
        between: the two folders or globs, as text.
    """
    hint = "the wildcards must match the same text for an image and its mask: *_image.png with *_mask.png"
    depths = [max(key.count("/") for key in keys) for keys in (images, masks)]
    if depths[0] != depths[1]:
        deeper, flat = (images, masks) if depths[0] > depths[1] else (masks, images)
        folder, other = (str(Path(min(places.values())).parent) for places in (deeper, flat))
        hint = (
            f"the wildcards match folders on one side only ({folder} beside {other}):"
            " write the folder's name into that glob, or */ into both"
        )
    problem = f"none of {len(images)} images pairs with one of {len(masks)} masks"
    return DataError(problem, where=[between, *_almost(images, masks)], hint=hint)


def _almost(images: Iterable[str], masks: Iterable[str]) -> Iterator[str]:
    """Yield lines on the keys of the first few images, each with the closest key of a mask."""
    by_last = {key.rpartition("/")[2]: key for key in masks}
    for key in sorted(images)[:_SHOWN]:
        last = key.rpartition("/")[2]
        close = [by_last[last]] if last in by_last else get_close_matches(key, by_last.values(), n=1, cutoff=0.3)
        yield f"an image is called {key!r}" + (f", its mask perhaps {close[0]!r}" if close else "")


def sample_name(key: str, split: str) -> str:
    """Return the name of a sample: its key, or SPLIT/KEY if its folder determines its split."""
    return f"{split}/{key}" if split else key


def _failure(key: str, error: FileError, split: str, unlabeled: bool = False) -> Failure:
    return Failure(sample_name(key, split), error, frozenset({split} if split else ()), unlabeled)


def matching(base: Path, pattern: str, survey: Survey, also: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Return (key, path) of every image below `base` that matches the glob, and of every file that ends as in `also`.

    The key is the text that the wildcards match, with parts joined by slashes: "left/*_img.jpg" and "masks/*.png" give
    left/001_img.jpg and masks/001.png the key "001". `*`, `?` and `[...]` match within a folder's or file's name; `**/`
    matches any number of folders. An archive is like a folder: "photos.zip/images/*.jpg". An ending such as .jpg also
    matches .JPG. A pattern without wildcards is a folder with everything below it. If a pattern matches nothing, its
    backslashes are read as slashes, as on Windows.

    Raises:
        DataError: the glob is not valid, or a folder cannot be listed.
    """
    files_seen, matches = Survey(), list[tuple[str, str]]()
    for form in dict.fromkeys((pattern, pattern.replace("\\", "/"))):
        files_seen = Survey()
        if matches := list(_matching(base, form, files_seen, also)):
            break
    survey.skipped |= files_seen.skipped
    survey.unread |= files_seen.unread
    return matches


def _matching(base: Path, pattern: str, survey: Survey, also: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    parts = pattern.rstrip("/").split("/")
    fixed = next((i for i, part in enumerate(parts) if _WILD.search(part)), len(parts))
    folder = base / ("/".join(parts[:fixed]) or ("/" if pattern.startswith("/") else "."))
    try:
        regex = _regex(parts[fixed:] or ["**", "*"])
    except re.error as error:
        raise DataError(f"not a valid glob ({error})", where=pattern, hint="* ? [abc] **/ are understood") from error
    if is_folder(folder):
        for name, place in survey.images_among({name: str(folder / name) for name in walk(folder)}, also).items():
            if match := regex.fullmatch(name):
                yield "/".join(group.strip("/") for group in match.groups() if group), place


def _regex(parts: list[str]) -> re.Pattern[str]:
    """Return a regular expression with one group per wildcard. The ending of the file name is outside all groups."""
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
        elif token in ("[*]", "[?]", "[[]"):  # the character itself, as glob.escape writes it
            words.append(re.escape(token[1]))
        elif token.startswith("[") and len(token) > 1:
            inside = token[1:-1].replace("\\", r"\\")
            words.append(f"([{'^' + inside[1:] if inside.startswith('!') else inside}])")
        else:
            words.append(re.escape(token))
    return "".join(words)
