"""COCO: one JSON file of images, categories and annotations for each split; also as Roboflow exports it.

An annotation is a list of polygons, run lengths (plain or compressed), or a row of segments in a panoptic PNG. They lie
on each other in the order of the file, crowds beneath all others. Pixels in none are background; in a panoptic PNG they
are void, which is ignored. A category __ignore__ says that the annotations hold every pixel: those in none, and those
of this category, are ignored, and there is no background.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from streetseg.data.files import FileError
from streetseg.data.sources.shapes.classes import IGNORED, Classes, is_background
from streetseg.data.sources.shapes.collect import Collection, Number, Side, at, jsons, mentions, parsed, splits_of
from streetseg.data.sources.shapes.raster import Polygons, Region, Runs, points_of
from streetseg.data.sources.shapes.rle import decompress
from streetseg.data.sources.shapes.source import Indexed, Layer, Shape, ShapeSource
from streetseg.errors import DataError
from streetseg.labels.space import IGNORE_INDEX

TOOL = "COCO"
_NO_SHAPES = ("captions_", "person_keypoints_")  # files of COCO that describe the same images without classes to draw

_USUAL = ("instances_", "_annotations.coco")  # such a file is COCO even if it is damaged
_VOID = 0  # in a panoptic PNG

Id = int | str


class _Image(BaseModel):
    id: Id
    file_name: str
    height: Side | None = None
    width: Side | None = None


class _Category(BaseModel):
    id: int
    name: str
    supercategory: str | None = None


class _RunLengths(BaseModel):
    size: tuple[int, int]
    counts: str | list[int]


class _Segment(BaseModel):
    id: int
    category_id: int


class _Annotation(BaseModel):
    id: Id | None = None
    image_id: Id
    category_id: int | None = None
    iscrowd: int = 0
    segmentation: list[list[Number]] | _RunLengths | None = None
    file_name: str = ""
    segments_info: list[_Segment] = []

    @property
    def categories(self) -> list[int]:
        """The ids of its categories."""
        own = [] if self.category_id is None else [self.category_id]
        return own + [segment.category_id for segment in self.segments_info]


class _File(BaseModel):
    images: list[_Image]
    categories: list[_Category]
    annotations: list[_Annotation]


def is_coco(path: Path) -> bool:
    """Return whether a file or folder holds COCO JSON."""
    return bool(_files(path))


def open_coco(path: Path) -> ShapeSource:
    """Open a file, or a folder with one file for each split.

    Raises:
        DataError: there is no such file, one cannot be read, or several describe the same split.
    """
    files = [path] if path.is_file() else _files(path)
    if not files:
        hint = "expected SPLIT/_annotations.coco.json or annotations/instances_SPLIT.json"
        raise DataError("no COCO JSON in this folder", where=path, hint=hint)
    root = path.parent if path.is_file() else path
    collection = Collection(f"coco:{path}", TOOL, root.parent if root.name.lower() == "annotations" else root)
    contents = {split: (file, parsed(file, _File, TOOL)) for split, file in splits_of(files, "coco").items()}
    names = [name for _, content in contents.values() for name in _class_names(content)]
    complete = IGNORED in names and not any(map(is_background, names))
    classes = collection.classes(names, path.stem, complete=complete)
    for split, (file, content) in contents.items():
        _add(content, file, split, classes, collection)
    return collection.source(classes)


def _files(path: Path) -> list[Path]:
    """Return the files of COCO JSON at a path: itself, in the folder, or in a folder of it."""
    return [
        file
        for file in jsons(path)
        if not file.name.startswith(_NO_SHAPES)
        and (file.name.startswith(_USUAL) or mentions(file, '"images"', '"annotations"', '"categories"'))
    ]


def _class_names(content: _File) -> list[str]:
    """Return the names of the categories in the order of their ids. Roboflow's group of all others is no class."""
    used = {category for annotation in content.annotations for category in annotation.categories}
    groups = {category.supercategory for category in content.categories if category.supercategory != category.name}
    ordered = sorted(content.categories, key=lambda category: category.id)
    return [category.name for category in ordered if category.id in used or category.name not in groups]


def _add(content: _File, file: Path, split: str, classes: Classes, collection: Collection) -> None:
    reader = _Reader(file, split, {one.id: one.name for one in content.categories}, classes, collection)
    by_image: dict[Id, list[_Annotation]] = {image.id: [] for image in content.images}
    for annotation in content.annotations:
        if annotation.image_id in by_image:
            by_image[annotation.image_id].append(annotation)
        else:
            error = FileError(file, "annotation of an unknown image", f"{_where(annotation)}: {annotation.image_id}")
            collection.fail(split, str(annotation.image_id), error)
    for image in content.images:
        collection.add(
            split,
            image.file_name,
            f"{file}#{image.id}",
            reader.layers(by_image[image.id]),
            beside=file.parent,
            files=[str(file)],
            size=(image.height, image.width) if image.height and image.width else None,
        )


@dataclass(frozen=True)
class _Reader:
    """Reads the annotations of a file. `names` are those of the categories by id."""

    file: Path
    split: str
    names: dict[int, str]
    classes: Classes
    collection: Collection

    def layers(self, annotations: list[_Annotation]) -> Iterator[Layer]:
        """Yield the layers of an image. Raise ValueError for an annotation that cannot be used."""
        for annotation in sorted(annotations, key=lambda one: not one.iscrowd):
            where = _where(annotation)
            with at(where):
                layer: Layer = (
                    self._panoptic(annotation)
                    if annotation.segments_info
                    else Shape(self._label(annotation.category_id), _region(annotation), where)
                )
            yield layer

    def _panoptic(self, annotation: _Annotation) -> Indexed:
        png = self.collection.images.find(annotation.file_name, self.file.with_suffix(""), self.split)
        segments = {segment.id: self._label(segment.category_id) for segment in annotation.segments_info}
        return Indexed(png, {_VOID: IGNORE_INDEX, **segments})

    def _label(self, category: int | None) -> int:
        if category not in self.names:
            raise ValueError(f"category {category} is none of the file's")
        return self.classes.label(self.names[category])


def _region(annotation: _Annotation) -> Region:
    segmentation = annotation.segmentation
    if isinstance(segmentation, _RunLengths):
        counts = segmentation.counts
        return Runs(decompress(counts) if isinstance(counts, str) else counts, segmentation.size)
    if not segmentation:
        raise ValueError("only a box, expected polygons or run lengths (segmentation)")
    return Polygons(tuple(points_of(ring) for ring in segmentation))


def _where(annotation: _Annotation) -> str:
    return "an annotation" if annotation.id is None else f"annotation {annotation.id}"
