"""How far a score would move had other pictures been taken: percentile bootstrap over images, clips or whole videos.

Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapters 8 and 13. Units are drawn with replacement, their
counts summed, and the scores computed from the sums, as for the split itself. Networks that differ only in their seed
are scored one by one on the same draws and their scores averaged.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from streetseg.metrics.counts import Counts
from streetseg.metrics.scores import METRICS, OVERALL, Floats, class_scores, defined_mean, margins, overall_scores
from streetseg.metrics.student import left_out
from streetseg.metrics.units import Units, units_of

RESAMPLES = 2000
CONFIDENCE = 0.95
BLOCK = 1 << 20  # numbers of a block of draws: 8 MiB, whatever the number of images and resamples

Range = tuple[float, float]
Score = Callable[[Floats, Floats, Floats], Floats]  # margins (rows, C) of resamples -> scores (rows,) or (rows, K)


@dataclass(frozen=True, eq=False)
class Intervals:
    """95 % intervals of the scores of one network, or of their means over networks that differ in their seed.

    Args:
        overall: (low, high) of each score in scores.OVERALL.
        per_class: float64 (C, 2), low and high, of each metric in scores.METRICS; NaN for an absent class.
        resamples: how many were drawn.
        unit: what was drawn, "image", "clip" or "sequence".
        note: what to keep in mind when reading them, if anything.
    """

    overall: dict[str, Range]
    per_class: dict[str, Floats]
    resamples: int
    unit: str
    note: str | None


def interval(*seeds: Counts, resamples: int = RESAMPLES, seed: int = 0) -> Intervals:
    """Intervals of every score. The same counts and seed give the same numbers.

    Args:
        seeds: the counts of one network, or of one network a seed on the same images.
        resamples: how many to draw.
        seed: of the draws.
    """
    units = units_of(seeds[0])
    (drawn,) = resampled([seeds], units, _all_scores, resamples, seed)
    ranges = np.array([central(values, units) for values in drawn.T])
    classes = np.split(ranges[len(OVERALL) :], len(METRICS))
    return Intervals(
        overall={name: (float(low), float(high)) for name, (low, high) in zip(OVERALL, ranges, strict=False)},
        per_class=dict(zip(METRICS, classes, strict=True)),
        resamples=resamples,
        unit=units.unit,
        note=units.note,
    )


def _all_scores(right: Floats, truth: Floats, predicted: Floats) -> Floats:
    """(rows, scores of OVERALL and then METRICS by class)."""
    overall = overall_scores(right, truth, predicted)
    classes = class_scores(right, truth, predicted)
    return np.concatenate([*(overall[name][:, None] for name in OVERALL), *(classes[m] for m in METRICS)], axis=1)


def resampled(sides: Sequence[Sequence[Counts]], units: Units, score: Score, resamples: int, seed: int) -> list[Floats]:
    """The score of each resample, for each side the mean over its networks; every network is scored on the same draws.

    Returns:
        For each side float64 (resamples,) or (resamples, K), as `score` has it; NaN where a score is undefined.
    """
    per_unit = [[_per_unit(counts, units) for counts in networks] for networks in sides]
    found: list[list[Floats]] = [[] for _ in sides]
    for draws in _draws(units.count, resamples, seed):
        for networks, values in zip(per_unit, found, strict=True):
            scored = [score(*np.split(draws @ pixels, 3, axis=1)) for pixels in networks]
            values.append(defined_mean(np.stack(scored, axis=-1)))
    return [np.concatenate(values) for values in found]


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


def central(values: Floats, units: Units) -> Range:
    """The interval of 95 % of the resampled values, widened for few units; NaN where nothing can be said."""
    defined = np.sort(values[np.isfinite(values)])
    out = left_out(len(defined), units.effective)
    return (float(defined[out - 1]), float(defined[-out])) if out else (float("nan"), float("nan"))
