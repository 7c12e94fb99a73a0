"""The YAML file that describes somebody's own data, read with the line of every mistake."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from streetseg.errors import DataError
from streetseg.labels.space import IGNORE_INDEX
from streetseg.labels.tables import space
from streetseg.recipe.plain_yaml import NotPlain, parse, value_of
from streetseg.text import read_text


def _several(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _rgb(value: object) -> object:
    """[70, 130, 180] of "#4682b4"; other values as they are."""
    if isinstance(value, str) and re.fullmatch("#[0-9a-fA-F]{6}", value):
        return list(bytes.fromhex(value[1:]))
    if value is None or isinstance(value, str):  # an unquoted #4682b4 is a comment to YAML, and leaves nothing
        raise PydanticCustomError("color", 'expected [70, 130, 180] or, in quotes, "#4682b4"')
    return value


def _number_of_colors(value: object) -> str:
    return "several" if isinstance(value, list) and all(isinstance(one, (list, str)) for one in value) else "one"


def _kind_of_split(value: object) -> str:
    """Decides which form of a split is meant, so that a mistake is explained in that form only."""
    match value:
        case dict():
            return "globs"
        case str():
            return "file"
        case list():
            return "names"
        case _:
            return "share"


Channel = Annotated[int, Field(ge=0, le=255, strict=True)]
Color = Annotated[tuple[Channel, Channel, Channel], BeforeValidator(_rgb)]
Colors = Annotated[
    Annotated[Color, Tag("one")] | Annotated[tuple[Color, ...], Tag("several")], Discriminator(_number_of_colors)
]
Id = Annotated[int, Field(strict=True)]
Ids = Annotated[tuple[Id, ...], BeforeValidator(_several), Field(min_length=1)]
Globs = Annotated[tuple[str, ...], BeforeValidator(_several), Field(min_length=1)]
Share = Annotated[float, Field(gt=0, le=1, strict=True)]


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FolderClass(_Plain):
    """A class: its name, its colors in RGB masks, its ids in masks of one channel. The first color is drawn with."""

    name: Annotated[str, Field(min_length=1)]
    color: Colors = ()
    id: Ids | None = None

    @property
    def colors(self) -> tuple[Color, ...]:
        """All its colors, none if it was given none."""
        return _all_colors(self.color)

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, value: object) -> object:
        return {"name": value} if isinstance(value, str) else value


def _all_colors(colors: Colors) -> tuple[Color, ...]:
    return colors if not colors or isinstance(colors[0], tuple) else (colors,)


class FolderSplit(_Plain):
    """A split with its own globs."""

    images: Globs
    masks: Globs


Split = Annotated[
    Annotated[FolderSplit, Tag("globs")]
    | Annotated[str, Tag("file")]
    | Annotated[tuple[str, ...], Tag("names")]
    | Annotated[Share, Tag("share")],
    Discriminator(_kind_of_split),
]


class _TwoMeaningsError(ValueError):
    """A value that the file gives two meanings.

    Args:
        problem: one line.
        key: where the second meaning is given.
        hint: how to mend it.
    """

    def __init__(self, problem: str, key: str, hint: str) -> None:
        super().__init__(problem)
        self.key = key
        self.hint = hint


class FolderFile(_Plain):
    """Somebody's own data. Paths are relative to the YAML file.

    Args:
        images: glob or globs of all images, unless every split has its own.
        masks: the same for the masks.
        classes: names, or names with colors and ids, one or several each; without ids they count from 0.
        space: name of a label space of streetseg, in place of classes.
        ignore: ids in masks of one channel that count nowhere.
        ignore_color: a color or colors in RGB masks that count nowhere.
        splits: split -> its own globs, a text file of names, a list of names, or its share of all images.
        name: what the label space is called; otherwise the file's own name.
    """

    images: Globs | None = None
    masks: Globs | None = None
    classes: tuple[FolderClass, ...] | None = None
    space: str | None = None
    ignore: Ids = (255,)
    ignore_color: Colors = ()
    splits: dict[str, Split] = {}
    name: str | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.classes is None) == (self.space is None):
            raise ValueError("expected either classes or space")
        if self.classes is not None and not 1 <= len(self.classes) <= IGNORE_INDEX:
            raise ValueError(f"found {len(self.classes)} classes, expected 1 to {IGNORE_INDEX}")
        own = [split for split in self.splits.values() if isinstance(split, FolderSplit)]
        if (self.images is None or self.masks is None) and (not own or len(own) < len(self.splits)):
            raise ValueError("expected globs for images and masks")
        shares = [split for split in self.splits.values() if isinstance(split, float)]
        if shares and len(shares) < len(self.splits):
            raise ValueError("either every split is a share of the images or none")
        if sum(shares) > 1 + 1e-6:
            raise ValueError(f"the shares of the splits add up to {sum(shares):g}, more than all images")
        self._require_distinct_classes()
        self._require_one_meaning()
        return self

    @property
    def ids_written(self) -> bool:
        """Whether the classes say which ids they have; otherwise these follow their order."""
        return any(one.id for one in self.classes or ())

    @property
    def ignored_colors(self) -> tuple[Color, ...]:
        """The colors that count nowhere."""
        return _all_colors(self.ignore_color)

    def meanings(self) -> tuple[dict[int, str], dict[Color, str]]:
        """id -> name of the class and color -> name of the class. Raises RequestError if `space` is unknown."""
        if self.space is not None:
            known = space(self.space)
            return dict(enumerate(known.names)), dict(zip(known.colors, known.names, strict=True))
        classes = self.classes or ()
        return (
            {value: one.name for i, one in enumerate(classes) for value in one.id or (i,)},
            {color: one.name for one in classes for color in one.colors},
        )

    def _require_distinct_classes(self) -> None:
        classes = self.classes or ()
        ids = [value for one in classes for value in one.id or ()]
        if ids and not all(one.id for one in classes):
            raise ValueError("either every class has an id or none")
        colors = [color for one in classes for color in one.colors]
        names = [one.name for one in classes]
        for what, values in (("name", names), ("id", ids), ("color", colors)):
            value, times = Counter(values).most_common(1)[0] if values else ("", 0)
            if times > 1:
                raise ValueError(f"{what} {value} is given twice")

    def _require_one_meaning(self) -> None:
        """Raises _TwoMeaningsError for an id or color that is a class and ignored."""
        ids, colors = self.meanings()
        for value in self.ignore if "ignore" in self.model_fields_set else ():
            if value in ids:
                cure = f"take {value} out of `ignore:`"
                if self.classes is not None:
                    cure = f"give every class that counts its `id:`, none of them {value}, or {cure}"
                raise _TwoMeaningsError(f"id {value} is both {ids[value]} and ignored", "ignore", cure)
        for color in self.ignored_colors:
            if color in colors:
                cure = f"take {list(color)} out of `ignore_color:`, or take the class out"
                problem = f"color {list(color)} is both {colors[color]} and ignored"
                raise _TwoMeaningsError(problem, "ignore_color", cure)


# Words that other tools use -> ours.
_OTHER_WORDS = {
    "image": ("images",),
    "labels": ("masks",),
    "annotations": ("masks",),
    "names": ("classes",),
    "ids": ("id",),
    "title": ("name",),
}

_HINT = "a description names images, masks, classes and splits"
_YOLO_HINT = (
    "this is YOLO's description, its labels are polygons or boxes in text files, which are not read yet:"
    " draw them as masks, one PNG an image; " + _HINT
)


def read_folder_file(path: Path, note: Callable[[str], None]) -> FolderFile:
    """Return what the YAML file says; `note` gets a sentence where it says `pictures:` for `images:`.

    Raises:
        DataError: if it cannot be read, is no plain YAML, or does not describe a data set; each mistake with its line.
    """
    try:
        root = _mapping(path)
        if _took_older_word(root):
            note(f"{path}: `pictures:` is read as `images:`, its name now")
        return FolderFile.model_validate(value_of(root))
    except NotPlain as error:
        raise DataError(error.problem, where=error.where(path), hint=error.cure or _HINT) from error
    except ValidationError as error:
        found = error.errors()
    mistakes = [_mistake(details, root, path) for details in found]
    if len(mistakes) == 1:
        where, problem = mistakes[0]
        cause = found[0].get("ctx", {}).get("error")
        raise DataError(problem, where=where, hint=cause.hint if isinstance(cause, _TwoMeaningsError) else _HINT)
    lines = [f"{where}: {problem}" for where, problem in mistakes]
    hint = _YOLO_HINT if {("nc",), ("names",)} & {details["loc"] for details in found} else _HINT
    raise DataError(f"{len(lines)} mistakes in the description of the data", where=lines, hint=hint)


def _mapping(path: Path) -> yaml.MappingNode:
    """The file's nodes. Raises DataError where it cannot be read, NotPlain where it is no plain mapping."""
    root = parse(read_text(path))
    if not isinstance(root, yaml.MappingNode):
        raise NotPlain("no names and values in this file")
    return root


