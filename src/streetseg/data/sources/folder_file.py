"""The YAML file that describes a user's own data set. Errors name the line of every mistake."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from streetseg.data.files import listing
from streetseg.errors import DataError
from streetseg.labels.space import IGNORE_INDEX
from streetseg.labels.tables import space
from streetseg.recipe.plain_yaml import NotPlain, parse, value_of
from streetseg.recipe.reading import Exif, Range
from streetseg.recipe.schema import Tolerance, Unlabeled
from streetseg.text import read_text


def _several(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _rgb(value: object) -> object:
    """Convert "#4682b4" to [70, 130, 180]. Return other values unchanged."""
    if isinstance(value, str) and re.fullmatch("#[0-9a-fA-F]{6}", value):
        return list(bytes.fromhex(value[1:]))
    if value is None or isinstance(value, str):  # None: #4682b4 without quotes is a comment in YAML
        raise PydanticCustomError("color", 'expected [70, 130, 180] or, in quotes, "#4682b4"')
    return value


def _number_of_colors(value: object) -> str:
    return "several" if isinstance(value, list) and all(isinstance(one, (list, str)) for one in value) else "one"


def _kind_of_split(value: object) -> str:
    """Return the form of a split, so that a mistake is explained for this form only."""
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

# The keys of a description that are the defaults of the `data` section of a recipe.
DEFAULTS = ("tolerance", "unlabeled", "exclude", "exif", "range")


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FolderClass(_Plain):
    """A class: name, colors in RGB masks, ids in masks of one channel. Its first color is used in output."""

    name: Annotated[str, Field(min_length=1)]
    color: Colors = ()
    id: Ids | None = None

    @property
    def colors(self) -> tuple[Color, ...]:
        """All colors of the class; () if the file gives none."""
        return _all_colors(self.color)

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, value: object) -> object:
        return {"name": value} if isinstance(value, str) else value


def _all_colors(colors: Colors) -> tuple[Color, ...]:
    return colors if not colors or isinstance(colors[0], tuple) else (colors,)


class FolderSplit(_Plain):
    """A split with its own globs for images and masks."""

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
    """The error for a value with two meanings.

    Args:
        problem: one line.
        key: the key that gives the second meaning.
        hint: the cure.
    """

    def __init__(self, problem: str, key: str, hint: str) -> None:
        super().__init__(problem)
        self.key = key
        self.hint = hint


class FolderFile(_Plain):
    """The description of a data set. Paths are relative to the YAML file.

    Args:
        images: glob or globs of all images, unless every split has its own.
        masks: glob or globs of all masks, unless every split has its own.
        classes: names, or names with one or more colors and ids; without ids, ids follow the order from 0.
        space: name of a label space of streetseg, instead of classes.
        ignore: ids in masks of one channel that are ignored.
        ignore_color: color or colors in RGB masks that are ignored.
        other: refuse: ids and colors that are not named are errors; ignore: they are ignored.
        channel: RGB masks hold ids in this channel; None: they hold colors.
        splits: split -> its own globs, a text file of names, a list of names, or its share of all images.
        name: name of the label space; by default the stem of the file.
        tolerance, unlabeled, exclude, exif, range: as in the `data` section of a recipe, which overrides them.
    """

    images: Globs | None = None
    masks: Globs | None = None
    classes: tuple[FolderClass, ...] | None = None
    space: str | None = None
    ignore: Ids = (255,)
    ignore_color: Colors = ()
    other: Literal["refuse", "ignore"] = "refuse"
    channel: Literal["red", "green", "blue"] | None = None
    splits: dict[str, Split] = {}
    name: str | None = None
    tolerance: Tolerance = 0
    unlabeled: Unlabeled = "refuse"
    exclude: str | None = None
    exif: Exif = "apply"
    range: Range = "full"

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
        """Whether the classes have explicit ids; otherwise ids follow the order of the classes."""
        return any(one.id for one in self.classes or ())

    def defaults(self, folder: Path) -> dict[str, Any]:
        """Return key of the `data` section of a recipe -> value, for the keys that the file has.

        Args:
            folder: that of the file, where a relative path starts.
        """
        found = {key: getattr(self, key) for key in DEFAULTS if key in self.model_fields_set}
        if self.exclude is not None:
            found["exclude"] = str(folder / self.exclude.replace("\\", "/"))
        return found

    @property
    def ignored_colors(self) -> tuple[Color, ...]:
        """The colors that are ignored."""
        return _all_colors(self.ignore_color)

    def meanings(self) -> tuple[dict[int, str], dict[Color, str]]:
        """Return id -> class name, and color -> class name. Raise RequestError if `space` is unknown."""
        if self.space is not None:
            label_space = space(self.space)
            return dict(enumerate(label_space.names)), dict(zip(label_space.colors, label_space.names, strict=True))
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
        """Raise _TwoMeaningsError for an id or color that is both a class and ignored."""
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


# Key of other tools -> our key.
_OTHER_KEYS = {
    "image": ("images",),
    "labels": ("masks",),
    "annotations": ("masks",),
    "names": ("classes",),
    "ids": ("id",),
    "title": ("name",),
    "others": ("other",),
    "unlabelled": ("unlabeled",),
}

_HINT = "a description names images, masks, classes and splits"
_YOLO_HINT = "this is YOLO's description: yolo:FILE reads it, with polygons in text files; " + _HINT


def yamls_in(folder: Path) -> list[Path]:
    """Return the YAML files of a folder."""
    return [path for path in listing(folder) if path.suffix.lower() in (".yaml", ".yml") and path.is_file()]


def descriptions_in(folder: Path) -> list[Path]:
    """Return the YAML files of a folder that describe a data set, or may be meant to; other tools write some, too."""
    return [path for path in yamls_in(folder) if _may_describe(path)]


def _may_describe(path: Path) -> bool:
    """Return whether a YAML file has a key of a description, or cannot be read."""
    try:
        root = _mapping(path)
    except (DataError, NotPlain):
        return True
    keys = {"images" if key.value == "pictures" else key.value for key, _ in root.value}
    return bool(keys & FolderFile.model_fields.keys() - {"name"})


def read_folder_file(path: Path, note: Callable[[str], None]) -> FolderFile:
    """Return the content of the YAML file. `note` receives a sentence if it uses `pictures:` for `images:`.

    Raises:
        DataError: it cannot be read, is no plain YAML, or does not describe a data set; each mistake with its line.
    """
    try:
        root = _mapping(path)
        if _rename_older_key(root):
            note(f"{path}: `pictures:` is read as `images:`, its new name")
        return FolderFile.model_validate(value_of(root))
    except NotPlain as error:
        raise DataError(error.problem, where=error.where(path), hint=error.cure or _HINT) from error
    except ValidationError as error:
        errors = error.errors()
    mistakes = [_mistake(details, root, path) for details in errors]
    if len(mistakes) == 1:
        where, problem = mistakes[0]
        cause = errors[0].get("ctx", {}).get("error")
        raise DataError(problem, where=where, hint=cause.hint if isinstance(cause, _TwoMeaningsError) else _HINT)
    lines = [f"{where}: {problem}" for where, problem in mistakes]
    hint = _YOLO_HINT if {("nc",), ("names",)} & {details["loc"] for details in errors} else _HINT
    raise DataError(f"{len(lines)} mistakes in the description of the data", where=lines, hint=hint)


def _mapping(path: Path) -> yaml.MappingNode:
    """Return the nodes of the file. Raise DataError if it cannot be read, NotPlain if it is no plain mapping."""
    root = parse(read_text(path))
    if not isinstance(root, yaml.MappingNode):
        raise NotPlain("no names and values in this file")
    return root


def _rename_older_key(root: yaml.MappingNode) -> bool:
    """Rename `pictures:`, the key of older descriptions, to `images:`. Return whether there was one."""
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
    """Return (FILE:LINE, the mistake in one line)."""
    cause = details.get("ctx", {}).get("error")
    trail, node, line = _follow([cause.key] if isinstance(cause, _TwoMeaningsError) else details["loc"], root)
    where = f"{path}:{line}"
    name = ".".join(trail)
    match details["type"]:
        case "extra_forbidden":
            models: dict[str, type[BaseModel]] = {"classes": FolderClass, "splits": FolderSplit}
            model = models.get(trail[0], FolderFile) if len(trail) > 1 else FolderFile
            known = [name for name in _OTHER_KEYS.get(trail[-1], ()) if name in model.model_fields]
            close = known or get_close_matches(trail[-1], model.model_fields, n=1)
            return where, f"unknown key {name}" + (f", did you mean {close[0]}?" if close else "")
        case "missing":
            missing = str(details["loc"][-1])
            return where, f"{name}: no {missing}" if name else f"no {missing}"
        case "value_error":
            found = f"{name}: found {details['input']!r:.60}, expected " if details["loc"] else ""
            return where, f"{found}{details['ctx']['error']}"
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
    """Return the keys and indices of `loc` that exist in the file, the node of the last one, and its line."""
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
