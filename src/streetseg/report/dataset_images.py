"""The images of the page about a data set: classes in their own light, and whatever can be shown of a bad file."""

from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from streetseg.data.check.findings import Findings
from streetseg.data.files import FileError
from streetseg.data.images import opened, read_image
from streetseg.data.source import Sample, Source
from streetseg.errors import DataError
from streetseg.labels.space import fresh_colors
from streetseg.report.page import jpeg_uri, png_uri

EXAMPLES = 4  # images of a class
WIDEST = 360  # pixels
_LIGHT, _GRAY = 0.22, 128  # outside the class: so much of the image's contrast, about this gray
_OUTLINE = (255, 214, 0)

ImageArray = NDArray[np.uint8]


@dataclass(frozen=True)
class Shown:
    """An inlined image with its words; without `uri` the words stand alone."""

    caption: str
    alt: str
    uri: str | None
    width: int = 0
    height: int = 0


def class_examples(findings: Findings, source: Source, class_id: int) -> list[Shown]:
    """Images with the class, from the one that has most of it down the ranks, each with its share of the image."""
    every = chain.from_iterable(found.samples for found in findings.splits.values())
    having = [(sample, stats) for sample, stats in every if stats.counts[class_id]]
    having.sort(key=lambda pair: -pair[1].counts[class_id])
    places = dict.fromkeys(round(k * (len(having) - 1) / EXAMPLES) for k in range(EXAMPLES)) if having else ()
    name = findings.space.names[class_id]
    shown = []
    for sample, stats in (having[place] for place in places):
        share = 100 * stats.counts[class_id] / stats.counts.sum()
        image = _lit(source.read_image(sample), source.read_mask(sample) == class_id)
        words = f"{share:.1f} %" if share >= 0.1 else f"{stats.counts[class_id]:,} pixels"
        shown.append(_shown(image, f"{sample.name}: {words}", f"{sample.name}, {name} in its own light"))
    return shown


def image_of(sample: Sample, source: Source) -> Shown:
    """A sample's image."""
    try:
        return _shown(source.read_image(sample), sample.name, f"{sample.name}, the image")
    except DataError as error:
        return Shown(f"{sample.name}: {error.problem}", "", None)


def files_of(error: DataError, source: Source) -> list[Shown]:
    """What can be shown of a file that cannot be used: itself, and the other file of its sample."""
    if not isinstance(error, FileError):
        return []
    mine = sample_at(source, error.place)
    if mine is None:
        return [_raw(error.place, source.max_pixels)]
    return [image_of(mine, source), _raw(mine.mask, source.max_pixels)]


def sample_at(source: Source, place: str) -> Sample | None:
    """The sample that a file belongs to."""
    every = chain.from_iterable(source.splits.values())
    return next((sample for sample in every if place in (sample.image, sample.mask)), None)


def _raw(place: str, max_pixels: int) -> Shown:
    """A file as it is stored; where it has one channel, each value in a color of its own."""
    name = place.rpartition("/")[2]
    with suppress(DataError):
        with opened(place, max_pixels) as image:
            values = np.asarray(image)
        if values.ndim == 2:
            return _shown(_colored(values), f"{name}, each value a color", f"{name}, as stored", sharp=True)
        return _shown(read_image(place, max_pixels=max_pixels), name, f"{name}, as stored", sharp=True)
    return Shown(f"{name} cannot be shown", "", None)


def _colored(values: NDArray[np.generic]) -> ImageArray:
    """Values of any type (H, W) as RGB, the same value always in the same color; colors repeat after 256 values."""
    colors = np.array(list(islice(fresh_colors([]), 256)), np.uint8)
    colored: ImageArray = colors[values.astype(np.int64) % 256]
    return colored


def _lit(image: ImageArray, inside: NDArray[np.bool_]) -> ImageArray:
    """The image as large as it is shown, with everything outside faded to gray and the border drawn."""
    image = _reduced(image, Image.Resampling.LANCZOS)
    inside = _reduced(inside.astype(np.uint8), Image.Resampling.NEAREST) > 0
    faded = _GRAY + _LIGHT * (image.mean(axis=2, keepdims=True) - _GRAY)
    lit: ImageArray = np.where(inside[..., None], image, faded.astype(np.uint8))
    around = np.pad(inside, 1, mode="edge")
    surrounded = around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    lit[inside & ~surrounded] = _OUTLINE
    return lit


def _shown(image: ImageArray, caption: str, alt: str, *, sharp: bool = False) -> Shown:
    """`sharp` for drawings: reduced without blending colors, and inlined without loss."""
    small = _reduced(image, Image.Resampling.NEAREST if sharp else Image.Resampling.LANCZOS)
    height, width = small.shape[:2]
    return Shown(caption, alt, png_uri(small) if sharp else jpeg_uri(small), width, height)


def _reduced(image: ImageArray, how: Image.Resampling) -> ImageArray:
    """At most WIDEST pixels in either direction."""
    scale = min(1.0, WIDEST / max(image.shape[:2]))
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    return image if scale == 1 else np.asarray(Image.fromarray(image).resize((width, height), how))
