"""Is one network better than another? Paired bootstrap, p-value, and Holm's correction for several comparisons.

The same units are drawn for both networks, so that images that are hard for both cancel out (Efron & Tibshirani 1993,
chapter 8). The p-value is the smallest level at which the interval excludes 0 (their section 15.4). It is computed as
(1 + k) / (1 + resamples), which is never 0 (Davison & Hinkley 1997, section 4.2; Phipson & Smyth 2010).

It is ours for the reason that `bootstrap` gives: scores are computed from summed counts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from streetseg.errors import RequestError, first
from streetseg.metrics.bootstrap import RESAMPLES, Score, resampled, seen_enough
from streetseg.metrics.counts import Counts
from streetseg.metrics.scores import OVERALL, Floats, class_score, defined_mean, margins, overall_score
from streetseg.metrics.student import FEWEST, LEVEL, two_sided
from streetseg.metrics.units import Units, units_of

MOST_RESAMPLES = 256_000  # limit when a family of comparisons needs more resamples


@dataclass(frozen=True)
class Difference:
    """The score of A minus the score of B on the same images, with its 95 % interval.

    Args:
        value: the difference on the evaluated images; NaN where a score is undefined.
        low, high: the interval; NaN if there are too few units.
        p_value: two-sided, of the hypothesis that the true difference is 0; NaN if there are too few units.
        adjusted: the p-value after Holm's correction for the whole family of comparisons.
        family: the number of comparisons in the family.
        resamples: the number of resamples.
        unit: the drawn unit, "image", "clip" or "sequence".
        videos: the number of videos of the images, if too few to generalize to other videos; else None.
        note: a limit of the result that a reader must know; None if there is none.
    """

    value: float
    low: float
    high: float
    p_value: float
    adjusted: float
    family: int
    resamples: int
    unit: str
    videos: int | None
    note: str | None

    @property
    def verdict(self) -> str:
        """ "A is better", "B is better", or "not distinguishable".

        A or B is better only if the interval excludes 0 and the adjusted p-value is below 5 %.
        """
        if min(self.low, self.value) > 0 and self.adjusted < LEVEL:
            return "A is better"
        if max(self.high, self.value) < 0 and self.adjusted < LEVEL:
            return "B is better"
        return "not distinguishable"


def compare(
    a: Sequence[Counts],
    b: Sequence[Counts],
    *,
    metric: str = "mean_iou",
    family: int = 1,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Difference:
    """Compare the mean score of the networks `a` with that of the networks `b`; the p-value is not yet adjusted.

    Args:
        a, b: counts on the same images, one for each seed of a network.
        metric: one of scores.OVERALL.
        family: the number of comparisons to which this one belongs. If `resamples` are too few for a significant
            result among so many, more are drawn.
        resamples: the least number of resamples.
        seed: the seed of the random resamples.

    Raises:
        RequestError: images or ground truth differ, or there is no such metric.
    """
    if metric not in OVERALL:
        raise RequestError(f"no score is called {metric}", hint=f"one of {', '.join(OVERALL)}")

    def score(correct: Floats, ground_truth: Floats, predicted: Floats) -> Floats:
        return overall_score(metric, correct, ground_truth, predicted)[:, None]

    return _differences(a, b, score, family, resamples, seed)[0]


def compare_classes(
    a: Sequence[Counts], b: Sequence[Counts], *, metric: str = "iou", resamples: int = RESAMPLES, seed: int = 0
) -> list[Difference]:
    """Compare the score of each class. P-values are adjusted for all classes that have one; rare classes have none.

    Args:
        a, b, resamples, seed: as for `compare`.
        metric: one of scores.METRICS.

    Raises:
        RequestError: images or ground truth differ.
    """

    def score(correct: Floats, ground_truth: Floats, predicted: Floats) -> Floats:
        return class_score(metric, correct, ground_truth, predicted)

    differences = _differences(a, b, score, a[0].counts.shape[1], resamples, seed)
    enough = seen_enough(a[0], units_of(a[0]))
    return holm([d if seen else _without_interval(d) for d, seen in zip(differences, enough, strict=True)])


def _without_interval(difference: Difference) -> Difference:
    """Return the difference without interval and p-value, for a class in too few units."""
    return replace(difference, low=math.nan, high=math.nan, p_value=math.nan, adjusted=math.nan)


def holm(differences: Sequence[Difference]) -> list[Difference]:
    """Return the differences with p-values adjusted for all of them (Holm, Scandinavian Journal of Statistics 6, 1979).

    The smallest of m p-values is multiplied by m, the next by m - 1, and so on. An adjusted p-value is at least the one
    before and at most 1. Differences without a p-value are not counted as comparisons.
    """
    order = sorted((d.p_value, i) for i, d in enumerate(differences) if not math.isnan(d.p_value))
    adjusted, least = list(differences), 0.0
    for rank, (p_value, i) in enumerate(order):
        least = max(least, min(1.0, (len(order) - rank) * p_value))
        adjusted[i] = replace(differences[i], adjusted=least, family=len(order))
    return adjusted


def _differences(
    a: Sequence[Counts], b: Sequence[Counts], score: Score, family: int, resamples: int, seed: int
) -> list[Difference]:
    """Return one difference for each of the K scores."""
    for other in (*a[1:], *b):
        require_same_ground_truth(a[0], other)
    units = units_of(a[0])
    enough = _enough_resamples(resamples, units, family)
    resamples_a, resamples_b = resampled([a, b], units, score, enough, seed)
    scored, values = resamples_a - resamples_b, _mean_score(a, score) - _mean_score(b, score)
    return [
        Difference(
            float(value),
            *scored.range(k),
            p_value := scored.p_value(k),
            adjusted=p_value,
            family=1,
            resamples=enough,
            unit=units.unit,
            videos=units.videos,
            note=units.note,
        )
        for k, value in enumerate(values)
    ]


def _mean_score(networks: Sequence[Counts], score: Score) -> Floats:
    """Return the scores on all images, averaged over networks: float64 (K,)."""
    totals = [[pixels[None].astype(np.float64) for pixels in margins(counts.total)] for counts in networks]
    return defined_mean(np.stack([score(*pixels)[0] for pixels in totals], axis=-1))


def _enough_resamples(resamples: int, units: Units, family: int) -> int:
    """Return a number of resamples, at least `resamples`, with which the smallest possible p-value is significant even
    after Holm's correction; at most MOST_RESAMPLES."""
    if units.count < FEWEST:
        return resamples
    while two_sided(1 / (1 + resamples), units.count) * family > LEVEL / 2 and 2 * resamples <= MOST_RESAMPLES:
        resamples *= 2
    return resamples


def require_same_ground_truth(a: Counts, b: Counts) -> None:
    """Raise RequestError unless both counts belong to the same images with the same ground truth."""
    if a.names != b.names:
        only_a, only_b = sorted(set(a.names) - set(b.names)), sorted(set(b.names) - set(a.names))
        raise RequestError(
            f"the two were not scored on the same images in the same order "
            f"({len(only_a)} only in the first, {len(only_b)} only in the second)",
            where=first(only_a + only_b, 5),
        )
    if a.counts.shape != b.counts.shape or not np.array_equal(a.counts.sum(axis=2), b.counts.sum(axis=2)):
        raise RequestError(
            "the two were not scored against the same ground truth (pixels per class differ)",
            hint="evaluate both on the same data in the same label space",
        )
