"""Label Studio: its JSON export, with polygons, boxes and ellipses in percent of the image, and brush masks.

Regions lie on each other in the order of the file; polygons and boxes are drawn by COCO's rule. A task with several
annotations counts with its first one that was not skipped. The export of brush masks as PNG does not say which image
a mask belongs to; the JSON export has the same masks and the images.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import cos, radians, sin
from pathlib import Path, PurePosixPath
from typing import Annotated, Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, TypeAdapter

from streetseg.data.files import FileError
from streetseg.data.formats import SUFFIXES
from streetseg.data.matching import SKIP
from streetseg.data.sources.shapes.classes import Classes
from streetseg.data.sources.shapes.collect import Collection, Number, Side, at, jsons, mentions, parsed_as
from streetseg.data.sources.shapes.raster import Ellipse, Labels, Polygons, Region, points_of
from streetseg.data.sources.shapes.source import Shape, ShapeSource
from streetseg.errors import DataError
from streetseg.text import counted

TOOL = "Label Studio"
_LABELS = ("polygonlabels", "brushlabels", "rectanglelabels", "ellipselabels", "labels")
_LOCAL = "?d="  # before the path of an image in a folder that Label Studio serves
_UPLOAD = 8  # letters and digits that Label Studio puts before the name of an uploaded image, with a hyphen
_PNG = "task-*-annotation-*.png"


class _Value(BaseModel):
    points: list[tuple[Number, Number]] | None = None
    rle: list[Annotated[int, Field(ge=0, le=255)]] | None = None
    x: Number = 0
    y: Number = 0
    width: Number | None = None
    height: Number | None = None
    radius_x: Number | None = Field(None, alias="radiusX")
    radius_y: Number = Field(0, alias="radiusY")
    rotation: Number = 0
    polygonlabels: list[str] = []
    brushlabels: list[str] = []
    rectanglelabels: list[str] = []
    ellipselabels: list[str] = []
    labels: list[str] = []

    @property
    def named(self) -> list[str]:
        """The labels of the region."""
        return next((names for key in _LABELS if (names := getattr(self, key))), [])

    @property
    def is_region(self) -> bool:
        """Whether it is a place in the image; others are choices, ratings or texts."""
        return any(shape is not None for shape in (self.points, self.rle, self.width, self.radius_x))


class _Result(BaseModel):
    id: str = ""
    type: str = ""
    value: _Value = Field(default_factory=_Value)
    width: Side | None = Field(None, alias="original_width")
    height: Side | None = Field(None, alias="original_height")


class _Annotation(BaseModel):
    result: list[_Result]
    was_cancelled: bool = False


class _Task(BaseModel):
    id: int | str
    annotations: list[_Annotation]
    data: dict[str, Any]

    @property
    def is_labeled(self) -> bool:
        """Whether it has an annotation that was not skipped."""
        return not all(one.was_cancelled for one in self.annotations)

    @property
    def results(self) -> list[_Result]:
        """The regions with a label of the annotation that counts."""
        return [result for result in self._all if result.value.named]

    @property
    def unlabeled(self) -> int:
        """The number of regions of the annotation that counts to which no result gives a label."""
        labeled = {result.id for result in self.results}
        return len({result.id for result in self._all if result.value.is_region} - labeled)

    @property
    def _all(self) -> list[_Result]:
        first = next((one for one in self.annotations if not one.was_cancelled), None)
        return first.result if first else []

    @property
    def image(self) -> str:
        """The name of the image, the first value that looks like one."""
        for value in self.data.values():
            if isinstance(value, str):
                name = unquote(value.partition(_LOCAL)[2] or value)
                if PurePosixPath(name.partition("?")[0]).suffix.lower() in SUFFIXES:
                    return name
        return ""


def is_labelstudio(path: Path) -> bool:
    """Return whether a file or folder holds the JSON export of Label Studio, or its brush masks."""
    return len(_files(path)) == 1 or (path.is_dir() and any(path.glob(_PNG)))


def open_labelstudio(path: Path) -> ShapeSource:
    """Open the JSON file, or the folder that holds it. There is one split, "all".

    Raises:
        DataError: there is no such file, or it cannot be used.
    """
    files = [path] if path.is_file() else _files(path)
    if len(files) != 1:
        problem = f"{len(files)} JSON exports of {TOOL} in this folder, expected one"
        if not files and any(path.glob(_PNG)):
            problem = f"these brush masks of {TOOL} do not say which image they belong to"
        raise DataError(problem, where=path, hint='export as "JSON" and put the images beside it')
    file = files[0]
    tasks = parsed_as(file, TypeAdapter(list[_Task]), TOOL)
    collection = Collection(f"labelstudio:{file}", TOOL, file.parent)
    names = sorted({name for task in tasks for result in task.results for name in result.value.named})
    classes = collection.classes(names, file.stem)
    for task in tasks:
        place = f"{file}#{task.id}"
        if not task.is_labeled:
            error = FileError(place, "task has no annotation", hint=SKIP)
            collection.fail("all", task.image or place, error, unlabeled=True)
            continue
        sizes = {(one.height, one.width) for one in task.results if one.height and one.width}
        collection.add(
            "all",
            _uploaded(task.image, collection),
            place,
            _shapes(task.results, classes),
            beside=file.parent,
            files=[str(file)],
            size=sizes.pop() if len(sizes) == 1 else None,
        )
    several = sum(sum(not one.was_cancelled for one in task.annotations) > 1 for task in tasks)
    if several:
        collection.survey.note(f"{file}: {several} tasks have several annotations, of which the first counts")
    if unlabeled := sum(task.unlabeled for task in tasks):
        left_out = f"{counted(unlabeled, 'region')} without a label for areas, left out"
        collection.survey.note(f"{file}: {left_out}")
    return collection.source(classes)


def _files(path: Path) -> list[Path]:
    return [file for file in jsons(path) if mentions(file, '"annotations"', '"result"', '"data"')]


def _uploaded(name: str, collection: Collection) -> str:
    """Return the name of an image without what Label Studio puts before it, if only that one is on disk."""
    path = PurePosixPath(name)
    mark, hyphen, own = path.name.partition("-")
    if hyphen and len(mark) == _UPLOAD and path.name not in collection.images.by_name:
        return str(path.with_name(own)) if own else name
    return name


def _shapes(results: Sequence[_Result], classes: Classes) -> Iterator[Shape]:
    for number, result in enumerate(results, start=1):
        where = f"region {result.id or number}, {' '.join(result.value.named)}"
        with at(where):
            if len(result.value.named) > 1:
                raise ValueError("several labels, expected one")
            drawn = Shape(classes.label(result.value.named[0]), _region(result), where)
        yield drawn


def _region(result: _Result) -> Region:
    value = result.value
    if value.rle is not None:
        return Brush(bytes(value.rle))
    if not result.width or not result.height:
        raise ValueError("no original_width and original_height")
    scale = np.array([result.width, result.height]) / 100
    if value.points is not None:
        return Polygons((points_of(value.points) * scale,))
    if value.radius_x is not None:
        x, y = np.array([value.x, value.y]) * scale
        return Ellipse(float(x), float(y), value.radius_x * scale[0], value.radius_y * scale[1], value.rotation)
    if value.width is not None and value.height is not None:
        across, down = value.width * scale[0], value.height * scale[1]
        turn = radians(value.rotation)  # around the upper left corner
        corners = np.array([(0, 0), (0, down), (across, down), (across, 0)])
        turned = corners @ np.array([(cos(turn), sin(turn)), (-sin(turn), cos(turn))])
        return Polygons((points_of((turned + np.array([value.x, value.y]) * scale).tolist()),))
    raise ValueError(f"a region of type {result.type!r} is not drawn")


@dataclass(frozen=True)
class Brush:
    """A brush mask: run lengths of the values red, green, blue, alpha of all pixels, packed into bits."""

    data: bytes = field(repr=False)

    def paint(self, labels: Labels, label: int) -> None:
        """Set the pixels that are not transparent. Raise ValueError if the data is damaged or of another size."""
        values = unpacked(self.data, 4 * labels.size)
        labels[values.reshape(*labels.shape, 4)[..., 3] > 0] = label


def unpacked(data: bytes, count: int) -> NDArray[np.uint8]:
    """Return the values in the bits of rle-pack, uint8 (count,).

    The head is the number of values (32 bits), the bits of a value less 1 (5), and four numbers of bits of a length,
    each less 1 (4 each). Then follow runs: one bit that says whether one value is repeated, two bits that choose the
    number of bits of the length, the length less 1, and the value or values.

    Raises:
        ValueError: the data ends too early, or holds another number of values.
    """
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    place = 0

    def read(width: int) -> int:
        nonlocal place
        place += width
        if place > len(bits):
            raise ValueError("brush mask ends too early")
        return int(bits[place - width : place] @ (1 << np.arange(width - 1, -1, -1)))

    number, word = read(32), read(5) + 1
    widths = [read(4) + 1 for _ in range(4)]
    if number != count or word > 8:
        raise ValueError(f"brush mask of {number:,} values, expected {count:,} of 8 bits")
    values = np.zeros(count, np.uint8)
    done = 0
    while done < count:
        repeated, width = read(1), widths[read(2)]
        length = min(read(width) + 1, count - done)
        if repeated:
            values[done : done + length] = read(word)
        else:
            several = bits[place : place + length * word]
            if len(several) < length * word:
                raise ValueError("brush mask ends too early")
            values[done : done + length] = several.reshape(length, word) @ (1 << np.arange(word - 1, -1, -1))
            place += length * word
        done += length
    return values
