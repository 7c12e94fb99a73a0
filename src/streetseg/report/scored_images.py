"""The scored images of the viewer: photograph, ground truth, predicted labels and scores, in few bytes.

Labels are gray PNG images whose gray is the class id. The page colors them, so a class can be hidden.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from streetseg.inference.output import Ids, ImageArray
from streetseg.metrics.scores import class_scores, margins
from streetseg.report.gallery_layers import shown_labels, shown_photograph, shown_size
from streetseg.report.page import png_uri, webp_uri

MOST_BYTES = 12_000_000  # of all images of the viewer: a page of this size still opens at once and can be sent
MOST_SECONDS = 120.0  # of predicting them again, by the latency that was measured
UNMEASURED = 1.0  # seconds for one image, where the latency was not measured


@dataclass(frozen=True)
class ScoredImage:
    """One image of the viewer.

    Args:
        name: the name of the sample.
        photograph: the image as a data: URI.
        labels: ground truth, then the prediction of each encoder in rank order; each as a data: URI.
        scores: for each encoder the mean IoU over the classes of this image, over all seeds, 0..1.
        class_scores: for each encoder and class the IoU, 0..1; None for a class that the ground truth does not have.
    """

    name: str
    photograph: str
    labels: tuple[str, ...]
    scores: tuple[float, ...]
    class_scores: tuple[tuple[float | None, ...], ...]

    @property
    def size(self) -> int:
        """The number of bytes in the page."""
        return len(self.photograph) + sum(map(len, self.labels))


def priority(mean: NDArray[np.float64]) -> list[int]:
    """Return the indices of all images with a score, by turns the worst, the best and the most median that is left.

    The first k of them are what the viewer shows where not all of them fit.

    Args:
        mean: the score of each image, float64 (N,), NaN where it has no ground truth.
    """
    usable = np.flatnonzero(np.isfinite(mean))
    worst = usable[np.argsort(mean[usable], kind="stable")]
    middle = worst[np.argsort(np.abs(np.arange(len(worst)) - (len(worst) - 1) / 2), kind="stable")]
    turns = chain.from_iterable(zip(worst, worst[::-1], middle, strict=True))
    return list(dict.fromkeys(int(index) for index in turns))


def seconds_for_one(latency: float) -> float:
    """Return the seconds in which an image is predicted, above 0.

    Args:
        latency: the measured milliseconds; NaN where not measured.
    """
    return UNMEASURED if np.isnan(latency) else max(latency / 1000, 1e-3)


def scored_image(
    name: str, image: ImageArray, ground_truth: Ids, predictions: Sequence[Ids], counts: Sequence[NDArray[np.int64]]
) -> ScoredImage:
    """Return one image of the viewer, at the size that the gallery shows.

    Args:
        name: the name of the sample.
        image: uint8 RGB (H, W, 3).
        ground_truth: uint8 (h, w).
        predictions: for each encoder labels, uint8, of any size.
        counts: for each encoder the counts of this image, int64 (C, C).
    """
    size = shown_size(ground_truth)
    per_class = [tuple(_of_present_classes(matrix)) for matrix in counts]
    return ScoredImage(
        name,
        webp_uri(shown_photograph(image, size)),
        tuple(png_uri(shown_labels(ids, size)) for ids in (ground_truth, *predictions)),
        tuple(float(np.mean([score for score in scores if score is not None])) for scores in per_class),
        tuple(per_class),
    )


def _of_present_classes(matrix: NDArray[np.int64]) -> Iterator[float | None]:
    ground_truth = margins(matrix)[1]
    iou = class_scores(*margins(matrix))["iou"]
    return (float(value) if pixels else None for value, pixels in zip(iou, ground_truth, strict=True))
