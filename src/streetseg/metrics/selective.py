"""Selective prediction: the accuracy of the pixels with the highest confidence, for each share of pixels that is kept.

The curve of accuracy over the kept share is one minus the risk-coverage curve of El-Yaniv & Wiener, On the Foundations
of Noise-free Selective Classification (JMLR 11, 2010). Pixels are counted in bins of their log odds, which are fine
where confidences are crowded: near 1.
"""

import numpy as np
from numpy.typing import NDArray

LOWEST, HIGHEST, PER_UNIT = -6, 16, 20  # log odds; probabilities of 0.25 % to 1 - 1e-7, the resolution of float32
KEPT_BINS = (HIGHEST - LOWEST) * PER_UNIT
SHARES = tuple(percent / 100 for percent in range(1, 101))  # of the pixels, kept
SHOWN = (1.0, 0.95, 0.9, 0.8, 0.7, 0.5)  # shares in a table

Floats = NDArray[np.float64]


def kept_bins(confidence: NDArray[np.float32], correct: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the pixels and the correct pixels of each bin, int64 (2, KEPT_BINS), lowest confidence first.

    Counts of images are additive.

    Args:
        confidence: float32 (n,), probability of the label, 0..1.
        correct: bool (n,), whether the label is the ground truth's.
    """
    inside = np.clip(confidence, 1e-6, 1 - 2**-24)  # log odds of 0 and 1 are infinite
    odds = np.log(inside / (1 - inside))
    bins = np.clip(((odds - LOWEST) * PER_UNIT).astype(np.intp), 0, KEPT_BINS - 1)
    counts = [np.bincount(of, minlength=KEPT_BINS) for of in (bins, bins[correct])]
    return np.stack(counts).astype(np.int64)


def accuracy_of_kept(counts: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return for each of SHARES the accuracy of the surest pixels, 0..1, and the least confidence that keeps them.

    Within a bin, pixels count as equally sure. NaN if no pixel was counted.

    Args:
        counts: int64 (2, KEPT_BINS), from `kept_bins`.
    """
    pixels, correct = (np.concatenate([[0], np.cumsum(row[::-1])]).astype(np.float64) for row in counts)
    if not pixels[-1]:
        return np.full(len(SHARES), np.nan), np.full(len(SHARES), np.nan)
    kept = np.array(SHARES) * pixels[-1]
    odds = HIGHEST - np.arange(KEPT_BINS + 1) / PER_UNIT
    last = np.searchsorted(pixels, kept - 1e-9)  # the bin in which the last kept pixel is
    return np.interp(kept, pixels, correct) / kept, 1 / (1 + np.exp(-odds[last]))
