"""Calibration: is the network right as often as it says it is?

Expected calibration error after Guo, Pleiss, Sun & Weinberger, On Calibration of Modern Neural Networks (ICML 2017):
pixels are sorted into equal bins by the probability of their predicted class; the error is the gap between mean
probability and accuracy of a bin, averaged over bins by their pixels.
"""

import numpy as np
from numpy.typing import NDArray

BINS = 15


def calibration_bins(confidence: NDArray[np.float32], correct: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Sums of each bin, float64 (3, BINS): pixels, their confidence, those that are right. Add them over images.

    Args:
        confidence: probability of the predicted class, 0..1, (n,). A bin holds its upper edge, not its lower.
        correct: whether that class is the true one, (n,).
    """
    bins = np.clip(np.ceil(confidence * BINS).astype(np.intp) - 1, 0, BINS - 1)
    return np.stack(
        [np.bincount(bins, weights=weights, minlength=BINS) for weights in (None, confidence, correct)]
    ).astype(np.float64)


def expected_calibration_error(bins: NDArray[np.float64]) -> float:
    """0..1 from the sums (3, BINS); NaN when no pixel was counted."""
    pixels, confidence, correct = bins
    total = float(pixels.sum())
    return float(np.abs(confidence - correct).sum()) / total if total else float("nan")
