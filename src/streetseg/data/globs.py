"""Globs that name files: what the wildcards stand for pairs a picture with its mask."""

import re
from collections.abc import Iterator
from pathlib import Path

from streetseg.data.files import walk
from streetseg.data.issues import Survey
from streetseg.errors import DataError

_WILD = re.compile(r"[*?\[]")


def matching(base: Path, pattern: str, survey: Survey) -> list[tuple[str, str]]:
    """(key, path) of every picture below `base` that the glob names.

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
        for name, place in survey.pictures_among({name: str(folder / name) for name in walk(folder)}).items():
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
