"""Class ids that seem to mean another thing from image to image, by the color of the images under them.

Labeling tools that number the classes anew in each file write masks that nothing gives away but the images: what lies
under an id is sky here and road there. In sound data the color under a class varies too, with the light and with what
is there, but exchanging ids within images hardly makes it vary less. So ids are exchanged, image by image, as long as
the colors under each id come closer to its usual one; if nearly all of the variation goes away, the ids are suspect.

Measured (what is left of the variation): in CamVid and drawn scenes 0.2 and more; of 6 to 12 of their images, drawn
1,800 times, and made gray or cut to 4 classes, less than 0.05 in 0.4 % and never in RGB with all classes. With CamVid's
ids assigned anew in each image it is 0.02 to 0.07.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from streetseg.data.check.remarks import Entry, Remark, Seen
from streetseg.data.check.sample import SampleStats
from streetseg.data.source import Sample, Source

_LEFT, _LEFT_OF_FEW = 0.1, 0.05  # of the variation; in few images more of it goes away by chance
_FEW = 40
_CLASSES = 4  # an image must show, so that colors can be compared whatever the light
_IMAGES = 6  # at least, to speak of a usual color
_COMPARED = 200  # images at most
_ROUNDS = 6


def jumps(source: Source, seen: Seen) -> Iterator[Remark]:
    """A remark that names the images whose ids seem to mean something else than in most."""
    every = [pair for samples in seen.values() for pair in samples if len(pair[1].colors) >= _CLASSES]
    pairs = every[:: max(1, -(-len(every) // _COMPARED))]
    if len(pairs) < _IMAGES:
        return
    colors = np.stack([_relative(stats, source.space.num_classes) for _, stats in pairs])
    left, meant = exchanged(colors)
    if left > (_LEFT_OF_FEW if len(pairs) < _FEW else _LEFT):
        return
    entries = tuple(_entries(source.space.names, pairs, meant))
    yield Remark(
        "jumps",
        f"classes look like others in {len(entries)} of {len(pairs)} images that were compared: do the ids mean the"
        " same in every mask? Some tools number the classes anew in each file",
        entries,
    )


def exchanged(colors: NDArray[np.float64]) -> tuple[float, NDArray[np.intp]]:
    """Exchange ids within images, until the colors under each id vary as little as they can.

    Args:
        colors: float64 (N, C, 3), the color under each id of each image, NaN where it is not there.

    Returns what is left of the variation, 0 to 1, and for each image and id the id that it looks like, (N, C).
    """
    meant = np.tile(np.arange(colors.shape[1]), (len(colors), 1))
    before = _variation(colors, meant)
    for _ in range(_ROUNDS):
        usual = _usual(colors, meant)
        distances = ((colors[:, :, None] - usual[None, None]) ** 2).sum(axis=-1)  # image, id, id that it may be
        distances = np.where(np.isnan(colors[:, :, :1]), 0.0, np.nan_to_num(distances, nan=1e9))
        for ids, costs in zip(meant, distances, strict=True):
            _exchange(ids, costs)
    return (_variation(colors, meant) / before if before else 1.0), meant


def _exchange(ids: NDArray[np.intp], costs: NDArray[np.float64]) -> None:
    """Exchange, in place, the two ids that gain most, as long as any do."""
    for _ in range(len(ids) ** 2):
        now = costs[np.arange(len(ids)), ids]
        swapped = costs[:, ids]
        gains = now[:, None] + now[None] - swapped - swapped.T
        first, second = divmod(int(gains.argmax()), len(ids))
        if gains[first, second] <= 1e-9:
            return
        ids[[first, second]] = ids[[second, first]]


def _usual(colors: NDArray[np.float64], meant: NDArray[np.intp]) -> NDArray[np.float64]:
    """The median color of each id, float64 (C, 3); NaN where no image has it."""
    usual = np.full(colors.shape[1:], np.nan)
    for i in range(len(usual)):
        there = colors[meant == i]
        there = there[~np.isnan(there[:, 0])]
        if len(there):
            usual[i] = np.median(there, axis=0)
    return usual


def _variation(colors: NDArray[np.float64], meant: NDArray[np.intp]) -> float:
    """Sum of squared distances of all colors to the usual ones."""
    return float(np.nansum((colors - _usual(colors, meant)[meant]) ** 2))


def _relative(stats: SampleStats, classes: int) -> NDArray[np.float64]:
    """The colors under the ids, float64 (C, 3), relative to the light and contrast of their image."""
    colors = np.full((classes, 3), np.nan)
    for class_id, color in stats.colors.items():
        colors[class_id] = color
    colors -= np.nanmean(colors, axis=0)
    spread = np.sqrt(np.nanmean(colors**2))
    return colors / spread if spread else colors


def _entries(
    names: Sequence[str], pairs: Sequence[tuple[Sample, SampleStats]], meant: NDArray[np.intp]
) -> Iterator[Entry]:
    for (sample, stats), ids in zip(pairs, meant, strict=True):
        unlike = [f"{names[i]} looks like {names[ids[i]]}" for i in stats.colors if ids[i] != i]
        if unlike:
            yield Entry((sample.mask,), ", ".join(unlike[:3]))
