"""Compute scores from counts. Every formula of the metric protocol is in this module and nowhere else."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Pixels = NDArray[np.number]  # counts of pixels

METRICS = ("iou", "f1", "sensitivity", "specificity", "precision", "accuracy")
_FIELDS = {"sensitivity": "recall"}  # files and pages say sensitivity, the word of the studies they are compared with
# Scores over all pixels, in no mean over classes: name in files and in `Scores` -> heading on pages and terminal.
PIXEL_SCORES = {"pixel_accuracy": "pixel accuracy", "frequency_weighted_iou": "frequency-weighted IoU"}
OVERALL = (*(f"mean_{metric}" for metric in METRICS), *PIXEL_SCORES)

RULES = "1"  # version of the formulas below; the protocol of every score contains it


@dataclass(frozen=True, eq=False)
class Scores:
    """All scores of one confusion matrix, 0..1, NaN where undefined.

    The six per-class arrays are float64 (C,). `mean` holds the mean of each metric over the classes where it is
    defined, and `counted` the number of these classes. `f1` equals the Dice coefficient: on pixel counts both have the
    same formula.
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
        """The six per-class arrays by their names in METRICS."""
        return {metric: getattr(self, _FIELDS.get(metric, metric)) for metric in METRICS}

    @property
    def pixel_scores(self) -> dict[str, float]:
        """The scores over all pixels by their names in PIXEL_SCORES."""
        return {name: getattr(self, name) for name in PIXEL_SCORES}


def scores(matrix: NDArray[np.int64]) -> Scores:
    """Return all scores of a confusion matrix int64 (C, C), one row per ground truth class."""
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
    """Return the mean of each score over the networks where it is defined; `counted` classes count for any of them."""
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
    """Return the scores of each image, float64 (N,) each, from counts int64 (N, C, C).

    `iou` and `dice` are means over the classes in the ground truth of the image, as many papers report them. They and
    `pixel_accuracy` are NaN for an image whose pixels are all ignored.
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
    """Return the margins of confusion matrices (..., C, C): correct, ground truth and predicted pixels, each (..., C).

    Every score is a function of the margins.
    """
    return np.diagonal(matrix, axis1=-2, axis2=-1), matrix.sum(axis=-1), matrix.sum(axis=-2)


def class_scores(correct: Pixels, ground_truth: Pixels, predicted: Pixels) -> dict[str, Floats]:
    """Return the six scores of each class, float64 (..., C), from the margins (..., C)."""
    return {metric: class_score(metric, correct, ground_truth, predicted) for metric in METRICS}


def class_score(metric: str, correct: Pixels, ground_truth: Pixels, predicted: Pixels) -> Floats:
    """Return one of METRICS for each class, float64 (..., C), from the margins (..., C).

    Absent classes follow the evaluation script of cityscapesScripts: a class in neither ground truth nor prediction is
    NaN, a class that is predicted but not in the ground truth has IoU 0. Elsewhere 0/0 is NaN: sensitivity (recall) of
    a class without ground truth pixels, precision of a class never predicted, specificity of a class that covers all
    ground truth.
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
    """Return the mean over the last axis of the values that are not NaN; NaN if all are."""
    defined = np.isfinite(values)
    # cumsum adds in order, as cityscapesScripts does. numpy's sum adds in another order, and its last bit may differ.
    total = np.cumsum(np.where(defined, values, 0.0), axis=-1)[..., -1]
    return _ratio(total, defined.sum(axis=-1))


def overall_scores(correct: Pixels, ground_truth: Pixels, predicted: Pixels) -> dict[str, Floats]:
    """Return the scores named in OVERALL, float64 (...), from the margins (..., C)."""
    return {name: overall_score(name, correct, ground_truth, predicted) for name in OVERALL}


def overall_score(name: str, correct: Pixels, ground_truth: Pixels, predicted: Pixels) -> Floats:
    """Return one of OVERALL, float64 (...), from the margins (..., C).

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
    """Return part / whole, NaN where whole is 0."""
    result = np.full(np.shape(whole), np.nan)
    np.divide(part, whole, out=result, where=np.asarray(whole) != 0)
    return result
