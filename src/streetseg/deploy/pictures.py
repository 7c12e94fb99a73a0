"""Real pictures for the checks of an export: of the data a person names, else of the built-in scenes."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from streetseg.arrays import Size, input_size, resize_image
from streetseg.data.source import Sample, Source
from streetseg.deploy.checks import SIZES
from streetseg.errors import DataError
from streetseg.inference.backend_numpy import resize_images

CHECKED = 4  # pictures at the size the network works at


def check_pictures(source: Source, split: str, trained: Size | None) -> list[NDArray[np.uint8]]:
    """Batches uint8 (B, 3, H, W): a few pictures as the network sees them, and parts of them at odd sizes."""
    seen = [picture for _, picture in as_seen(source, spread(samples_of(source, split), CHECKED), trained)]
    parts = [resize_images(np.concatenate([seen[0], seen[0][..., ::-1]]), size) for size in SIZES]
    return [*seen, *parts]


def as_seen(
    source: Source, samples: tuple[Sample, ...], trained: Size | None
) -> Iterator[tuple[Sample, NDArray[np.uint8]]]:
    """Each sample and its picture, uint8 (1, 3, H, W), at the size at which the network sees it."""
    for sample in samples:
        image = source.read_picture(sample)
        seen = resize_image(image, input_size((image.shape[0], image.shape[1]), trained))
        yield sample, np.ascontiguousarray(seen.transpose(2, 0, 1)[None])


def samples_of(source: Source, split: str) -> tuple[Sample, ...]:
    """The samples of a split. Raises DataError if it has none."""
    samples = source.splits.get(split)
    if not samples:
        raise DataError(
            f"split {split!r} has no pictures (found {', '.join(source.splits) or 'no splits'})", where=source.spec
        )
    return samples


def spread(samples: tuple[Sample, ...], count: int) -> tuple[Sample, ...]:
    """So many of the samples, evenly spaced, as neighbours in a video are alike."""
    return samples[:: max(1, len(samples) // count)][:count]
