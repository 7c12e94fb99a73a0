"""Scores from counts. Every formula of the metric protocol is here and nowhere else."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Pixels = NDArray[np.number]  # counts of pixels, whole numbers

METRICS = ("iou", "f1", "sensitivity", "specificity", "precision", "accuracy")
_FIELDS = {"sensitivity": "recall"}  # files and pages say sensitivity, as the studies do that they are compared with
OVERALL = (*(f"mean_{metric}" for metric in METRICS), "pixel_accuracy", "frequency_weighted_iou")

RULES = "1"  # version of the rules below; every printed score carries it


@dataclass(frozen=True, eq=False)
class Scores:
    """All scores of one confusion matrix, each 0..1 or NaN where undefined.

    The six per-class arrays are float64 (C,). `mean` holds the mean of each over the classes where it is defined, and
    `counted` how many classes those are ("n of C classes counted"). `f1` is also the Dice coefficient: on pixel counts
    the two are one number.
    """

    iou: Floats
    f1: Floats
    recall: Floats
    specificity: Floats
    precision: Floats
    accuracy: Floats
    mean: dict[str, float]
    counted: dict[str, int]
    pixel_accuracy: float
    frequency_weighted_iou: float

    @property
    def per_class(self) -> dict[str, Floats]:
        """The six per-class arrays by name."""
        return {metric: getattr(self, _FIELDS.get(metric, metric)) for metric in METRICS}


def scores(matrix: NDArray[np.int64]) -> Scores:
    """All scores of a confusion matrix (C, C), rows are ground truth."""
    correct, ground_truth, predicted = margins(matrix)
    per_class = class_scores(correct, ground_truth, predicted)
    overall = overall_scores(correct, ground_truth, predicted)
    return Scores(
        **{_FIELDS.get(metric, metric): values for metric, values in per_class.items()},
        mean={metric: float(overall[f"mean_{metric}"]) for metric in METRICS},
        counted={metric: int(np.isfinite(per_class[metric]).sum()) for metric in METRICS},
        pixel_accuracy=float(overall["pixel_accuracy"]),
        frequency_weighted_iou=float(overall["frequency_weighted_iou"]),
    )


def mean_scores(networks: Sequence[Scores]) -> Scores:
    """Each score's mean over networks, where it is defined; `counted` are the classes that count for any of them."""
    per_class = {
        metric: defined_mean(np.stack([scores.per_class[metric] for scores in networks], axis=-1)) for metric in METRICS
    }
    return Scores(
        **{_FIELDS.get(metric, metric): values for metric, values in per_class.items()},
        mean={metric: statistics.fmean(scores.mean[metric] for scores in networks) for metric in METRICS},
        counted={metric: int(np.isfinite(per_class[metric]).sum()) for metric in METRICS},
        pixel_accuracy=statistics.fmean(scores.pixel_accuracy for scores in networks),
        frequency_weighted_iou=statistics.fmean(scores.frequency_weighted_iou for scores in networks),
    )


def per_image(counts: NDArray[np.int64]) -> dict[str, Floats]:
    """Scores of each image of counts (N, C, C): float64 (N,) each.

    `iou` and `dice` are means over the classes present in that image's ground truth, as many papers report them; NaN
    for an image without a ground truth pixel. `pixel_accuracy` likewise.
    """
    correct, ground_truth, predicted = margins(counts)
    per_class = class_scores(correct, ground_truth, predicted)
    present = ground_truth > 0
    return {
        "iou": defined_mean(np.where(present, per_class["iou"], np.nan)),
        "dice": defined_mean(np.where(present, per_class["f1"], np.nan)),
        "pixel_accuracy": _ratio(correct.sum(axis=-1), ground_truth.sum(axis=-1)),
    }


def margins(matrix: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """All that the scores need of matrices (..., C, C): correct, ground truth and predicted pixels, (..., C) each."""
    return np.diagonal(matrix, axis1=-2, axis2=-1), matrix.sum(axis=-1), matrix.sum(axis=-2)


def class_scores(correct: Pixels, ground_truth: Pixels, predicted: Pixels) -> dict[str, Floats]:
    """The six scores of each class, float64 (..., C), from the margins (..., C)."""
    return {metric: class_score(metric, correct, ground_truth, predicted) for metric in METRICS}


def class_score(metric: str, correct: Pixels, ground_truth: Pixels, predicted: Pixels) -> Floats:
    """One of METRICS for each class, float64 (..., C), from the margins (..., C).

    Absent classes follow the evaluation script of cityscapesScripts: a class in neither ground truth nor prediction is
    NaN, one that is predicted but absent from ground truth has IoU 0. Beyond that 0/0 is NaN: sensitivity of a class
    without ground truth pixels, precision of a class never predicted, specificity of a class that covers all ground
    truth.
    """
    either = ground_truth + predicted - correct
    match metric:
        case "iou":
            return _ratio(correct, either)
        case "f1":
            return _ratio(2 * correct, ground_truth + predicted)
        case "sensitivity":
            return _ratio(correct, ground_truth)
        case "precision":
            return _ratio(correct, predicted)
    total = ground_truth.sum(axis=-1, keepdims=True)
    if metric == "specificity":
        return np.where(either == 0, np.nan, _ratio(total - either, total - ground_truth))
    if metric == "accuracy":
        return np.where(
            either == 0, np.nan, _ratio(total - either + correct, np.broadcast_to(total, ground_truth.shape))
        )
    raise ValueError(f"no score is called {metric}")


def defined_mean(values: Floats) -> Floats:
    """Mean over the last axis of what is not NaN; NaN where nothing is."""
    defined = np.isfinite(values)
    # One after the other, as cityscapesScripts adds: numpy's own sum takes another order, and its last bit may differ.
    total = np.cumsum(np.where(defined, values, 0.0), axis=-1)[..., -1]
    return _ratio(total, defined.sum(axis=-1))


def overall_scores(correct: Pixels, ground_truth: Pixels, predicted: Pixels) -> dict[str, Floats]:
    """The scores named in OVERALL, float64 (...), from the margins (..., C)."""
    return {name: overall_score(name, correct, ground_truth, predicted) for name in OVERALL}


def overall_score(name: str, correct: Pixels, ground_truth: Pixels, predicted: Pixels) -> Floats:
    """One of OVERALL, float64 (...), from the margins (..., C).

    `frequency_weighted_iou` is the IoU of each class weighted by its share of the ground truth.
    """
    labeled = ground_truth.sum(axis=-1)
    if name == "pixel_accuracy":
        return _ratio(correct.sum(axis=-1), labeled)
    if name == "frequency_weighted_iou":
        iou = class_score("iou", correct, ground_truth, predicted)
        return _ratio((ground_truth * np.where(ground_truth > 0, iou, 0.0)).sum(axis=-1), labeled)
    return defined_mean(class_score(name.removeprefix("mean_"), correct, ground_truth, predicted))


def _ratio(part: NDArray[np.number], whole: NDArray[np.number]) -> Floats:
    """part / whole, NaN where whole is 0."""
    result = np.full(np.shape(whole), np.nan)
    np.divide(part, whole, out=result, where=np.asarray(whole) != 0)
    return result
