"""YOLO segmentation: data.yaml of Ultralytics, folders of images, and a text file of polygons for each image.

A line of a text file is a class and the corners of a polygon, as shares of width and height. Smaller polygons lie on
larger ones, as Ultralytics draws them. Pixels in none are background; so is an image without a text file.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ValidationError

from streetseg.data.files import FileError, walk
from streetseg.data.formats import SUFFIXES
from streetseg.data.sources.shapes.classes import Classes
from streetseg.data.sources.shapes.collect import Collection, at, is_file, is_folder, problem_of
from streetseg.data.sources.shapes.raster import Points, Polygons, points_of
from streetseg.data.sources.shapes.source import Shape, ShapeSource
from streetseg.errors import DataError
from streetseg.recipe.plain_yaml import NotPlain, parse, value_of
from streetseg.text import read_text

TOOL = "YOLO segmentation"
_SPLITS = {"train", "val", "test"}
_BOX = 4  # numbers of a box
_MASKS = "masks_dir"  # the key of data sets with masks in place of polygons, for `yolo semantic`


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [] if value in (None, "") else [value]


def _by_id(value: object) -> object:
    return dict(enumerate(value)) if isinstance(value, list) else value


Folders = Annotated[list[str], BeforeValidator(_listed)]


class _File(BaseModel):
    path: str = ""
    train: Folders = []
    val: Folders = []
    test: Folders = []
    names: Annotated[dict[int, str], BeforeValidator(_by_id)]


def is_yolo(path: Path) -> bool:
    """Return whether a file is data.yaml of Ultralytics with polygons, or a folder holds one."""
    file = _description(path)
    return file is not None and _MASKS not in _values(file)


def open_yolo(path: Path) -> ShapeSource:
    """Open data.yaml, or the folder that holds it.

    Raises:
        DataError: it cannot be read or has mistakes, describes masks in place of polygons, or a folder that it names is
            missing.
    """
    file = _description(path) or path
    if file.is_dir():
        hint = "expected data.yaml with names:, train: and val:"
        raise DataError("no description of YOLO in this folder", where=path, hint=hint)
    values = _values(file)
    if _MASKS in values:
        hint = f"streetseg init {file.parent} --out FILE.yaml  writes a description of images and masks"
        raise DataError("masks_dir: the labels are masks, not polygons", where=file, hint=hint)
    try:
        content = _File.model_validate(values)
    except ValidationError as error:
        raise FileError(file, f"not a file of {TOOL}", problem_of(error)) from error
    collection = Collection(f"yolo:{file}", TOOL, file.parent)
    base = _base(content, file, collection)
    classes = collection.classes([content.names[number] for number in sorted(content.names)], file.parent.name)
    without = 0
    for split, folders in (("train", content.train), ("val", content.val), ("test", content.test)):
        for image in [image for folder in folders for image in _images(folder, base, file)]:
            labels = _labels_of(image)
            without += labels is None
            collection.add(
                split,
                str(image),
                str(labels or image),
                _shapes(labels, content.names, classes) if labels else (),
                beside=image.parent,
                files=[str(labels)] if labels else [],
            )
    if without:
        collection.survey.note(f"{file}: {without} images without a text file are background")
    return collection.source(classes)


def _description(path: Path) -> Path | None:
    """Return the YAML file of Ultralytics that a path is or holds; None if there is none."""
    if path.is_dir():
        files = [file for file in (*path.glob("*.yaml"), *path.glob("*.yml")) if _description(file)]
        return files[0] if len(files) == 1 else None
    if path.suffix.lower() not in (".yaml", ".yml"):
        return None
    try:
        values = _values(path)
    except DataError:
        return None
    return path if "names" in values and values.keys() & _SPLITS else None


def _values(path: Path) -> dict[str, Any]:
    """Return the content of a YAML file. Raise DataError if it is no plain mapping."""
    try:
        root = parse(read_text(path))
        if isinstance(root, yaml.MappingNode):
            values: dict[str, Any] = value_of(root)
            return values
    except NotPlain as error:
        raise DataError(error.problem, where=error.where(path), hint=error.cure) from error
    raise DataError("no names and values in this file", where=path)


def _base(content: _File, file: Path, collection: Collection) -> Path:
    """Return the folder that paths start at: `path`, or where that is not on this machine, the file's own folder."""
    base = file.parent / content.path.replace("\\", "/")
    if is_folder(base):
        return base
    collection.survey.note(f"{file}: there is no folder {content.path}; paths start at {file.parent}")
    return file.parent


def _images(name: str, base: Path, file: Path) -> list[Path]:
    """Return the images of a folder, or those that a text file lists.

    Roboflow writes paths such as ../train/images that start one folder too high; they are read as train/images.
    """
    name = name.replace("\\", "/")
    places = [base / name, file.parent / name, file.parent / name.removeprefix("../")]
    place = next((place for place in places if is_folder(place) or is_file(place)), None)
    if place is None:
        raise DataError(f"{name} not found", where=[file, places[0]], hint=f"paths start at {base}; `path:` changes it")
    if is_folder(place):
        return [place / image for image in walk(place) if Path(image).suffix.lower() in SUFFIXES]
    lines = [line.strip().replace("\\", "/") for line in read_text(place).splitlines()]
    images = [place.parent / line if line.startswith("./") else base / line for line in lines if line]
    if any(image.suffix.lower() not in SUFFIXES for image in images):
        raise FileError(place, "a line of the list names no image")
    return images


def _labels_of(image: Path) -> Path | None:
    """Return the text file of an image, None if there is none: in `labels` for an image in `images`, else beside it."""
    parts = list(image.parts)
    if "images" in parts:
        parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
    labels = Path(*parts).with_suffix(".txt")
    return labels if is_file(labels) else None


def _shapes(labels: Path, names: dict[int, str], classes: Classes) -> Iterator[Shape]:
    found: list[tuple[float, Shape]] = []
    for number, line in enumerate(read_text(labels).splitlines(), start=1):
        if line.strip():
            with at(f"line {number}"):
                name, points = _polygon(line.split(), names)
                shape = Shape(classes.label(name), Polygons((points,), shares=True), f"line {number}")
            found.append((-_area(points), shape))
    yield from (shape for _, shape in sorted(found, key=lambda one: one[0]))


def _polygon(words: list[str], names: dict[int, str]) -> tuple[str, Points]:
    try:
        index, numbers = float(words[0]), [float(word) for word in words[1:]]
    except ValueError:
        raise ValueError("a word is no number") from None
    if index not in names:
        raise ValueError(f"class {words[0]} is none of `names:`")
    if len(numbers) == _BOX:
        raise ValueError("a box, expected a polygon; export the labels as segmentation")
    return names[int(index)], points_of(numbers)


def _area(points: Points) -> float:
    x, y = points.T
    return abs(float(x @ (y[[*range(1, len(y)), 0]]) - y @ (x[[*range(1, len(x)), 0]]))) / 2
