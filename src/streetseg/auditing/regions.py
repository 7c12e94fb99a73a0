"""Connected regions in which a network contradicts the labels in one and the same way.

Connected components are ours, because the base install has no library for them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from streetseg.auditing.reading import Reading

FINEST = 200  # a border of 1/200 of the longer side is where two correct outlines differ
MOST = 200  # regions that are kept of one image, those with the most mass


@dataclass(frozen=True)
class Region:
    """Connected pixels of one label class that the network gives to one other class.

    Args:
        image: number of the image.
        label, predicted: ids of the two classes.
        left, top, width, height: the box around the region, pixels of the labels.
        pixels: size of the region.
        confidence: mean probability of the predicted class, 0..1.
        mass: sum over the core of the region of the probability of the predicted class less that of the label class,
            as a share of the image's pixels. The core is the region without its border, so that outlines that
            differ by a few pixels have none.
    """

    image: int
    label: int
    predicted: int
    left: int
    top: int
    width: int
    height: int
    pixels: int
    confidence: float
    mass: float


def regions_of(image: int, reading: Reading, num_classes: int, ignore_index: int) -> list[Region]:
    """Return the regions of an image that have a core, those with the most mass first.

    Args:
        image: number of the image.
        reading: labels and what the network says of them.
        num_classes: number of classes, C.
        ignore_index: label of pixels that count nowhere.
    """
    labels, predicted = reading.labels, reading.predicted
    differs = (labels != predicted) & (labels != ignore_index)
    keys = np.where(differs, labels.astype(np.int32) * num_classes + predicted + 1, 0)
    found = _measured(image, reading, keys, num_classes)
    return sorted(found, key=lambda region: (-region.mass, region.top, region.left))[:MOST]


def _measured(image: int, reading: Reading, keys: NDArray[np.int32], num_classes: int) -> Iterator[Region]:
    """Yield the regions with a core of a map of keys (H, W): label * C + predicted + 1, 0 where both agree."""
    inside = np.flatnonzero(keys)
    core = core_of(keys, max(1, round(max(keys.shape) / FINEST))).ravel()[inside]
    parts, count = connected(keys)
    numbers = parts.ravel()[inside]
    pixels = np.bincount(numbers, minlength=count)
    confidence = np.bincount(numbers, reading.confidence.ravel()[inside], count)
    mass = np.bincount(numbers, np.where(core, reading.margin.ravel()[inside], 0), count) / keys.size
    rows, columns = np.divmod(inside, keys.shape[1])
    top, bottom = _range_of(numbers, rows, count)
    left, right = _range_of(numbers, columns, count)
    key_of = np.zeros(count, np.int64)
    key_of[numbers] = keys.ravel()[inside]
    for k in np.flatnonzero(mass):
        label, other = divmod(int(key_of[k]) - 1, num_classes)
        yield Region(
            image=image,
            label=label,
            predicted=other,
            left=int(left[k]),
            top=int(top[k]),
            width=int(right[k] - left[k]) + 1,
            height=int(bottom[k] - top[k]) + 1,
            pixels=int(pixels[k]),
            confidence=float(confidence[k] / pixels[k]),
            mass=float(mass[k]),
        )


def _range_of(
    numbers: NDArray[np.int64], values: NDArray[np.int64], count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the smallest and the largest value of each number below `count`, int64 (count,) each."""
    low, high = np.full(count, np.iinfo(np.int64).max), np.full(count, -1)
    np.minimum.at(low, numbers, values)
    np.maximum.at(high, numbers, values)
    return low, high


def core_of(keys: NDArray[np.int32], border: int) -> NDArray[np.bool_]:
    """Return the pixels, bool (H, W), around which all pixels up to `border` away have the same key, not 0.

    Beyond the edge of the image the keys go on.
    """
    inside = keys != 0
    rows, columns = keys[1:] == keys[:-1], keys[:, 1:] == keys[:, :-1]
    inside[1:] &= rows
    inside[:-1] &= rows
    inside[:, 1:] &= columns
    inside[:, :-1] &= columns
    core = Image.fromarray(inside.astype(np.uint8))
    for _ in range(border - 1):
        core = core.filter(ImageFilter.MinFilter(3))
    return np.asarray(core) > 0


def connected(keys: NDArray[np.int32]) -> tuple[NDArray[np.int64], int]:
    """Return the connected parts of a map (H, W): pixels of one key that touch along a side.

    Each row is cut into runs of one key, and runs that touch are joined, until none has a lower neighbor.

    Returns:
        The number of each pixel's part, int64 (H, W), in the order of their first pixels, and the number of parts.
    """
    starts = np.ones(keys.shape, np.bool_)
    starts[:, 1:] = keys[:, 1:] != keys[:, :-1]
    runs = np.cumsum(starts.ravel()).reshape(keys.shape) - 1
    touching = keys[1:] == keys[:-1]
    count = int(runs[-1, -1]) + 1
    upper, lower = np.divmod(np.unique(runs[:-1][touching] * count + runs[1:][touching]), count)
    root = np.arange(count)
    while True:
        one, other = root[upper], root[lower]
        if (one == other).all():
            break
        least = np.minimum(one, other)
        np.minimum.at(root, one, least)
        np.minimum.at(root, other, least)
        while (root != root[root]).any():
            root = root[root]
    _, number = np.unique(root, return_inverse=True)
    parts: NDArray[np.int64] = number[runs]
    return parts, int(number.max()) + 1
