"""VIA, the VGG Image Annotator 1 and 2: a project or its annotations as JSON, or as CSV.

Regions lie on each other in the order of the file and are drawn by COCO's rule. The class is the one attribute of the
regions, or of several that every region has, the one called class, label, category, name or type. Regions without any
attribute are of one class, "object". Points and polylines have no area and are left out.
"""

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from streetseg.data.files import FileError
from streetseg.data.sources.shapes.classes import Classes
from streetseg.data.sources.shapes.collect import Collection, Number, at, jsons, mentions, parsed_as, problem_of, table
from streetseg.data.sources.shapes.raster import Ellipse, Polygons, Region, box_points, points_of
from streetseg.data.sources.shapes.source import Shape, ShapeSource
from streetseg.errors import DataError
from streetseg.text import counted

TOOL = "VIA"
_COLUMNS = ("filename", "region_shape_attributes", "region_attributes")
_CLASS = ("class", "label", "category", "name", "type")
_OBJECT = "object"
_WITHOUT_AREA = ("point", "polyline")


class _Outline(BaseModel):
    name: str
    all_points_x: list[Number] = []
    all_points_y: list[Number] = []
    x: Number = 0
    y: Number = 0
    width: Number = 0
    height: Number = 0
    cx: Number = 0
    cy: Number = 0
    r: Number = 0
    rx: Number = 0
    ry: Number = 0
    theta: Number = 0


class _Region(BaseModel):
    outline: _Outline = Field(alias="shape_attributes")
    attributes: dict[str, Any] = Field(alias="region_attributes")


class _Image(BaseModel):
    filename: str
    regions: list[_Region] | dict[str, _Region]

    @property
    def drawn(self) -> list[_Region]:
        """The regions that have an area."""
        regions = list(self.regions.values()) if isinstance(self.regions, dict) else self.regions
        return [region for region in regions if region.outline.name not in _WITHOUT_AREA]

    @property
    def left_out(self) -> int:
        """The number of regions without area."""
        return len(self.regions) - len(self.drawn)


class _Project(BaseModel):
    images: dict[str, _Image] = Field(alias="_via_img_metadata")


def is_via(path: Path) -> bool:
    """Return whether a file or folder holds one file of VIA."""
    return len(_files(path)) == 1


def open_via(path: Path) -> ShapeSource:
    """Open the file, or the folder that holds it. There is one split, "all".

    Raises:
        DataError: there is no such file, it cannot be used, or several attributes could be the class.
    """
    files = [path] if path.is_file() else _files(path)
    if len(files) != 1:
        raise DataError("no file of VIA in this folder", where=path, hint="export the annotations as JSON or CSV")
    file = files[0]
    images = _from_csv(file) if file.suffix.lower() == ".csv" else _from_json(file)
    collection = Collection(f"via:{file}", TOOL, file.parent)
    attribute = _class_attribute(images, file)
    names = sorted({name for image in images for region in image.drawn if (name := _class_name(region, attribute))})
    classes = collection.classes(names, file.stem)
    for number, image in enumerate(images):
        collection.add(
            "all",
            image.filename,
            f"{file}#{number}",
            _shapes(image, attribute, classes),
            beside=file.parent,
            files=[str(file)],
        )
    if left_out := sum(image.left_out for image in images):
        collection.survey.note(f"{file}: {counted(left_out, 'region')} without area left out")
    return collection.source(classes)


def _files(path: Path) -> list[Path]:
    if path.is_file() and path.suffix.lower() == ".csv":
        return [path] if mentions(path, *_COLUMNS) else []
    found = [file for file in jsons(path) if mentions(file, '"regions"', '"shape_attributes"', '"filename"')]
    tables = path.glob("*.csv") if path.is_dir() else ()
    return found or [file for file in tables if mentions(file, *_COLUMNS)]


def _from_json(file: Path) -> list[_Image]:
    if mentions(file, '"_via_img_metadata"'):
        return list(parsed_as(file, TypeAdapter(_Project), TOOL).images.values())
    return list(parsed_as(file, TypeAdapter(dict[str, _Image]), TOOL).values())


def _from_csv(file: Path) -> list[_Image]:
    """Return the images of a CSV file, which has one row for each region, with its attributes as JSON."""
    regions: dict[str, list[Any]] = {}
    try:
        for number, row in enumerate(table(file), start=2):
            filename, outline, attributes = (row.get(column, "") for column in _COLUMNS)
            several = regions.setdefault(filename, [])
            if outline not in ("", "{}"):
                with at(f"line {number}"):
                    pair = {"shape_attributes": json.loads(outline), "region_attributes": json.loads(attributes)}
                several.append(pair)
    except (csv.Error, ValueError, RecursionError) as error:
        raise FileError(file, f"not a file of {TOOL}", str(error)) from error
    try:
        return [_Image.model_validate({"filename": name, "regions": several}) for name, several in regions.items()]
    except ValidationError as error:
        raise FileError(file, f"not a file of {TOOL}", problem_of(error)) from error


def _class_attribute(images: list[_Image], file: Path) -> str | None:
    """Return the attribute that names the class; None if no region has any."""
    regions = [region for image in images for region in image.drawn]
    counts = Counter(name for region in regions for name in region.attributes)
    everywhere = [name for name, count in counts.items() if count == len(regions)]
    candidates = everywhere or list(counts)
    if len(candidates) > 1:
        candidates = [name for known in _CLASS for name in candidates if name.lower() == known][:1] or candidates
    if len(candidates) > 1:
        problem = f"several attributes could be the class ({', '.join(candidates)})"
        raise DataError(problem, where=file, hint=f"call one of them {_CLASS[0]} in VIA")
    return candidates[0] if candidates else None


def _class_name(region: _Region, attribute: str | None) -> str:
    """Return the class of a region: a text, or the one choice that is checked; "" if there is none."""
    if attribute is None:
        return _OBJECT
    value = region.attributes.get(attribute)
    if isinstance(value, Mapping):
        checked = [str(name) for name, is_checked in value.items() if is_checked]
        return checked[0] if len(checked) == 1 else ""
    return str(value).strip() if value is not None else ""


def _shapes(image: _Image, attribute: str | None, classes: Classes) -> Iterator[Shape]:
    for number, region in enumerate(image.drawn, start=1):
        name = _class_name(region, attribute)
        where = f"region {number}, {name}" if name else f"region {number}"
        with at(where):
            if not name:
                raise ValueError(f"no single value of {attribute}")
            drawn = Shape(classes.label(name), _region(region.outline), where)
        yield drawn


def _region(outline: _Outline) -> Region:
    match outline.name:
        case "polygon" | "polyline":
            if len(outline.all_points_x) != len(outline.all_points_y):
                raise ValueError("as many x as y expected")
            return Polygons((points_of(list(zip(outline.all_points_x, outline.all_points_y, strict=True))),))
        case "rect":
            right, bottom = outline.x + outline.width, outline.y + outline.height
            return Polygons((box_points(outline.x, outline.y, right, bottom),))
        case "circle":
            return Ellipse(outline.cx, outline.cy, outline.r, outline.r)
        case "ellipse":
            return Ellipse(outline.cx, outline.cy, outline.rx, outline.ry, outline.theta)
    raise ValueError(f"shape {outline.name!r} is not drawn")
