"""Crops of images on the page of an audit: the image, its labels, and what the network sees."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from streetseg.auditing.evidence import Evidence, Part
from streetseg.auditing.reading import read
from streetseg.auditing.regions import Region, connected
from streetseg.data.source import Source
from streetseg.inference.output import color_map
from streetseg.labels.space import LabelSpace
from streetseg.report.page import jpeg_uri, png_uri

WIDEST = 240  # longest side of a crop on the page, pixels
CONTEXT = 0.75  # what is shown around a region, as a share of its longer side
LEAST = 0.2  # shortest side of a crop as a share of the image's longer side
OUTLINE = (255, 214, 0)

ImageArray = NDArray[np.uint8]
Box = tuple[slice, slice]


@dataclass(frozen=True)
class Layer:
    """One image of the page."""

    uri: str
    alt: str
    caption: str
    width: int
    height: int


@dataclass(frozen=True, eq=False)
class Crops:
    """The images of a page: image, labels and prediction of each, side by side.

    Args:
        regions: region -> the surroundings of a region, its outline drawn.
        images: number of an image -> the whole image.
    """

    regions: Mapping[Region, Sequence[Layer]]
    images: Mapping[int, Sequence[Layer]]


def make_crops(
    parts: Sequence[Part], evidence: Evidence, source: Source, regions: Iterable[Region], images: Iterable[int]
) -> Crops:
    """Return the crops of some regions and images. Each image is read, and predicted, once.

    Args:
        parts: the images and networks, as they were audited.
        evidence: what they gave.
        source: images at their own size.
    """
    of_image: dict[int, list[Region]] = {number: [] for number in images}
    whole = frozenset(of_image)
    for region in dict.fromkeys(regions):
        of_image.setdefault(region.image, []).append(region)
    made_regions: dict[Region, Sequence[Layer]] = {}
    made_images: dict[int, Sequence[Layer]] = {}
    for number in sorted(of_image):
        opened = _opened(parts, evidence, source, number)
        if number in whole:
            made_images[number] = opened.layers(evidence.space, np.zeros(opened.labels.shape, np.bool_))
        for region in of_image[number]:
            box = _box_around(region, opened.labels.shape)
            inside = _pixels_of(region, opened.labels, opened.predicted)
            made_regions[region] = opened.cut(box).layers(evidence.space, inside[box])
    return Crops(made_regions, made_images)


@dataclass(frozen=True, eq=False)
class _Opened:
    """An image, or a part of it: uint8 (H, W, 3), its labels and its prediction uint8 (H, W)."""

    name: str
    image: ImageArray
    labels: ImageArray
    predicted: ImageArray

    def cut(self, box: Box) -> "_Opened":
        """Return the part in a box."""
        return _Opened(self.name, self.image[box], self.labels[box], self.predicted[box])

    def layers(self, space: LabelSpace, inside: NDArray[np.bool_]) -> list[Layer]:
        """Return the three images for the page, with the outline of the pixels `inside` (H, W)."""
        small = _outlined(_resized(self.image, Image.Resampling.LANCZOS), inside)
        labels, predicted = (
            _outlined(_resized(color_map(ids, space), Image.Resampling.NEAREST), inside)
            for ids in (self.labels, self.predicted)
        )
        height, width = small.shape[:2]
        return [
            Layer(jpeg_uri(small), f"{self.name}, the image", "image", width, height),
            Layer(png_uri(labels), f"{self.name}, the labels", "labels", width, height),
            Layer(png_uri(predicted), f"{self.name}, the prediction", "network", width, height),
        ]


def _opened(parts: Sequence[Part], evidence: Evidence, source: Source, number: int) -> _Opened:
    """Return an image at the size of its labels."""
    part, i = evidence.places[number]
    sample = evidence.samples[number]
    reading = read(parts[part].predictor, *parts[part].store[i])
    height, width = reading.labels.shape
    image = Image.fromarray(source.read_image(sample)).resize((width, height))
    return _Opened(sample.name, np.asarray(image), reading.labels, reading.predicted)


def _box_around(region: Region, shape: tuple[int, ...]) -> Box:
    """Return rows and columns of the crop around a region, inside an image of this shape."""
    around = round(CONTEXT * max(region.width, region.height))
    least = round(LEAST * max(shape))

    def side(start: int, length: int, limit: int) -> slice:
        padding = max(around, (least - length + 1) // 2)
        return slice(max(0, start - padding), min(limit, start + length + padding))

    return side(region.top, region.height, shape[0]), side(region.left, region.width, shape[1])


def _pixels_of(region: Region, labels: ImageArray, predicted: ImageArray) -> NDArray[np.bool_]:
    """Return the pixels of a region, bool (H, W): in its box, the connected part of its size."""
    inside = np.zeros(labels.shape, np.bool_)
    box = (slice(region.top, region.top + region.height), slice(region.left, region.left + region.width))
    pair = (labels[box] == region.label) & (predicted[box] == region.predicted)
    parts, count = connected(pair.astype(np.int32))
    sizes = np.bincount(parts[pair], minlength=count)
    inside[box] = pair & (sizes[parts] == region.pixels)
    return inside


def _resized(image: ImageArray, how: Image.Resampling) -> ImageArray:
    """Return the image with WIDEST pixels on the longer side."""
    height, width = _shown_size(image.shape)
    return np.asarray(Image.fromarray(image).resize((width, height), how))


def _shown_size(shape: tuple[int, ...]) -> tuple[int, int]:
    scale = WIDEST / max(shape[:2])
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def _outlined(image: ImageArray, inside: NDArray[np.bool_]) -> ImageArray:
    """Return the image with the border of some of its pixels drawn; `inside` (H, W) has the size before resizing."""
    height, width = image.shape[:2]
    large = Image.fromarray(inside.astype(np.uint8)).resize((width, height), Image.Resampling.NEAREST)
    padded = np.pad(np.asarray(large) > 0, 1, mode="edge")
    center = padded[1:-1, 1:-1]
    around = padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    drawn = image.copy()
    drawn[around & ~center] = OUTLINE
    return drawn
