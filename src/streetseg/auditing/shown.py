"""Crops of images on the page of an audit: the image, its labels, and what the network sees."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from streetseg.auditing.evidence import Evidence, Part
from streetseg.auditing.reading import read
from streetseg.auditing.regions import Region, connected
from streetseg.data.source import Source
from streetseg.inference.output import color_map
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


class Crops:
    """Makes the crops of a page.

    Args:
        parts: the images and networks, as they were audited.
        evidence: what they gave.
        source: images at their own size.
    """

    def __init__(self, parts: Sequence[Part], evidence: Evidence, source: Source) -> None:
        self._parts = parts
        self._evidence = evidence
        self._source = source
        self._opened = lru_cache(maxsize=8)(self._open)

    def of_region(self, region: Region) -> list[Layer]:
        """Return image, labels and prediction around a region, its outline drawn."""
        image, labels, predicted = self._opened(region.image)
        box = _box_around(region, labels.shape)
        inside = _pixels_of(region, labels, predicted)[box]
        return self._layers(region.image, image[box], labels[box], predicted[box], inside)

    def of_image(self, number: int) -> list[Layer]:
        """Return a whole image, its labels and the prediction."""
        image, labels, predicted = self._opened(number)
        return self._layers(number, image, labels, predicted, np.zeros(labels.shape, np.bool_))

    def _layers(
        self, number: int, image: ImageArray, labels: ImageArray, predicted: ImageArray, inside: NDArray[np.bool_]
    ) -> list[Layer]:
        name, space = self._evidence.samples[number].name, self._evidence.space
        small = _outlined(_resized(image, Image.Resampling.LANCZOS), inside)
        maps = [
            _outlined(_resized(color_map(ids, space), Image.Resampling.NEAREST), inside) for ids in (labels, predicted)
        ]
        height, width = small.shape[:2]
        return [
            Layer(jpeg_uri(small), f"{name}, the image", "image", width, height),
            Layer(png_uri(maps[0]), f"{name}, the labels", "labels", width, height),
            Layer(png_uri(maps[1]), f"{name}, the prediction", "network", width, height),
        ]

    def _open(self, number: int) -> tuple[ImageArray, ImageArray, ImageArray]:
        """Return an image uint8 (H, W, 3) at the size of its labels, its labels and its prediction uint8 (H, W)."""
        part, i = self._evidence.places[number]
        reading = read(self._parts[part].predictor, *self._parts[part].store[i])
        image = Image.fromarray(self._source.read_image(self._evidence.samples[number]))
        height, width = reading.labels.shape
        return np.asarray(image.resize((width, height))), reading.labels, reading.predicted


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
