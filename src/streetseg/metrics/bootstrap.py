"""How far a score would move had other images been taken: percentile bootstrap over images, clips or whole videos.

Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapters 8 and 13. Units are drawn with replacement, their
counts summed, and the scores computed from the sums, as for the split itself. Networks that differ only in their seed
are scored one by one on the same draws and their scores averaged.

It is our own because a score is no mean over units: counts are summed first, and the frames of a clip stay together.
Tests hold it against simulations.
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
BLOCK = 1 << 20  # numbers of a block of draws: 8 MiB, whatever the number of images and resamples

Range = tuple[float, float]
Score = Callable[[Floats, Floats, Floats], Floats]  # margins (rows, C) of resamples -> scores (rows, K)


@dataclass(frozen=True, eq=False)
class Intervals:
    """95 % intervals of the scores of one network, or of their means over networks that differ in their seed.

    Args:
        overall: (low, high) of each score in scores.OVERALL.
        per_class: float64 (C, 2), low and high, of each metric in scores.METRICS; NaN for a class in too few units.
        resamples: how many were drawn.
        unit: what was drawn, "image", "clip" or "sequence".
        note: what to keep in mind when reading them, if anything.
    """

    overall: dict[str, Range]
    per_class: dict[str, Floats]
    resamples: int
    unit: str
    note: str | None


@dataclass(frozen=True, eq=False)
class Resamples:
    """Scores of resampled images.

    Args:
        drawn: float64 (resamples, K), K scores of each resample; NaN where a score is undefined.
        without: float64 (units, K), the same of all units but one, each left out in turn.
        images: int64 (units,), how many images each unit holds.
    """

    drawn: Floats
    without: Floats
    images: NDArray[np.int64]

    def __sub__(self, other: "Resamples") -> "Resamples":
        return Resamples(self.drawn - other.drawn, self.without - other.without, self.images)

    def range(self, k: int) -> Range:
        """The interval of 95 % of score k, widened as few or unequal units ask; NaN where nothing can be said."""
        defined = np.sort(self.drawn[np.isfinite(self.drawn[:, k]), k])
        out = left_out(len(defined), self.effective(k))
        return (float(defined[out - 1]), float(defined[-out])) if out else (math.nan, math.nan)

    def p_value(self, k: int) -> float:
        """Two-sided, of the hypothesis that score k is 0: the level at which its interval just leaves out 0."""
        defined = self.drawn[np.isfinite(self.drawn[:, k]), k]
        if not left_out(len(defined), self.effective(k)):
            return math.nan
        beyond = min(np.count_nonzero(defined <= 0), np.count_nonzero(defined >= 0))
        return two_sided((1 + beyond) / (1 + len(defined)), self.effective(k))

    def effective(self, k: int) -> int:
        """How many equal units with a normal distribution would know the spread of score k as well."""
        return effective_units(self.without[:, k], self.images)


def interval(*seeds: Counts, resamples: int = RESAMPLES, seed: int = 0) -> Intervals:
    """Intervals of every score. The same counts and seed give the same numbers.

    Args:
        seeds: the counts of one network, or of one network a seed on the same images.
        resamples: how many to draw.
        seed: of the draws.
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
    """(rows, scores of OVERALL and then METRICS by class)."""
    overall = overall_scores(correct, ground_truth, predicted)
    classes = class_scores(correct, ground_truth, predicted)
    return np.concatenate([*(overall[name][:, None] for name in OVERALL), *(classes[m] for m in METRICS)], axis=1)


def seen_enough(counts: Counts, units: Units) -> NDArray[np.bool_]:
    """bool (C,), whether a class is in the ground truth of so many units that its scores can have an interval."""
    _, ground_truth, _ = np.split(_per_unit(counts, units), 3, axis=1)
    enough: NDArray[np.bool_] = np.count_nonzero(ground_truth, axis=0) >= FEWEST
    return enough


def resampled(
    sides: Sequence[Sequence[Counts]], units: Units, score: Score, resamples: int, seed: int
) -> list[Resamples]:
    """For each side the scores averaged over its networks; every network of every side is scored on the same draws."""
    per_unit = [[_per_unit(counts, units) for counts in networks] for networks in sides]
    drawn: list[list[Floats]] = [[] for _ in sides]
    for draws in _draws(units.count, resamples, seed):
        for networks, values in zip(per_unit, drawn, strict=True):
            values.append(_mean_score([draws @ pixels for pixels in networks], score))
    images = np.bincount(units.of_image)
    return [
        Resamples(
            np.concatenate(values), _mean_score([pixels.sum(axis=0) - pixels for pixels in networks], score), images
        )
        for networks, values in zip(per_unit, drawn, strict=True)
    ]


def _mean_score(networks: Sequence[Floats], score: Score) -> Floats:
    """float64 (rows, K) from the margins (rows, 3 C) of each network."""
    return defined_mean(np.stack([score(*np.split(pixels, 3, axis=1)) for pixels in networks], axis=-1))


def _per_unit(counts: Counts, units: Units) -> Floats:
    """Margins (units, 3 C) of the images of each unit; sums of pixels, exact in float64 up to 2^53."""
    per_image = np.concatenate(margins(counts.counts), axis=1)
    summed = np.zeros((units.count, per_image.shape[1]))
    np.add.at(summed, units.of_image, per_image)
    return summed


def _draws(units: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each unit is drawn, in blocks: float64 (rows, units), rows sum to the number of units."""
    random = np.random.default_rng(seed)
    block = max(1, BLOCK // units)
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = random.integers(units, size=(rows, units)) + units * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * units).reshape(rows, units).astype(np.float64)
