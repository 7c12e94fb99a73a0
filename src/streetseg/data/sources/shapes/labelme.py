"""LabelMe: one JSON file beside each image; or the folders of labelme_json_to_dataset, whose ids differ by image.

Shapes lie on each other in the order of the file, drawn as labelme draws. Pixels in none are background, those of the
label __ignore__ are ignored. The classes are the lines of labels.txt where it exists, else all labels in the order of
the alphabet.
"""

import base64
import binascii
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from streetseg.data.files import FileError, walk
from streetseg.data.sources.shapes.classes import Classes
from streetseg.data.sources.shapes.collect import Collection, Number, Side, at, mentions, parsed, split_of_folders
from streetseg.data.sources.shapes.raster import Drawn, DrawnKind, Patch, Region, png_mask, points_of
from streetseg.data.sources.shapes.source import Indexed, Shape, ShapeSource
from streetseg.errors import DataError
from streetseg.text import read_text

TOOL = "LabelMe"
LABEL_NAMES, _IDS, _IMAGE = "label_names.txt", "label.png", "img.png"  # of labelme_json_to_dataset
_LABELS = "labels.txt"
_POLYGONS = ("polygon", "oriented_rectangle")


class _Shape(BaseModel):
    label: str
    points: list[tuple[Number, Number]]
    shape_type: str | None = None
    mask: str | None = None


class _File(BaseModel):
    shapes: list[_Shape]
    image_path: str = Field(alias="imagePath")
    height: Side | None = Field(None, alias="imageHeight")
    width: Side | None = Field(None, alias="imageWidth")


def is_labelme(path: Path) -> bool:
    """Return whether a folder holds files of LabelMe; of each folder in it, the first JSON file is looked at."""
    if not path.is_dir():
        return False
    first_in = {Path(name).parent: path / name for name in reversed(list(walk(path))) if _is_label_file(name)}
    return any(file.name == LABEL_NAMES or mentions(file, '"shapes"', '"imagePath"') for file in first_in.values())


def open_labelme(path: Path) -> ShapeSource:
    """Open a folder, with those in it. Folders with the name of a split are the splits; otherwise there is "all".

    Raises:
        DataError: there are no files of LabelMe, or none can be used.
    """
    collection = Collection(f"labelme:{path}", TOOL, path)
    names = list(walk(path))
    if folders := [(path / name).parent for name in names if Path(name).name == LABEL_NAMES]:
        return _open_folders(folders, collection)
    contents: dict[str, _File] = {}
    for name in names:
        if name.lower().endswith(".json"):
            try:
                contents[name] = parsed(path / name, _File, TOOL)
            except FileError as error:
                collection.fail(split_of_folders(name), Path(name).with_suffix("").as_posix(), error)
    classes = collection.classes(_class_names(path, contents), path.name)
    for name, content in contents.items():
        file = path / name
        collection.add(
            split_of_folders(name),
            content.image_path,
            str(file),
            _shapes(content, classes),
            beside=file.parent,
            files=[str(file)],
            size=(content.height, content.width) if content.height and content.width else None,
        )
    collection.fail_unlabeled("JSON file of LabelMe")
    return collection.source(classes)


def _is_label_file(name: str) -> bool:
    return name.lower().endswith(".json") or Path(name).name == LABEL_NAMES


def _class_names(path: Path, contents: dict[str, _File]) -> list[str]:
    if (path / _LABELS).is_file():
        return [line.strip() for line in read_text(path / _LABELS).splitlines() if line.strip()]
    return sorted({shape.label for content in contents.values() for shape in content.shapes})


def _shapes(content: _File, classes: Classes) -> Iterator[Shape]:
    for number, shape in enumerate(content.shapes, start=1):
        where = f"shape {number}, {shape.label}"
        with at(where):
            drawn = Shape(classes.label(shape.label), _region(shape), where)
        yield drawn


def _region(shape: _Shape) -> Region:
    kind = shape.shape_type or "polygon"
    points = points_of(shape.points, least=1)
    if kind == "mask":
        return _patch(shape, points)
    if kind in _POLYGONS:
        return Drawn("polygon", points)
    for known in get_args(DrawnKind):
        if kind == known:
            return Drawn(known, points)
    raise ValueError(f"shape_type {kind!r} is not drawn")


def _patch(shape: _Shape, points: NDArray[np.float64]) -> Patch:
    try:
        data = base64.b64decode(shape.mask or "", validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("its mask is no base64") from None
    left, top = np.rint(points[0]).astype(int).tolist()
    return Patch(png_mask(data), left, top)


def _open_folders(folders: list[Path], collection: Collection) -> ShapeSource:
    """Open the folders that labelme_json_to_dataset wrote. Each counts its ids anew; label_names.txt names them."""
    names: dict[Path, list[str]] = {}
    for folder in folders:
        try:
            names[folder] = [line.strip() for line in read_text(folder / LABEL_NAMES).splitlines() if line.strip()]
        except DataError as error:
            collection.fail("all", folder.name, FileError(folder / LABEL_NAMES, error.problem, hint=error.hint))
    classes = collection.classes(
        sorted({name for several in names.values() for name in several}), folders[0].parent.name
    )
    for folder, several in names.items():
        place = str(folder / _IDS)
        collection.add(
            "all",
            _IMAGE,
            place,
            [Indexed(place, {value: classes.label(name) for value, name in enumerate(several)})],
            beside=folder,
            files=[place, str(folder / LABEL_NAMES)],
        )
    return collection.source(classes)
