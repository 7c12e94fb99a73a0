"""Rank the regions of an audit: which of them are most likely errors of the labels, and not of the network.

In the manner of confident learning (Northcutt, Jiang & Chuang, 2021): a network contradicts a label with confidence if
it is as sure of the other class as it is, on the average, of that class where the labels say so. How often it does so
for a pair of classes is counted over the data set, as in their confident joint. A network that often takes one class
for another contradicts correct labels, too; what the other images of the data set lead one to expect is set against
the region.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streetseg.auditing.evidence import Evidence
from streetseg.auditing.regions import Region

LEAST = 1e-4  # mass, as a share of the image, that is expected anywhere: a few pixels of a rare pair are no finding
CALM = 0.8  # share of the images that say what is expected: those that the network contradicts least

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Suspect:
    """A region and its score.

    Args:
        region: the region.
        expected: the mass that such regions have in this image, by the other images of the data set.
        score: how many times the expected mass the region has: mass / (expected + LEAST).
    """

    region: Region
    expected: float
    score: float


def suspects(evidence: Evidence) -> list[Suspect]:
    """Return the regions that the network contradicts with confidence, the highest score first.

    What is expected of a pair of classes in an image is the mass per pixel of the label's class in the other calm
    images, times the pixels of that class in this image. So a class that the network does not know well fills no list,
    and an error of the labels does not hide itself.
    """
    sure = thresholds(evidence)
    confident = [region for region in evidence.regions if region.confidence >= sure[region.predicted]]
    mass: dict[tuple[int, int, int], float] = {}
    for region in confident:
        key = (region.image, region.label, region.predicted)
        mass[key] = mass.get(key, 0.0) + region.mass
    calm = calm_images(mass, len(evidence.samples))
    pixels = evidence.counts.counts.sum(axis=2) / image_sizes(evidence)[:, None]  # share of each label class, (N, C)
    calm_pixels = pixels[calm].sum(axis=0)
    joint = np.zeros((evidence.space.num_classes, evidence.space.num_classes))
    for (image, label, predicted), of_pair in mass.items():
        joint[label, predicted] += of_pair * calm[image]

    found = []
    for region in confident:
        image, label, predicted = region.image, region.label, region.predicted
        own = calm[image]  # an image says nothing about what is expected of itself
        elsewhere = calm_pixels[label] - own * pixels[image, label]
        others = joint[label, predicted] - own * mass[image, label, predicted]
        expected = max(others, 0.0) / elsewhere * pixels[image, label] if elsewhere > 0 else 0.0
        found.append(Suspect(region, float(expected), float(region.mass / (expected + LEAST))))
    return sorted(found, key=_order)


def calm_images(mass: Mapping[tuple[int, int, int], float], images: int) -> NDArray[np.bool_]:
    """Return which images count for what is expected, bool (N,): the CALM share with the least mass.

    Masks of other images, which a data set may hold, would make every contradiction look usual.

    Args:
        mass: image, label and predicted class -> mass of their regions.
        images: number of images, N.
    """
    of_image = np.zeros(images)
    for (image, _, _), of_pair in mass.items():
        of_image[image] += of_pair
    calm: NDArray[np.bool_] = of_image <= np.quantile(of_image, CALM)
    return calm


def _order(suspect: Suspect) -> tuple[float, int, int, int]:
    return -suspect.score, suspect.region.image, suspect.region.top, suspect.region.left


def thresholds(evidence: Evidence) -> Floats:
    """Return the mean probability of each class over the pixels that the labels give to it, float64 (C,).

    A class without pixels has 1: no region of it counts as sure.
    """
    pixels = evidence.counts.counts.sum(axis=(0, 2))
    return np.where(pixels, evidence.own.sum(axis=0) / np.maximum(pixels, 1), 1.0)


def image_sizes(evidence: Evidence) -> NDArray[np.int64]:
    """Return the number of pixels of each image, int64 (N,)."""
    return np.array([height * width for height, width in evidence.shapes], np.int64)


def image_scores(evidence: Evidence, ranked: Sequence[Suspect]) -> Floats:
    """Return the sum of the scores of each image's regions, float64 (N,)."""
    regions = [suspect.region.image for suspect in ranked]
    return np.bincount(regions, [suspect.score for suspect in ranked], len(evidence.samples)).astype(np.float64)
