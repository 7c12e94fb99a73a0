"""Intervals of scores for the choice of images: percentile bootstrap over images, clips or whole videos.

Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapters 8 and 13. Units are drawn with replacement, their
counts summed, and the scores computed from the sums, as for the split itself. Networks that differ only in their seed
are scored one by one on the same resamples, and their scores averaged.

It is ours, because the libraries resample values and average them. Here a score is no mean over units: counts are
summed first, and the frames of a clip stay together. Tests compare it with simulations.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streetseg.metrics.counts import Counts
from streetseg.metrics.scores import METRICS, OVERALL, Floats, class_scores, defined_mean, margins, overall_scores
from streetseg.metrics.student import FEWEST, effective_units, left_out, two_sided
from streetseg.metrics.units import Units, units_of

RESAMPLES = 2000
CONFIDENCE = 0.95
BLOCK = 1 << 20  # numbers in a block of resamples: 8 MiB for any number of images and resamples

Range = tuple[float, float]
Score = Callable[[Floats, Floats, Floats], Floats]  # margins (rows, C) of resamples -> scores (rows, K)


@dataclass(frozen=True, eq=False)
class Intervals:
    """95 % intervals of the scores of one network, or of their means over networks that differ in their seed.

    Args:
        overall: (low, high) of each score in scores.OVERALL.
        per_class: float64 (C, 2), low and high, of each metric in scores.METRICS; NaN for a class in too few units.
        resamples: the number of resamples.
        unit: the drawn unit, "image", "clip" or "sequence".
        note: a limit of the intervals that a reader must know; None if there is none.
    """

    overall: dict[str, Range]
    per_class: dict[str, Floats]
    resamples: int
    unit: str
    note: str | None


@dataclass(frozen=True, eq=False)
class Resamples:
    """K scores of resampled images.

    Args:
        drawn: float64 (resamples, K), the scores of each resample; NaN where a score is undefined.
        without: float64 (units, K), the scores of all units but one, each left out in turn (the jackknife).
        images: int64 (units,), the number of images in each unit.
    """

    drawn: Floats
    without: Floats
    images: NDArray[np.int64]

    def __sub__(self, other: "Resamples") -> "Resamples":
        """Return the differences of the scores on the same resamples."""
        return Resamples(self.drawn - other.drawn, self.without - other.without, self.images)

    def range(self, k: int) -> Range:
        """Return the 95 % interval of score k, widened for few or unequal units; NaN if there are too few units."""
        defined = np.sort(self.drawn[np.isfinite(self.drawn[:, k]), k])
        out = left_out(len(defined), self.effective(k))
        return (float(defined[out - 1]), float(defined[-out])) if out else (math.nan, math.nan)

    def p_value(self, k: int) -> float:
        """Return the two-sided p-value of the hypothesis that score k is 0: the smallest level at which its interval
        excludes 0; NaN if there are too few units."""
        defined = self.drawn[np.isfinite(self.drawn[:, k]), k]
        if not left_out(len(defined), self.effective(k)):
            return math.nan
        beyond = min(np.count_nonzero(defined <= 0), np.count_nonzero(defined >= 0))
        return two_sided((1 + beyond) / (1 + len(defined)), self.effective(k))

    def effective(self, k: int) -> int:
        """Return the number of equal, normally distributed units that would estimate the spread of score k as well."""
        return effective_units(self.without[:, k], self.images)


def interval(*seeds: Counts, resamples: int = RESAMPLES, seed: int = 0) -> Intervals:
    """Return the intervals of every score. The same counts and seed give the same numbers.

    Args:
        seeds: the counts of one network, or of one network per seed on the same images.
        resamples: the number of resamples.
        seed: the seed of the random resamples.
    """
    units = units_of(seeds[0])
    (scored,) = resampled([seeds], units, _all_scores, resamples, seed)
    ranges = np.array([scored.range(k) for k in range(scored.drawn.shape[1])])
    classes = np.split(ranges[len(OVERALL) :], len(METRICS))
    return Intervals(
        overall={name: (float(low), float(high)) for name, (low, high) in zip(OVERALL, ranges, strict=False)},
        per_class={
            metric: np.where(seen_enough(seeds[0], units)[:, None], values, np.nan)
            for metric, values in zip(METRICS, classes, strict=True)
        },
        resamples=resamples,
        unit=units.unit,
        note=units.note,
    )


def _all_scores(correct: Floats, ground_truth: Floats, predicted: Floats) -> Floats:
    """Return the scores of OVERALL, then those of METRICS for each class: float64 (rows, K)."""
    overall = overall_scores(correct, ground_truth, predicted)
    classes = class_scores(correct, ground_truth, predicted)
    return np.concatenate([*(overall[name][:, None] for name in OVERALL), *(classes[m] for m in METRICS)], axis=1)


def seen_enough(counts: Counts, units: Units) -> NDArray[np.bool_]:
    """Return for each class whether at least FEWEST units show it, as an interval of its scores needs: bool (C,)."""
    _, ground_truth, _ = np.split(_per_unit(counts, units), 3, axis=1)
    enough: NDArray[np.bool_] = np.count_nonzero(ground_truth, axis=0) >= FEWEST
    return enough


def resampled(
    sides: Sequence[Sequence[Counts]], units: Units, score: Score, resamples: int, seed: int
) -> list[Resamples]:
    """Return the resampled scores of each side, averaged over its networks.

    Every network of every side is scored on the same resamples.

    Args:
        sides: the networks of each side of a comparison, as their counts.
        units: the units to draw.
        score: the K scores.
        resamples: the number of resamples.
        seed: the seed of the random resamples.
    """
    per_unit = [[_per_unit(counts, units) for counts in networks] for networks in sides]
    drawn: list[list[Floats]] = [[] for _ in sides]
    for weights in _unit_weights(units.count, resamples, seed):
        for networks, values in zip(per_unit, drawn, strict=True):
            values.append(_mean_score([weights @ pixels for pixels in networks], score))
    images = np.bincount(units.of_image)
    return [
        Resamples(
            np.concatenate(values), _mean_score([pixels.sum(axis=0) - pixels for pixels in networks], score), images
        )
        for networks, values in zip(per_unit, drawn, strict=True)
    ]


def _mean_score(networks: Sequence[Floats], score: Score) -> Floats:
    """Return the mean score float64 (rows, K) over networks, from the margins (rows, 3 C) of each."""
    return defined_mean(np.stack([score(*np.split(pixels, 3, axis=1)) for pixels in networks], axis=-1))


def _per_unit(counts: Counts, units: Units) -> Floats:
    """Return the margins float64 (units, 3 C), summed over the images of each unit; sums are exact up to 2^53."""
    per_image = np.concatenate(margins(counts.counts), axis=1)
    summed = np.zeros((units.count, per_image.shape[1]))
    np.add.at(summed, units.of_image, per_image)
    return summed


def _unit_weights(units: int, resamples: int, seed: int) -> Iterator[Floats]:
    """Yield how often each resample draws each unit, in blocks float64 (rows, units). Each row sums to `units`."""
    rng = np.random.default_rng(seed)
    block = max(1, BLOCK // units)
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = rng.integers(units, size=(rows, units)) + units * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * units).reshape(rows, units).astype(np.float64)
