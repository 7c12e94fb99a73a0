"""A data source whose masks are shapes: polygons, run lengths and other regions in the files of a label tool."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from streetseg.arrays import Size
from streetseg.data.files import FileError, stamp
from streetseg.data.images import (
    MAX_PIXELS,
    ImageFacts,
    decode_image,
    opened,
    require_few_pixels,
)
from streetseg.data.issues import Survey
from streetseg.data.source import ImageFiles, Look, Sample
from streetseg.data.sources.shapes.raster import Labels, Region
from streetseg.errors import first
from streetseg.labels.space import LabelSpace
from streetseg.recipe.reading import AS_USUAL, ImageReading

_RULE = 1  # of drawing; another number renews what was decoded by an older rule


class Layer(Protocol):
    """Something that is drawn over the labels of an image."""

    @property
    def where(self) -> str:
        """What the file calls it."""
        ...

    def paint(self, labels: Labels) -> None:
        """Set its pixels. Raise ValueError if it does not fit the image."""
        ...


@dataclass(frozen=True)
class Shape:
    """A region of one class.

    Args:
        label: the class id, or 255 for ignored pixels.
        region: where it is.
        where: what the file calls it, e.g. "annotation 17".
    """

    label: int
    region: Region
    where: str

    def paint(self, labels: Labels) -> None:
        """Set the pixels of the region to the class. Raise ValueError if it does not fit the image."""
        self.region.paint(labels, self.label)


@dataclass(frozen=True)
class Indexed:
    """An image file whose values stand for classes that only a table beside it names.

    Args:
        place: the file. Values are gray or indices of a palette, or in colors red + 256 green + 65536 blue.
        ids: value -> class id or 255.
    """

    place: str
    ids: Mapping[int, int]

    @property
    def where(self) -> str:
        """The name of the file."""
        return Path(self.place).name

    def paint(self, labels: Labels) -> None:
        """Set all pixels. Raise ValueError for another size or a value without class, FileError if it is no image."""
        values = self._values()
        if values.shape != labels.shape:
            found, expected = (f"{height}x{width}" for height, width in (values.shape, labels.shape))
            raise ValueError(f"size {found}, the image has {expected}")
        present, inverse = np.unique(values, return_inverse=True)
        unknown = [value for value in present.tolist() if value not in self.ids]
        if unknown:
            raise ValueError(f"value {', '.join(first(unknown, 3))} has no class")
        ids = np.array([self.ids[value] for value in present.tolist()], np.uint8)
        labels[...] = ids[inverse].reshape(labels.shape)

    def _values(self) -> NDArray[np.int32]:
        with opened(self.place, MAX_PIXELS) as image:
            if len(image.getbands()) == 1:
                return np.asarray(image).astype(np.int32)
            rgb = np.asarray(image.convert("RGB")).astype(np.int32)
        return rgb[..., 0] + 256 * rgb[..., 1] + 65536 * rgb[..., 2]


@dataclass(frozen=True)
class Drawing:
    """What the labels of one image are drawn from.

    Args:
        files: the files that hold them.
        layers: from the lowest to the topmost.
        size: height and width of the image as the file says; None if it does not.
    """

    files: tuple[str, ...]
    layers: tuple[Layer, ...]
    size: Size | None = None

    def draw(self, size: Size, base: int, place: str) -> NDArray[np.uint8]:
        """Return the labels uint8 (H, W). Raise FileError, which names `place`, if a layer does not fit."""
        labels = np.full(size, base, np.uint8)
        for layer in self.layers:
            try:
                layer.paint(labels)
            except ValueError as error:
                raise FileError(place, "a shape cannot be drawn", f"{layer.where}: {error}") from error
        return labels


@dataclass(frozen=True)
class ShapeSource(ImageFiles):
    """A `Source` whose labels are drawn from shapes.

    Args:
        spec: the data set as named by the user, with an absolute path.
        tool: what wrote the shapes, e.g. "COCO".
        space: the classes.
        splits: the samples.
        drawings: `mask` of each sample -> its shapes.
        survey: the files that belong to no sample.
        base: the class id of pixels in no shape, or 255.
        max_pixels: the largest number of pixels that an image may have.
        reading: how image files are converted to 8-bit RGB.
    """

    spec: str
    tool: str
    space: LabelSpace
    splits: Mapping[str, tuple[Sample, ...]]
    drawings: Mapping[str, Drawing]
    survey: Survey
    base: int = 0
    max_pixels: int = MAX_PIXELS
    reading: ImageReading = AS_USUAL

    def read_mask(self, sample: Sample) -> NDArray[np.uint8]:
        """Return the labels, uint8 (H, W), ids 0..C-1 of `space` or 255. Raise DataError if a shape does not fit."""
        drawing = self.drawings[sample.mask]
        size = drawing.size or self.header_size(sample)
        require_few_pixels(sample.mask, size[0] * size[1], self.max_pixels)
        return drawing.draw(size, self.base, sample.mask)

    def look(self, sample: Sample) -> Look:
        """Return image, labels and how both are stored. Raise DataError if one cannot be read."""
        image, image_stored = decode_image(sample.image, max_pixels=self.max_pixels, reading=self.reading)
        labels = self.read_mask(sample)
        return Look(image, labels, image_stored, ImageFacts(f"{self.tool} shapes", (labels.shape[0], labels.shape[1])))

    def reader(self) -> "ShapeSource":
        """Return the source without its lists, for another process."""
        return replace(self, splits={}, survey=Survey())

    def stamp(self, sample: Sample) -> str:
        """Return size and modification time of the files, and a hash of the classes and the rule of drawing.

        Raises:
            DataError: a file is missing or cannot be read.
        """
        drawing = self.drawings[sample.mask]
        tables = [layer.place for layer in drawing.layers if isinstance(layer, Indexed)]
        files = " ".join(stamp(file) for file in dict.fromkeys([sample.image, *drawing.files, *tables]))
        return f"{files} {self._classes_stamp} {self.reading.exif} {self.reading.range}"

    @cached_property
    def _classes_stamp(self) -> str:
        return f"{crc32(repr((_RULE, self.space.names, self.base)).encode()):08x}"