def _took_older_word(root: yaml.MappingNode) -> bool:
    """Read `pictures:`, the word of older descriptions, as `images:`. Return whether it was there."""
    splits = [value for key, value in root.value if key.value == "splits" and isinstance(value, yaml.MappingNode)]
    own = [value for split in splits for _, value in split.value if isinstance(value, yaml.MappingNode)]
    older = [
        key
        for mapping in (root, *own)
        for key, _ in mapping.value
        if key.value == "pictures" and all(other.value != "images" for other, _ in mapping.value)
    ]
    for key in older:
        key.value = "images"
    return bool(older)


def _mistake(details: ErrorDetails, root: yaml.Node, path: Path) -> tuple[str, str]:
    """(FILE:LINE, what is wrong there)."""
    cause = details.get("ctx", {}).get("error")
    trail, node, line = _follow([cause.key] if isinstance(cause, _TwoMeaningsError) else details["loc"], root)
    where = f"{path}:{line}"
    name = ".".join(trail)
    match details["type"]:
        case "extra_forbidden":
            models: dict[str, type[BaseModel]] = {"classes": FolderClass, "splits": FolderSplit}
            model = models.get(trail[0], FolderFile) if len(trail) > 1 else FolderFile
            meant = [name for name in _OTHER_WORDS.get(trail[-1], ()) if name in model.model_fields]
            close = meant or get_close_matches(trail[-1], model.model_fields, n=1)
            return where, f"unknown key {name}" + (f", did you mean {close[0]}?" if close else "")
        case "missing":
            missing = str(details["loc"][-1])
            return where, f"{name}: no {missing}" if name else f"no {missing}"
        case "value_error":
            return where, str(details["ctx"]["error"])
        case "string_type" | "model_type" if isinstance(node, yaml.ScalarNode) and node.value:
            value = details["input"]
            read = (
                "nothing" if value is None else str(value).lower() if isinstance(value, bool) else f"the number {value}"
            )
            return where, f'{name}: YAML reads {node.value} as {read}, expected a text; write "{node.value}" in quotes'
        case "tuple_type" if trail == ["classes"] and isinstance(node, yaml.MappingNode):
            first, *_ = [f"{{name: {value.value}, id: {key.value}}}" for key, value in node.value] or [
                "{name: road, id: 0}"
            ]
            return where, f"classes: found names by key, expected a list: classes: [{first}, ...]"
        case _:
            return where, f"{name}: found {details['input']!r:.60}, {details['msg'].lower()}"


def _follow(loc: Sequence[int | str], root: yaml.Node) -> tuple[list[str], Any, int]:
    """The keys and positions of `loc` that are in the file, the node of the last one, and its line."""
    node: Any = root
    trail: list[str] = []
    line = root.start_mark.line
    for part in loc:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line
            trail.append(str(part))
        elif isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == part:
                    node, line = value, key.start_mark.line
                    trail.append(str(part))
                    break
    return trail, node, line + 1
