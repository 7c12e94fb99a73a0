"""The tails of a bootstrap of few units, made as heavy as Student's t asks.

A percentile interval of n units is too narrow by about the factor sqrt((n - 1) / n) and by what a normal tail is
lighter than Student's. Hesterberg, What Teachers Should Know About the Bootstrap (2015), section 5.3, leaves out fewer
of the resampled values for few units; one function does that here for interval and p-value, so that they always agree.
Where a few units decide a score (a rare class, an odd image), the spread is known as badly as from fewer units.
"""

import math
from bisect import bisect_right
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.05  # of an interval of 95 %, and of a test
FEWEST = 5  # units; with fewer, all resampled values together are too narrow an interval


def two_sided(share: float, units: int) -> float:
    """The p-value of a value beyond which only `share` of the resampled values lie, 0 < share < 1, units at least 2."""
    beyond = -NormalDist().inv_cdf(min(share, 0.5)) * math.sqrt((units - 1) / units)
    return 2 * student_tail(beyond, units - 1)


@lru_cache(maxsize=256)
def left_out(resamples: int, units: int) -> int:
    """How many resampled values lie outside the interval on each side, counting its own end; 0 where there is none.

    The interval ends at the m-th smallest and the m-th largest value, with the largest m for which a value beyond which
    m / (resamples + 1) lie has a p-value of at most 5 %.
    """
    if units < FEWEST:
        return 0
    return bisect_right(range(1, resamples // 2 + 1), LEVEL, key=lambda m: two_sided(m / (resamples + 1), units))


def effective_units(without: NDArray[np.float64], images: NDArray[np.int64]) -> int:
    """How many units with normally distributed contributions would know the spread of a score as well.

    The spread that n units estimate has 2 n / (k - (n - 3) / (n - 1)) degrees of freedom, k the kurtosis of their
    contributions (O'Neill, The American Statistician 68, 2014): n - 1 for normal ones, fewer where a few stand out.

    Args:
        without: float64 (n,), the score with each unit left out in turn (the jackknife).
        images: int64 (n,), what each unit holds; larger ones may contribute more, by the root of it.

    Returns:
        From FEWEST to n, or n where that is less.
    """
    defined = np.isfinite(without)
    parts = (without[defined] - without[defined].mean()) / np.sqrt(images[defined]) if defined.any() else np.zeros(1)
    n, spread = len(without), np.mean(parts**2)
    if n < FEWEST or spread == 0:
        return n
    kurtosis = float(np.mean((parts**2 / spread) ** 2))
    return max(FEWEST, min(n, int(2 * n / (kurtosis - (n - 3) / (n - 1))) + 1))


def student_tail(t: float, freedom: int) -> float:
    """The probability that Student's t exceeds t >= 0 (Abramowitz & Stegun, Handbook, 26.7.3 and 26.7.4)."""
    angle = math.atan2(t, math.sqrt(freedom))
    # One term is the one before times (k - 1) / k cos^2, k = 3, 5, ... for odd freedom and 2, 4, ... for even.
    k = np.arange(2 + freedom % 2, freedom - 1, 2)
    terms = np.cumprod(np.concatenate([[1.0], (k - 1) / k * math.cos(angle) ** 2]))
    series = math.sin(angle) * float(terms.sum())
    if freedom % 2:
        series = (angle + series * math.cos(angle) * (freedom > 1)) * 2 / math.pi
    return (1 - series) / 2
