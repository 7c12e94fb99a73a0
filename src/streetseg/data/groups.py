"""Groups of images that belong together, so that one of them tells about the others: a split may not divide them.

Images belong together if they are frames of one video, lie in one folder of several, were taken within `SECONDS` by
their EXIF, or look nearly the same. What holds for a chain of images holds for its ends. Where a source knows no video,
images are frames of one if their names differ in the last number only, as 0006R0_f00930 and 0006R0_f00960, and other
names begin in another way.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import PurePosixPath

from streetseg.data.check.perceptual_hash import alike_pairs
from streetseg.data.exif import read_taken
from streetseg.data.source import Sample
from streetseg.errors import DataError

SECONDS = 10.0  # photos taken at most this far apart show the same street

_NUMBERED = re.compile(r"(.*[^0-9])([0-9]+)", re.DOTALL)  # a name that ends in a number

Series = list[int]  # indices of images in the order in which they were taken
Group = tuple[int, ...]


def series_of(samples: Sequence[Sample], names: Sequence[str], *, largest: float, max_pixels: int) -> list[Series]:
    """Return the videos, folders and rides among the samples; a sample may be in several of them or in none.

    Args:
        samples: sorted by name.
        names: of the samples, without the split that they come from.
        largest: folders count only if none of them has more images than this; one that has is no place, but a heap.
        max_pixels: the largest number of pixels that an image may have.
    """
    videos: dict[str, list[tuple[int, int]]] = {}  # (frame, index)
    numbered: dict[str, list[tuple[int, int]]] = {}
    folders: dict[PurePosixPath, Series] = {}
    for index, (sample, name) in enumerate(zip(samples, names, strict=True)):
        if sample.sequence is not None:
            videos.setdefault(sample.sequence, []).append((sample.frame or 0, index))
            continue
        folders.setdefault(PurePosixPath(name).parent, []).append(index)
        if match := _NUMBERED.fullmatch(name):
            numbered.setdefault(match[1], []).append((int(match[2]), index))
    frames = [*videos.values(), *(numbered.values() if len(numbered) > 1 else ())]
    places = folders.values() if all(len(images) <= largest for images in folders.values()) else ()
    photos = [index for images in folders.values() for index in images]
    return [*([index for _, index in sorted(video)] for video in frames), *places, *_rides(samples, photos, max_pixels)]


def _rides(samples: Sequence[Sample], photos: Sequence[int], max_pixels: int) -> Iterator[Series]:
    """Yield the photos that follow one another within `SECONDS`."""
    timed = sorted((time, index) for index in photos if (time := _time(samples[index], max_pixels)) is not None)
    ride: Series = []
    last = 0.0
    for time, index in timed:
        if ride and time - last > SECONDS:
            yield ride
            ride = []
        ride.append(index)
        last = time
    yield ride


def _time(sample: Sample, max_pixels: int) -> float | None:
    """Return when the image was taken, in seconds; None if it is unknown or the file cannot be read."""
    try:
        taken = read_taken(sample.image, max_pixels).time
    except DataError:  # the check of the split that gets the image names it
        return None
    if taken is None:
        return None
    time = datetime.fromisoformat(taken)
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def cut(series: Iterable[Series], largest: float) -> Iterator[Series]:
    """Yield the series; those of more than `largest` images in equal stretches of about half as many."""
    for images in series:
        stretches = -(-2 * len(images) // max(1, round(largest))) if len(images) > largest else 1
        ends = [round(len(images) * part / stretches) for part in range(stretches + 1)]
        yield from (images[start:end] for start, end in pairwise(ends))


def grouped(series: Iterable[Series], hashes: Sequence[bytes | None]) -> list[Group]:
    """Return the groups of samples that a series or a nearly equal hash connects, each sample in one of them.

    Args:
        series: indices of the samples that belong together.
        hashes: the perceptual hash of each sample; None for an image that cannot be read.
    """
    parents = list(range(len(hashes)))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = index = parents[parents[index]]
        return index

    known = [index for index, value in enumerate(hashes) if value is not None]
    links = [pair for images in series for pair in pairwise(images)]
    links += [(known[one], known[other]) for one, other in alike_pairs([hashes[index] or b"" for index in known])]
    for one, other in links:
        low, high = sorted((root(one), root(other)))
        parents[high] = low
    groups: dict[int, list[int]] = {}
    for index in range(len(hashes)):
        groups.setdefault(root(index), []).append(index)
    return [tuple(group) for group in groups.values()]
