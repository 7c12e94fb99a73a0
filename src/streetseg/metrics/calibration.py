"""Calibration: does the predicted probability agree with the accuracy?

Expected calibration error of Guo, Pleiss, Sun & Weinberger, On Calibration of Modern Neural Networks (ICML 2017):
pixels are sorted into bins of equal width by the probability of their predicted class. The error is the absolute
difference of mean probability and accuracy in a bin, averaged over bins with their pixels as weights.
"""

import numpy as np
from numpy.typing import NDArray

BINS = 15  # as in the paper


def calibration_bins(confidence: NDArray[np.float32], correct: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the sums of each bin, float64 (3, BINS): pixels, confidence, correct pixels. Sums of images are additive.

    Args:
        confidence: float32 (n,), probability of the predicted class, 0..1. A bin includes its upper edge only.
        correct: bool (n,), whether the predicted class is the ground truth's.
    """
    bins = np.clip(np.ceil(confidence * BINS).astype(np.intp) - 1, 0, BINS - 1)
    return np.stack(
        [np.bincount(bins, weights=weights, minlength=BINS) for weights in (None, confidence, correct)]
    ).astype(np.float64)


def reliability(bins: NDArray[np.float64]) -> list[dict[str, float]]:
    """Return the points of a reliability diagram: each bin's bounds, pixels, mean confidence and accuracy.

    Confidence and accuracy of a bin without pixels are NaN.
    """
    rows = []
    for k, (pixels, confidence, correct) in enumerate(bins.T.tolist()):
        means = (confidence / pixels, correct / pixels) if pixels else (float("nan"), float("nan"))
        bounds = {"low": k / BINS, "high": (k + 1) / BINS, "pixels": int(pixels)}
        rows.append(bounds | {"confidence": means[0], "accuracy": means[1]})
    return rows


def expected_calibration_error(bins: NDArray[np.float64]) -> float:
    """Return the expected calibration error, 0..1, of sums (3, BINS); NaN if no pixel was counted."""
    pixels, confidence, correct = bins
    total = float(pixels.sum())
    return float(np.abs(confidence - correct).sum()) / total if total else float("nan")
