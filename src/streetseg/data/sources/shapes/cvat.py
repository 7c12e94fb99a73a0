"""CVAT for images 1.1: one XML file with polygons, boxes, ellipses and masks of run lengths.

Shapes lie on each other by their z_order, then in the order of the file, and are drawn by COCO's rule as CVAT's own
exports of masks are. Points, polylines and cuboids have no area and are left out, with a note.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from streetseg.data.files import FileError
from streetseg.data.images import MAX_PIXELS
from streetseg.data.sources.shapes.classes import Classes
from streetseg.data.sources.shapes.collect import Collection, at, mentions, split_of
from streetseg.data.sources.shapes.raster import Ellipse, Patch, Polygons, Region, box_points, points_of
from streetseg.data.sources.shapes.source import Shape, ShapeSource
from streetseg.errors import DataError
from streetseg.text import read_text

TOOL = "CVAT"
_DRAWN = ("polygon", "box", "mask", "ellipse")
_LEFT_OUT = ("polyline", "points", "cuboid", "skeleton")


def is_cvat(path: Path) -> bool:
    """Return whether a file or folder holds one XML file of CVAT for images."""
    return _file(path) is not None


def open_cvat(path: Path) -> ShapeSource:
    """Open the XML file, or the folder that holds it. Splits are CVAT's subsets; without them there is "all".

    Raises:
        DataError: it cannot be read, is no XML of CVAT, or has tracks of a video.
    """
    file = _file(path) or path
    if file.is_dir():
        raise DataError("no XML of CVAT in this folder", where=path, hint='export as "CVAT for images 1.1"')
    root = _root(file)
    collection = Collection(f"cvat:{file}", TOOL, file.parent)
    images = root.findall("image")
    if not images and root.find("track") is not None:
        raise FileError(file, "tracks of a video, expected images", hint='export as "CVAT for images 1.1"')
    names = [label.findtext("name") or "" for label in root.iter("label")]
    names = names or sorted({shape.get("label", "") for image in images for shape in image if shape.tag in _DRAWN})
    classes = collection.classes([name for name in names if name], file.stem)
    left_out: Counter[str] = Counter()
    for number, image in enumerate(images):
        left_out.update(shape.tag for shape in image if shape.tag in _LEFT_OUT)
        collection.add(
            _split(image),
            image.get("name", ""),
            f"{file}#{image.get('id', number)}",
            _shapes(image, classes),
            beside=file.parent,
            files=[str(file)],
            size=_size(image),
        )
    if left_out:
        words = ", ".join(f"{count} {tag}" for tag, count in sorted(left_out.items()))
        collection.survey.note(f"{file}: shapes without area are left out: {words}")
    return collection.source(classes)


def _file(path: Path) -> Path | None:
    files = [path] if path.is_file() else sorted(path.glob("*.xml"))
    files = [file for file in files if file.suffix.lower() == ".xml" and mentions(file, "<annotations", "<image ")]
    return files[0] if len(files) == 1 else None


def _root(file: Path) -> ElementTree.Element:
    """Return the root of an XML file. Raise DataError if it is none of CVAT; entities, which can grow, are errors."""
    text = read_text(file)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise FileError(file, "XML with a DOCTYPE is not read")
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, RecursionError) as error:
        raise FileError(file, "no valid XML", str(error)) from error
    if root.tag != "annotations":
        raise FileError(file, f"not a file of {TOOL}", f"found <{root.tag}>, expected <annotations>")
    return root


def _split(image: ElementTree.Element) -> str:
    subset = image.get("subset") or "all"
    return split_of(subset) or subset


def _size(image: ElementTree.Element) -> tuple[int, int] | None:
    sides = [image.get(name, "") for name in ("height", "width")]
    height, width = (int(side) if side.isascii() and side.isdigit() and len(side) < 10 else 0 for side in sides)
    return (height, width) if height and width else None


def _shapes(image: ElementTree.Element, classes: Classes) -> Iterator[Shape]:
    ordered = list(enumerate((shape for shape in image if shape.tag in _DRAWN), start=1))
    with at("z_order"):
        ordered.sort(key=lambda one: int(one[1].get("z_order", "0")))
    for number, shape in ordered:
        where = f"{shape.tag} {number}, {shape.get('label', '')}"
        with at(where):
            drawn = Shape(classes.label(shape.get("label", "")), _region(shape), where)
        yield drawn


def _region(shape: ElementTree.Element) -> Region:
    match shape.tag:
        case "polygon":
            pairs = [pair.split(",") for pair in shape.get("points", "").split(";") if pair.strip()]
            return Polygons((points_of([[float(number) for number in pair] for pair in pairs]),))
        case "box":
            if float(shape.get("rotation", "0")):
                raise ValueError("a rotated box is not drawn; make it a polygon")
            return Polygons((box_points(*_numbers(shape, "xtl", "ytl", "xbr", "ybr")),))
        case "ellipse":
            x, y, radius_x, radius_y = _numbers(shape, "cx", "cy", "rx", "ry")
            return Ellipse(x, y, radius_x, radius_y, float(shape.get("rotation", "0")))
        case _:
            return _patch(shape)


def _patch(shape: ElementTree.Element) -> Patch:
    """Return a mask: run lengths along its rows, from row to row of its box; the first run is outside."""
    left, top, width, height = (int(shape.get(name, "")) for name in ("left", "top", "width", "height"))
    lengths = [int(word) for word in shape.get("rle", "").replace(",", " ").split()]
    if min(width, height, *lengths, 1) < 0 or not sum(lengths) == width * height <= MAX_PIXELS:
        raise ValueError(f"run lengths of {sum(lengths):,} pixels, expected {height}x{width}")
    inside = np.arange(len(lengths)) % 2 == 1
    return Patch(np.repeat(inside, lengths).reshape(height, width), left, top)


def _numbers(shape: ElementTree.Element, *names: str) -> list[float]:
    return [float(shape.get(name, "nan")) for name in names]
