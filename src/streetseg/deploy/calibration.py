"""The calibration images of int8: few, and chosen so that every class is among them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streetseg.data.source import Sample, Source, short_name
from streetseg.deploy.checks import samples_of, spread

SPLIT = "train"
IMAGES = 32  # number of calibration images
CANDIDATES = 256  # masks that are read to choose from; more would take minutes of a large data set


@dataclass(frozen=True)
class Calibration:
    """The chosen images.

    Args:
        source: the data set that they are from.
        samples: the images, in the order in which they were chosen.
        shown: class name -> the number of chosen images that show it.
    """

    source: Source
    samples: tuple[Sample, ...]
    shown: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Return what the description of an exported file says of its calibration."""
        dataset = short_name(self.source.spec)
        return {"dataset": dataset, "split": SPLIT, "images": len(self.samples), "images_with_class": self.shown}

    def in_words(self) -> str:
        """Return one line: the images, and the classes that fewest of them show."""
        missing = [name for name, count in self.shown.items() if not count]
        count, fewest = min((count, name) for name, count in self.shown.items())
        classes = "every class in each" if count == len(self.samples) else f"all classes, {fewest} in {count} of them"
        if missing:
            classes = f"none shows {', '.join(missing)}"
        return f"calibrating on {len(self.samples)} images of {self.source.spec} {SPLIT} ({classes})"


def choose(source: Source, count: int = IMAGES) -> Calibration:
    """Choose images that show every class as often as possible; the same data give the same images.

    Up to CANDIDATES images are looked at, evenly spaced. One after the other, the image is taken whose classes were
    shown least so far; of equally good ones the one farthest from its neighbors, because frames of a video are alike.

    Raises:
        DataError: there is no split train, or a mask cannot be read.
    """
    candidates = scattered(spread(samples_of(source, SPLIT), CANDIDATES))
    present = np.stack([_classes(source, sample) for sample in candidates])
    chosen = cover(present, count)
    shown = present[chosen].sum(axis=0).tolist()
    return Calibration(source, tuple(candidates[i] for i in chosen), dict(zip(source.space.names, shown, strict=True)))


def scattered(samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    """Return the samples in an order whose first n are spread over all, for every n: that of van der Corput's sequence,
    in which the bits of each position are reversed."""
    bits = len(samples).bit_length()
    return tuple(samples[i] for i in sorted(range(len(samples)), key=lambda i: f"{i:0{bits}b}"[::-1]))


def cover(present: NDArray[np.bool_], count: int) -> list[int]:
    """Return `count` rows of `present`, or all, that cover the columns evenly; of equally good rows the first.

    Args:
        present: bool (N, C): whether image n shows class c.
        count: the number of rows.
    """
    shown = np.zeros(present.shape[1])
    left = np.ones(len(present), dtype=np.bool_)
    chosen: list[int] = []
    while len(chosen) < min(count, len(present)):
        # A class that was shown n times counts 4^-n: one that is missing outweighs three that were shown once.
        gain = np.where(left, present @ np.power(4.0, -shown), -1.0)
        best = int(gain.argmax())
        chosen.append(best)
        left[best] = False
        shown += present[best]
    return chosen


def _classes(source: Source, sample: Sample) -> NDArray[np.bool_]:
    """Return which classes the mask of a sample holds, bool (C,)."""
    return np.bincount(source.read_mask(sample).ravel(), minlength=256)[: source.space.num_classes] > 0
