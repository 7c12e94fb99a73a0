"""Supervisely: meta.json with the classes, and in each dataset a JSON file for each image, in `ann` beside `img`.

Objects lie on each other in the order of the file. Polygons are drawn with their outline, as Supervisely does; a hole
keeps its outline. Bitmaps are PNG files in zlib and base64. Points, lines and graphs have no area and are left out.
"""

import base64
import binascii
import zlib
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, Field

from streetseg.data.files import FileError, walk
from streetseg.data.sources.shapes.classes import Classes
from streetseg.data.sources.shapes.collect import Collection, Number, Side, at, mentions, parsed, split_of_folders
from streetseg.data.sources.shapes.raster import Drawn, Patch, Region, png_mask, points_of
from streetseg.data.sources.shapes.source import Shape, ShapeSource
from streetseg.errors import DataError
from streetseg.text import counted

TOOL = "Supervisely"
_META, _ANNOTATIONS, _IMAGES = "meta.json", "ann", "img"
_WITHOUT_AREA = ("point", "line", "graph", "any", "point_cloud")
_LARGEST_PNG = 2**27  # bytes that a bitmap may unpack to

_Pairs = list[tuple[Number, Number]]


class _Class(BaseModel):
    title: str


class _Meta(BaseModel):
    classes: list[_Class]


class _Size(BaseModel):
    height: Side
    width: Side


class _Points(BaseModel):
    exterior: _Pairs
    interior: list[_Pairs] = []


class _Bitmap(BaseModel):
    data: str
    origin: tuple[int, int]


class _Object(BaseModel):
    title: str = Field(alias="classTitle")
    kind: str = Field(alias="geometryType")
    points: _Points | None = None
    bitmap: _Bitmap | None = None


class _File(BaseModel):
    size: _Size
    objects: list[_Object]


def is_supervisely(path: Path) -> bool:
    """Return whether a folder is a project of Supervisely."""
    return path.is_dir() and mentions(path / _META, '"classes"', '"title"')


def open_supervisely(path: Path) -> ShapeSource:
    """Open a project. A dataset whose name is that of a split is this split; the others are "all".

    Raises:
        DataError: there is no meta.json, or no file can be used.
    """
    if not (path / _META).is_file():
        hint = f"expected {_META}, DATASET/{_ANNOTATIONS} and DATASET/{_IMAGES} in it"
        raise DataError(f"no {_META} in this folder", where=path, hint=hint)
    collection = Collection(f"supervisely:{path}", TOOL, path)
    meta = parsed(path / _META, _Meta, TOOL)
    classes = collection.classes([one.title for one in meta.classes], path.name)
    left_out = 0
    for name in walk(path):
        file = path / name
        if file.parent.name != _ANNOTATIONS or file.suffix.lower() != ".json":
            continue
        beside = file.parent.parent / _IMAGES
        try:
            content = parsed(file, _File, TOOL)
        except FileError as error:
            collection.fail(
                split_of_folders(name), (beside / file.stem).relative_to(path).with_suffix("").as_posix(), error
            )
            continue
        left_out += sum(one.kind in _WITHOUT_AREA for one in content.objects)
        collection.add(
            split_of_folders(name),
            file.stem,
            str(file),
            _shapes(content, classes),
            beside=beside,
            files=[str(file)],
            size=(content.size.height, content.size.width),
        )
    if left_out:
        collection.survey.note(f"{path}: {counted(left_out, 'object')} without area left out")
    collection.fail_unlabeled("JSON file of Supervisely")
    return collection.source(classes)


def _shapes(content: _File, classes: Classes) -> Iterator[Shape]:
    for number, one in enumerate(content.objects, start=1):
        if one.kind not in _WITHOUT_AREA:
            where = f"object {number}, {one.title}"
            with at(where):
                drawn = Shape(classes.label(one.title), _region(one), where)
            yield drawn


def _region(one: _Object) -> Region:
    if one.kind == "bitmap" and one.bitmap:
        return _patch(one.bitmap)
    if one.kind == "polygon" and one.points:
        return Drawn("polygon", points_of(one.points.exterior), tuple(points_of(hole) for hole in one.points.interior))
    if one.kind == "rectangle" and one.points:
        return Drawn("rectangle", points_of(one.points.exterior, least=2))
    raise ValueError(f"geometryType {one.kind!r} is not drawn")


def _patch(bitmap: _Bitmap) -> Patch:
    try:
        unpacked = zlib.decompressobj()
        data = unpacked.decompress(base64.b64decode(bitmap.data, validate=True), _LARGEST_PNG)
    except (binascii.Error, ValueError, zlib.error):
        raise ValueError("its bitmap is no base64 of zlib") from None
    return Patch(png_mask(data), *bitmap.origin)
