"""Correction of a bootstrap of few units by Student's t.

A percentile interval of n units is too narrow, by a factor of about sqrt((n - 1) / n) and because a normal tail is
lighter than Student's. Hesterberg, What Teachers Should Know About the Bootstrap (2015), section 5.3, therefore leaves
out fewer of the resampled values for few units. One function does that for interval and p-value, so that they always
agree. If a few units decide a score (a rare class, an odd image), its spread is known as badly as from fewer units;
`effective_units` estimates that number.

It is ours, because SciPy would be a large dependency for one function.
"""

import math
from bisect import bisect_right
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.05  # significance level of a test; an interval holds 1 - LEVEL
FEWEST = 5  # units; with fewer, even the interval from the smallest to the largest resampled value is too narrow


def two_sided(share: float, units: int) -> float:
    """Return the two-sided p-value of a value that only `share` of the resampled values exceed.

    Args:
        share: 0 < share < 1.
        units: the number of units, at least 2.
    """
    beyond = -NormalDist().inv_cdf(min(share, 0.5)) * math.sqrt((units - 1) / units)
    return 2 * student_tail(beyond, units - 1)


@lru_cache(maxsize=256)
def left_out(resamples: int, units: int) -> int:
    """Return m: the interval ends at the m-th smallest and the m-th largest resampled value. 0 if there is no interval.

    m is the largest number for which a value exceeded by a share of m / (resamples + 1) has a p-value of at most LEVEL.
    """
    if units < FEWEST:
        return 0
    return bisect_right(range(1, resamples // 2 + 1), LEVEL, key=lambda m: two_sided(m / (resamples + 1), units))


def effective_units(without: NDArray[np.float64], images: NDArray[np.int64]) -> int:
    """Return the number of units with normally distributed contributions that would estimate the spread as well.

    The spread estimated from n units has 2 n / (k - (n - 3) / (n - 1)) degrees of freedom, where k is the kurtosis of
    their contributions (O'Neill, The American Statistician 68, 2014): n - 1 for a normal distribution, fewer if a few
    contributions are far larger than the others.

    Args:
        without: float64 (n,), the score with each unit left out in turn (the jackknife).
        images: int64 (n,), the number of images in each unit. The contribution of a unit is expected to grow with the
            square root of it.

    Returns:
        FEWEST to n; n if n is below FEWEST.
    """
    defined = np.isfinite(without)
    parts = (without[defined] - without[defined].mean()) / np.sqrt(images[defined]) if defined.any() else np.zeros(1)
    n, spread = len(without), np.mean(parts**2)
    if n < FEWEST or spread == 0:
        return n
    kurtosis = float(np.mean((parts**2 / spread) ** 2))
    return max(FEWEST, min(n, int(2 * n / (kurtosis - (n - 3) / (n - 1))) + 1))


def student_tail(t: float, freedom: int) -> float:
    """Return the probability that Student's t exceeds t >= 0, for `freedom` degrees of freedom.

    Abramowitz & Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
    """
    angle = math.atan2(t, math.sqrt(freedom))
    # A term is the term before times (k - 1) / k cos^2, with k = 3, 5, ... for odd freedom and 2, 4, ... for even.
    k = np.arange(2 + freedom % 2, freedom - 1, 2)
    terms = np.cumprod(np.concatenate([[1.0], (k - 1) / k * math.cos(angle) ** 2]))
    series = math.sin(angle) * float(terms.sum())
    if freedom % 2:
        series = (angle + series * math.cos(angle) * (freedom > 1)) * 2 / math.pi
    return (1 - series) / 2
