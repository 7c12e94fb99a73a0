"""The units of the bootstrap: images, or if their videos are known, whole videos or clips of them.

Frames of one video are not independent, so whole videos are drawn (the cluster bootstrap: Davison & Hinkley, Bootstrap
Methods and their Application, 1997, section 3.8). If there are too few videos, or a few hold most of the images, the
long ones are cut into clips of consecutive frames (the block bootstrap: Carlstein, Annals of Statistics 14, 1986). Such
an interval shows how a score varies within these videos, and nothing about other videos; `videos` and `note` say so.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streetseg.metrics.counts import Counts
from streetseg.metrics.student import FEWEST

CLIPS = 10  # a clip holds at most 1 / CLIPS of all images


@dataclass(frozen=True, eq=False)
class Units:
    """The units that the bootstrap draws with replacement.

    Args:
        of_image: int64 (N,), the unit number of each image.
        unit: the kind of unit, "image", "clip" or "sequence" (whole videos).
        videos: the number of videos of the images, if too few to generalize to other videos; else None.
        note: a limit of the intervals that a reader must know; None if there is none.
    """

    of_image: NDArray[np.int64]
    unit: str
    videos: int | None = None
    note: str | None = None

    @property
    def count(self) -> int:
        """The number of units."""
        return int(self.of_image.max()) + 1

    @property
    def effective(self) -> int:
        """The effective number of units of equal size, rounded down (Kish, Survey Sampling, 1965, 11.7)."""
        images = np.bincount(self.of_image).astype(np.float64)
        return int(images.sum() ** 2 / (images**2).sum() + 1e-9)


def units_of(counts: Counts) -> Units:
    """Return the units of the images of `counts`: whole videos where possible, else clips, else images."""
    images = np.arange(len(counts.names))
    videos = {video: number for number, video in enumerate(sorted({name for name in counts.sequences if name}))}
    if len(images) < FEWEST:
        few = "one image says" if len(images) == 1 else f"{len(images)} images say"
        return Units(images, "image", note=f"{few} too little about others, so there is no interval")
    if not videos:
        return Units(images, "image")
    if None in counts.sequences:
        note = "the video of some images is unknown; images were drawn as if independent, so the interval is too narrow"
        return Units(images, "image", note=note)
    whole = Units(np.array([videos[name] for name in counts.sequences if name]), "sequence")
    if whole.effective >= FEWEST:
        return whole
    few = "one video" if len(videos) == 1 else f"{len(videos)} videos"
    why = "too few" if len(videos) < FEWEST else "too unequal in length"
    note = (
        f"the {len(images)} images are frames of {few}, {why} to draw whole videos; clips of consecutive frames were "
        "drawn, so the interval says nothing about other streets, and even for these it may be somewhat too narrow"
    )
    return Units(_clips(counts.names, whole.of_image), "clip", len(videos), note)


def _clips(names: Sequence[str], videos: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the clip number of each image, int64 (N,). A video with at most 1 / CLIPS of the images is one clip.

    Args:
        names: the sample names, which hold the frame numbers.
        videos: int64 (N,), the video number of each image.
    """
    longest = -(-len(names) // CLIPS)
    clips, first = np.zeros(len(names), np.int64), 0
    for video in range(int(videos.max()) + 1):
        frames = sorted(np.flatnonzero(videos == video).tolist(), key=lambda i: _frame_order(names[i]))
        parts = -(-len(frames) // longest)
        clips[frames] = first + np.arange(len(frames)) * parts // len(frames)
        first += parts
    return clips


def _frame_order(name: str) -> list[str | int]:
    """Return a sort key that compares the numbers in names of frames as numbers: frame 10 comes after frame 9."""
    return [int(part) if i % 2 else part for i, part in enumerate(re.split(r"(\d+)", name))]
