"""Read tables of classes as tools and data sets write them: names with ids or colors, or names alone."""

import csv
import json
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from streetseg.data.recognize.names import words
from streetseg.errors import DataError
from streetseg.labels.space import Color
from streetseg.recipe.plain_yaml import NotPlain, parse, value_of
from streetseg.text import read_text

log = logging.getLogger("streetseg")

_LARGEST = 2**20  # bytes; no table of classes is larger
_CROWD = 12  # with more texts in one folder, they are labels of images
_NAME_COLUMNS = ("name", "class", "class_name", "classes", "label", "label_name", "category")
_ID_COLUMNS = ("id", "class_id", "label_id", "pixel value", "value", "index")
_COLOR_COLUMNS = ("color", "colour", "hex", "rgb")
_NAME_WORDS = frozenset({"class", "classes", "code", "codes", "label", "labels", "labelmap", "names", "categories"})

_NUMBER = r"(\d{1,3})"
_GAP = r"(?:\s*[,;:]\s*|\s+)"
_RGB_NAME = re.compile(rf"{_NUMBER}{_GAP}{_NUMBER}{_GAP}{_NUMBER}{_GAP}(\D.*)")
_NAME_RGB = re.compile(rf"(\D.*?){_GAP}{_NUMBER}{_GAP}{_NUMBER}{_GAP}{_NUMBER}[\s:;,]*(?::.*)?")
_ID_NAME = re.compile(rf"(\d{{1,5}}){_GAP}(\D.*)")


@dataclass(frozen=True)
class Entry:
    """A class of a table: its name, and its id or color if the table has them."""

    name: str
    id: int | None = None
    color: Color | None = None


@dataclass(frozen=True)
class Table:
    """The classes that a file lists.

    Args:
        name: the path of the file, relative to the folder that is recognized.
        entries: the classes in the order of the file.
    """

    name: str
    entries: tuple[Entry, ...]

    @property
    def has_colors(self) -> bool:
        """True if every class has a color."""
        return all(entry.color is not None for entry in self.entries)

    @property
    def ids(self) -> tuple[int, ...]:
        """The id of each class: those of the file, else they follow its order."""
        ids = [entry.id for entry in self.entries]
        return tuple(i if value is None else value for i, value in enumerate(ids))


def tables(root: Path, names: Sequence[str]) -> list[Table]:
    """Return the tables of classes among the files of a folder.

    Args:
        root: the folder.
        names: the relative paths of its files that are no images.
    """
    texts = [name for name in names if PurePosixPath(name).suffix.lower() in _READERS]
    folders = [PurePosixPath(name).parent for name in texts]
    few = [name for name, folder in zip(texts, folders, strict=True) if folders.count(folder) <= _CROWD][:_CROWD]
    return [table for name in few if (table := _table(root, name)) is not None]


def _table(root: Path, name: str) -> Table | None:
    path = root / name
    try:
        if path.stat().st_size > _LARGEST:
            return None
        entries = _READERS[path.suffix.lower()](path)
    except DataError as error:
        if _NAME_WORDS & {*words(path.stem)}:
            log.warning("%s names no classes: %s", path, error.problem)
        return None
    except (OSError, ValueError, csv.Error):  # no table, or one that cannot be read: other files may be
        return None
    usable = len(entries) > 1 and len({(entry.id, entry.color, entry.name) for entry in entries}) == len(entries)
    return Table(name, entries) if usable and all(entry.name for entry in entries) else None


def _of_text(path: Path) -> tuple[Entry, ...]:
    """Return the classes of a text file: `R G B name`, `name R G B`, `id name`, or one name a line."""
    lines = [line.strip() for line in read_text(path).splitlines()]
    lines = [line for line in lines if line and not line.startswith(("#", "//"))]
    for form, entry in _LINES:
        matches = [form.fullmatch(line) for line in lines]
        if all(matches):
            return tuple(entry(match) for match in matches if match)
    is_named = bool(_NAME_WORDS & {*words(path.stem)})  # a text of short lines alone is no table
    return tuple(Entry(line) for line in lines) if is_named and all(len(line) <= 60 for line in lines) else ()


_LINES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Entry]], ...] = (
    (_RGB_NAME, lambda match: Entry(match[4].strip(), color=_color(match[1], match[2], match[3]))),
    (_NAME_RGB, lambda match: Entry(match[1].strip(" :,;"), color=_color(match[2], match[3], match[4]))),
    (_ID_NAME, lambda match: Entry(match[2].strip(), id=int(match[1]))),
)


