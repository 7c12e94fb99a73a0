"""Images of the page about a data set: examples of each class, and the files of a finding."""

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

EXAMPLES = 4  # number of example images of a class
WIDEST = 360  # longest side of a shown image in pixels
_CONTRAST, _GRAY = 0.22, 128  # outside the class, contrast is reduced by this factor around this gray
_OUTLINE = (255, 214, 0)

ImageArray = NDArray[np.uint8]


@dataclass(frozen=True)
class Shown:
    """An inlined image with its caption; without `uri` only the caption is shown."""

    caption: str
    alt: str
    uri: str | None
    width: int = 0
    height: int = 0


def class_examples(findings: Findings, source: Source, class_id: int) -> list[Shown]:
    """Return images that contain a class, at equal steps of their rank by its pixels, with its share of each image."""
    samples = chain.from_iterable(split.samples for split in findings.splits.values())
    ranked = [(sample, stats) for sample, stats in samples if stats.counts[class_id]]
    ranked.sort(key=lambda pair: -pair[1].counts[class_id])
    ranks = dict.fromkeys(round(k * (len(ranked) - 1) / EXAMPLES) for k in range(EXAMPLES)) if ranked else ()
    name = findings.space.names[class_id]
    shown = []
    for sample, stats in (ranked[rank] for rank in ranks):
        share = 100 * stats.counts[class_id] / stats.counts.sum()
        image = _highlight(source.read_image(sample), source.read_mask(sample) == class_id)
        amount = f"{share:.1f} %" if share >= 0.1 else f"{stats.counts[class_id]:,} pixels"
        shown.append(_shown(image, f"{sample.name}: {amount}", f"{sample.name}, {name} highlighted"))
    return shown


def image_of(sample: Sample, source: Source) -> Shown:
    """Return the image of a sample, or a caption with the reason why it cannot be read."""
    try:
        return _shown(source.read_image(sample), sample.name, f"{sample.name}, the image")
    except DataError as error:
        return Shown(f"{sample.name}: {error.problem}", "", None)


def files_of(error: DataError, source: Source) -> list[Shown]:
    """Return the file that an error is about, and the other file of its sample; empty if it is not about a file."""
    if not isinstance(error, FileError):
        return []
    sample = sample_at(source, error.place)
    if sample is None:
        return [_raw(error.place, source.max_pixels)]
    return [image_of(sample, source), _raw(sample.mask, source.max_pixels)]


def sample_at(source: Source, place: str) -> Sample | None:
    """Return the sample that a file belongs to; None where there is none."""
    samples = chain.from_iterable(source.splits.values())
    return next((sample for sample in samples if place in (sample.image, sample.mask)), None)


def _raw(place: str, max_pixels: int) -> Shown:
    """Return a file without conversion; if it has one channel, each value gets its own color."""
    name = place.rpartition("/")[2]
    with suppress(DataError):
        with opened(place, max_pixels) as image:
            values = np.asarray(image)
        if values.ndim == 2:
            return _shown(_colored(values), f"{name}, each value a color", f"{name}, as stored", sharp=True)
        return _shown(read_image(place, max_pixels=max_pixels), name, f"{name}, as stored", sharp=True)
    return Shown(f"{name} cannot be shown", "", None)


def _colored(values: NDArray[np.generic]) -> ImageArray:
    """Return values (H, W) of any dtype as uint8 RGB (H, W, 3), one color per value; 256 colors, which then repeat."""
    colors = np.array(list(islice(fresh_colors([]), 256)), np.uint8)
    colored: ImageArray = colors[values.astype(np.int64) % 256]
    return colored


def _highlight(image: ImageArray, inside: NDArray[np.bool_]) -> ImageArray:
    """Return the image at the size that is shown; pixels outside `inside` (H, W) are gray, its border is drawn."""
    image = _reduced(image, Image.Resampling.LANCZOS)
    inside = _reduced(inside.astype(np.uint8), Image.Resampling.NEAREST) > 0
    faded = _GRAY + _CONTRAST * (image.mean(axis=2, keepdims=True) - _GRAY)
    highlighted: ImageArray = np.where(inside[..., None], image, faded.astype(np.uint8))
    padded = np.pad(inside, 1, mode="edge")
    interior = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    highlighted[inside & ~interior] = _OUTLINE
    return highlighted


def _shown(image: ImageArray, caption: str, alt: str, *, sharp: bool = False) -> Shown:
    """Return an image with its caption, at the size that is shown.

    Args:
        sharp: do not mix colors when resizing, and inline the image as PNG: for label maps.
    """
    small = _reduced(image, Image.Resampling.NEAREST if sharp else Image.Resampling.LANCZOS)
    height, width = small.shape[:2]
    return Shown(caption, alt, png_uri(small) if sharp else jpeg_uri(small), width, height)


def _reduced(image: ImageArray, how: Image.Resampling) -> ImageArray:
    """Return the image, reduced to at most WIDEST pixels on the longer side."""
    scale = min(1.0, WIDEST / max(image.shape[:2]))
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    return image if scale == 1 else np.asarray(Image.fromarray(image).resize((width, height), how))
