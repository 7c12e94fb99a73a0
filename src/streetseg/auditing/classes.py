"""The classes of an audited data set: their worst images, what they are confused with, and which need more images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streetseg.auditing.evidence import Evidence
from streetseg.auditing.scoring import Suspect, image_sizes
from streetseg.metrics.bootstrap import interval
from streetseg.metrics.scores import class_scores, margins
from streetseg.text import counted

FEW, WIDE, LOW = 20, 0.2, 0.5  # images with a class, width of the interval of its IoU, IoU
RULE = (
    f"A class needs more images if fewer than {FEW} show it, if the 95 % interval of its IoU is wider than "
    f"{100 * WIDE:.0f} points, or if its IoU is below {100 * LOW:.0f} %."
)
LARGE_ENOUGH = 0.002  # a class that covers less of an image is not judged by that image
WORST = 4  # images that are named for each class
SYSTEMATIC, SEVERAL = 0.05, 3  # share of a class that goes to another one, and the images in which some of it does
EXAMPLES = 3  # regions that are shown of a confusion


@dataclass(frozen=True)
class ClassState:
    """One class of the data set.

    Args:
        name: the class.
        images: number of images whose labels have it.
        share: share of all labeled pixels, 0..1.
        iou: IoU of the network's class with the labels; NaN where neither has it.
        low, high: the 95 % interval of the IoU; NaN for too few images.
        needs: why it needs more images, by `RULE`; empty if it does not.
        worst: numbers of the images with the lowest IoU of the class, and that IoU.
    """

    name: str
    images: int
    share: float
    iou: float
    low: float
    high: float
    needs: tuple[str, ...]
    worst: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Mixup:
    """Two classes of which the network takes one for the other again and again.

    Args:
        label, predicted: ids of the two classes.
        share: share of the pixels labeled as the one that the network gives to the other, 0..1.
        images: number of images in which it does.
        examples: regions with the most mass, from different images.
    """

    label: int
    predicted: int
    share: float
    images: int
    examples: tuple[Suspect, ...]


def class_states(evidence: Evidence) -> list[ClassState]:
    """Return the classes in the order of their ids."""
    counts = evidence.counts
    correct, ground_truth, predicted = margins(counts.total)
    iou = class_scores(correct, ground_truth, predicted)["iou"]
    bounds = interval(counts).per_class["iou"]
    with_class = (counts.counts.sum(axis=2) > 0).sum(axis=0)
    states = []
    for k, name in enumerate(evidence.space.names):
        low, high = map(float, bounds[k])
        states.append(
            ClassState(
                name=name,
                images=int(with_class[k]),
                share=float(ground_truth[k] / max(ground_truth.sum(), 1)),
                iou=float(iou[k]),
                low=low,
                high=high,
                needs=needs(int(with_class[k]), float(iou[k]), high - low),
                worst=_worst(evidence, k),
            )
        )
    return states


def needs(images: int, iou: float, width: float) -> tuple[str, ...]:
    """Return why a class needs more images, by `RULE`; comparisons with NaN are false."""
    reasons = []
    if images < FEW:
        reasons.append(f"in {counted(images, 'image')}")
    if width > WIDE:
        reasons.append(f"interval {100 * width:.0f} points wide")
    if iou < LOW:
        reasons.append(f"IoU {100 * iou:.1f} %")
    return tuple(reasons)


def _worst(evidence: Evidence, k: int) -> tuple[tuple[int, float], ...]:
    counts = evidence.counts.counts
    correct, covered = counts[:, k, k], counts[:, k].sum(axis=1) + counts[:, :, k].sum(axis=1) - counts[:, k, k]
    judged = np.flatnonzero(covered >= np.maximum(LARGE_ENOUGH * image_sizes(evidence), 1))
    iou = correct[judged] / covered[judged]
    order = np.argsort(iou, kind="stable")[:WORST]
    return tuple((int(judged[i]), float(iou[i])) for i in order)


def mixups(evidence: Evidence, ranked: Sequence[Suspect]) -> list[Mixup]:
    """Return the systematic confusions, those of the largest part of their class first."""
    total, in_images = evidence.counts.total, (evidence.counts.counts > 0).sum(axis=0)
    shares: NDArray[np.float64] = total / np.maximum(total.sum(axis=1, keepdims=True), 1)
    np.fill_diagonal(shares, 0)
    pairs = np.argwhere((shares >= SYSTEMATIC) & (in_images >= SEVERAL)).tolist()
    found = [
        Mixup(label, other, float(shares[label, other]), int(in_images[label, other]), _examples(ranked, label, other))
        for label, other in pairs
    ]
    return sorted(found, key=lambda mixup: (-mixup.share, mixup.label, mixup.predicted))


def _examples(ranked: Sequence[Suspect], label: int, predicted: int) -> tuple[Suspect, ...]:
    """Return the regions of a confusion with the most mass, one per image."""
    of_pair = [s for s in ranked if (s.region.label, s.region.predicted) == (label, predicted)]
    of_image: dict[int, Suspect] = {}
    for suspect in sorted(of_pair, key=lambda s: -s.region.mass):
        of_image.setdefault(suspect.region.image, suspect)
    return tuple(of_image.values())[:EXAMPLES]