def _of_csv(path: Path) -> tuple[Entry, ...]:
    """Return the classes of a CSV file whose first line names its columns, or of one without such a line."""
    text = read_text(path)
    mark = max(",;\t", key=text.partition("\n")[0].count)
    head, *rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines(), delimiter=mark) if row]
    columns = {cell.lower(): i for i, cell in enumerate(head)}
    names = next((columns[name] for name in _NAME_COLUMNS if name in columns), None)
    if names is None:
        return _of_text(path)
    ids = next((columns[name] for name in _ID_COLUMNS if name in columns), None)
    color = next((columns[name] for name in _COLOR_COLUMNS if name in columns), None)
    rgb = [i for name in ("red", "green", "blue") if (i := columns.get(name[0], columns.get(name))) is not None]

    def color_of(row: Sequence[str]) -> Color | None:
        if len(rgb) == 3:
            return _color(*(row[i] for i in rgb))
        return None if color is None else _as_color(row[color])

    return tuple(Entry(row[names], None if ids is None else int(row[ids]), color_of(row)) for row in rows)


def _of_json(path: Path) -> tuple[Entry, ...]:
    """Return the classes of a JSON file."""
    return _of_value(json.loads(read_text(path)))


def _of_yaml(path: Path) -> tuple[Entry, ...]:
    """Return the classes that `names:` of a YAML file lists, as in those of Ultralytics."""
    try:
        root = parse(read_text(path))
        value = None if root is None else value_of(root)
    except NotPlain as error:
        raise ValueError(error.problem) from error
    return _of_value(value["names"]) if isinstance(value, dict) and "names" in value else ()


_READERS: dict[str, Callable[[Path], tuple[Entry, ...]]] = {
    ".txt": _of_text,
    ".csv": _of_csv,
    ".json": _of_json,
    ".yaml": _of_yaml,
    ".yml": _of_yaml,
}


def _of_value(value: Any) -> tuple[Entry, ...]:
    """Return the classes of a JSON or YAML value; () if it is no table of classes.

    It may be a list of names; a list of mappings with a name and an id or color; name -> id or color, or the reverse;
    or a mapping that holds one of these as `labels`, `classes`, `names` or `categories`.
    """
    if isinstance(value, list):
        return tuple(filter(None, map(_of_item, value))) if all(map(_of_item, value)) else ()
    if not isinstance(value, dict):
        return ()
    for key in ("labels", "classes", "names", "categories"):
        if isinstance(value.get(key), (list, dict)):
            return _of_value(value[key])
    pairs = list(_of_mapping(value))
    return tuple(pairs) if len(pairs) == len(value) else ()


def _of_item(item: Any) -> Entry | None:
    if isinstance(item, str):
        return Entry(item)
    if not isinstance(item, dict):
        return None
    name = next((item[key] for key in ("readable", "name", "label", "class") if isinstance(item.get(key), str)), "")
    value = next((item[key] for key in ("id", "value", "index") if isinstance(item.get(key), int)), None)
    color = next((_as_color(item[key]) for key in _COLOR_COLUMNS if key in item), None)
    return Entry(name, value, color) if name else None


def _of_mapping(value: dict[Any, Any]) -> Iterator[Entry]:
    for key, item in value.items():
        if (color := _as_color(key)) and isinstance(item, str):
            yield Entry(item, color=color)
        elif str(key).isdigit() and isinstance(item, str):
            yield Entry(item, int(key))
        elif isinstance(item, int) and not isinstance(item, bool):
            yield Entry(str(key), item)
        elif color := _as_color(item):
            yield Entry(str(key), color=color)


def _as_color(value: Any) -> Color | None:
    """Return the color of "#4682b4", "70 130 180", "[70, 130, 180]" or [70, 130, 180]; None if it is no color."""
    if isinstance(value, str) and re.fullmatch("#?[0-9a-fA-F]{6}", value):
        red, green, blue = bytes.fromhex(value[-6:])
        return red, green, blue
    parts = re.findall(r"\d+", value) if isinstance(value, str) else value
    if not isinstance(parts, list) or len(parts) < 3 or not all(str(part).isdigit() for part in parts[:3]):
        return None
    return _color(*parts[:3])


def _color(red: Any, green: Any, blue: Any) -> Color:
    color = int(red), int(green), int(blue)
    if max(color) > 255:
        raise ValueError(f"{color} is no color")
    return color
