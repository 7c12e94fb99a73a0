"""Find class ids whose meaning changes from image to image, by the colors of the images.

Some labeling tools number the classes anew in each file. Only the images show this: one id is sky in one image and
road in another. In correct data the color of a class varies too, with the light and the scene, but exchanging ids
within an image reduces the variation only a little. So the search exchanges ids, image by image, as long as the colors
of each id come closer to its median color. If this removes nearly all of the variation, the ids are suspect.

Measured share of the variation that remains: 0.2 and more in CamVid and in rendered scenes. In 1,800 random subsets of
6 to 12 of these images, also in gray or with 4 classes, it is below 0.05 in 0.4 % of the subsets, never in RGB with all
classes. If CamVid's ids are assigned at random in each image, it is 0.02 to 0.07.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from streetseg.data.check.remarks import Entry, Remark, Seen
from streetseg.data.check.sample import SampleStats
from streetseg.data.source import Sample, Source

_SUSPECT, _SUSPECT_IF_FEW = 0.1, 0.05  # remaining share of variation; in few images chance removes more of it
_FEW = 40  # below this many images, the second threshold holds
_CLASSES = 4  # least number of classes in an image, so that its colors can be compared whatever the light
_IMAGES = 6  # least number of images for a median color
_COMPARED = 200  # largest number of images to compare
_ROUNDS = 6


def jumps(source: Source, seen: Seen) -> Iterator[Remark]:
    """Yield a remark on the images in which ids seem to have another meaning than in most images."""
    every = [pair for samples in seen.values() for pair in samples if len(pair[1].colors) >= _CLASSES]
    pairs = every[:: max(1, -(-len(every) // _COMPARED))]
    if len(pairs) < _IMAGES:
        return
    colors = np.stack([_relative(stats, source.space.num_classes) for _, stats in pairs])
    remaining, similar = exchanged(colors)
    if remaining > (_SUSPECT_IF_FEW if len(pairs) < _FEW else _SUSPECT):
        return
    entries = tuple(_entries(source.space.names, pairs, similar))
    yield Remark(
        "jumps",
        f"classes look like others in {len(entries)} of {len(pairs)} images that were compared: do the ids mean the"
        " same in every mask? Some tools number the classes anew in each file",
        entries,
    )


def exchanged(colors: NDArray[np.float64]) -> tuple[float, NDArray[np.intp]]:
    """Exchange ids within each image to minimize the variation of the colors of each id.

    Args:
        colors: float64 (N, C, 3), the mean color of each id in each image; NaN if the image lacks the id.

    Returns:
        The remaining share of the variation, 0 to 1, and for each image and id the id with the most similar colors,
        (N, C).
    """
    similar = np.tile(np.arange(colors.shape[1]), (len(colors), 1))
    before = _variation(colors, similar)
    for _ in range(_ROUNDS):
        medians = _medians(colors, similar)
        distances = ((colors[:, :, None] - medians[None, None]) ** 2).sum(axis=-1)  # image, id, other id
        distances = np.where(np.isnan(colors[:, :, :1]), 0.0, np.nan_to_num(distances, nan=1e9))
        for ids, costs in zip(similar, distances, strict=True):
            _exchange(ids, costs)
    return (_variation(colors, similar) / before if before else 1.0), similar


def _exchange(ids: NDArray[np.intp], costs: NDArray[np.float64]) -> None:
    """Exchange, in place, the two ids that reduce the costs most; repeat while the costs fall."""
    for _ in range(len(ids) ** 2):
        now = costs[np.arange(len(ids)), ids]
        swapped = costs[:, ids]
        gains = now[:, None] + now[None] - swapped - swapped.T
        first, second = divmod(int(gains.argmax()), len(ids))
        if gains[first, second] <= 1e-9:
            return
        ids[[first, second]] = ids[[second, first]]


def _medians(colors: NDArray[np.float64], ids: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the median color of each id, float64 (C, 3); NaN if no image has the id."""
    medians = np.full(colors.shape[1:], np.nan)
    for i in range(len(medians)):
        present = colors[ids == i]
        present = present[~np.isnan(present[:, 0])]
        if len(present):
            medians[i] = np.median(present, axis=0)
    return medians


def _variation(colors: NDArray[np.float64], ids: NDArray[np.intp]) -> float:
    """Return the sum of the squared distances of all colors to the median color of their id."""
    return float(np.nansum((colors - _medians(colors, ids)[ids]) ** 2))


def _relative(stats: SampleStats, classes: int) -> NDArray[np.float64]:
    """Return the color of each id, float64 (C, 3), normalized by the mean and spread of the colors of the image."""
    colors = np.full((classes, 3), np.nan)
    for class_id, color in stats.colors.items():
        colors[class_id] = color
    colors -= np.nanmean(colors, axis=0)
    spread = np.sqrt(np.nanmean(colors**2))
    return colors / spread if spread else colors


def _entries(
    names: Sequence[str], pairs: Sequence[tuple[Sample, SampleStats]], similar: NDArray[np.intp]
) -> Iterator[Entry]:
    for (sample, stats), ids in zip(pairs, similar, strict=True):
        unlike = [f"{names[i]} looks like {names[ids[i]]}" for i in stats.colors if ids[i] != i]
        if unlike:
            yield Entry((sample.mask,), ", ".join(unlike[:3]))
