"""Is one network better than another? Paired bootstrap, its p-value, and what remains of it among several comparisons.

The same units are drawn for both, so that what is hard for both cancels out (Efron & Tibshirani 1993, chapter 8). The
p-value is the interval turned round (their section 15.4): the smallest level at which the interval leaves out 0. It is
counted as (1 + k) / (1 + resamples), never 0 (Davison & Hinkley 1997, section 4.2; Phipson & Smyth 2010).
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

MOST_RESAMPLES = 256_000


@dataclass(frozen=True)
class Difference:
    """The score of A minus the score of B on the same images, with its 95 % interval.

    Args:
        value: the difference on the images themselves; NaN where a score is undefined.
        low, high: the interval; NaN where nothing can be said.
        p_value: two-sided, of the hypothesis that the true difference is 0; NaN where nothing can be said.
        adjusted: the p-value after Holm's correction for the whole family of comparisons.
        family: how many comparisons that is.
        resamples: how many were drawn.
        unit: what was drawn, "image", "clip" or "sequence".
        videos: of how many videos it speaks, where they are too few to speak for others.
        note: what to keep in mind when reading it, if anything.
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

        One is better only where the interval leaves out 0 and the adjusted p-value is below 5 %.
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
    """The mean score of the networks `a` minus that of the networks `b`; the p-value is not yet adjusted.

    Args:
        a, b: counts on the same images, one for each seed of a network.
        metric: one of scores.OVERALL.
        family: how many comparisons this is one of; more is drawn where `resamples` could not settle so many.
        resamples: how many to draw at least.
        seed: of the draws.

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
    """The difference of each class; p-values are adjusted for all classes that have one, rare ones have none.

    Args:
        a, b, resamples, seed: as for `compare`.
        metric: one of scores.METRICS.

    Raises:
        RequestError: images or ground truth differ.
    """

    def score(correct: Floats, ground_truth: Floats, predicted: Floats) -> Floats:
        return class_score(metric, correct, ground_truth, predicted)

    found = _differences(a, b, score, a[0].counts.shape[1], resamples, seed)
    enough = seen_enough(a[0], units_of(a[0]))
    return holm([d if seen else _without_interval(d) for d, seen in zip(found, enough, strict=True)])


def _without_interval(difference: Difference) -> Difference:
    return replace(difference, low=math.nan, high=math.nan, p_value=math.nan, adjusted=math.nan)


def holm(differences: Sequence[Difference]) -> list[Difference]:
    """The differences with p-values adjusted for all of them (Holm, Scandinavian Journal of Statistics 6, 1979).

    The smallest of m p-values is multiplied by m, the next by m - 1, and so on; none is smaller than the one before,
    and none is above 1. What has no p-value is no comparison.
    """
    order = sorted((d.p_value, i) for i, d in enumerate(differences) if not math.isnan(d.p_value))
    found, least = list(differences), 0.0
    for rank, (p_value, i) in enumerate(order):
        least = max(least, min(1.0, (len(order) - rank) * p_value))
        found[i] = replace(differences[i], adjusted=least, family=len(order))
    return found


def _differences(
    a: Sequence[Counts], b: Sequence[Counts], score: Score, family: int, resamples: int, seed: int
) -> list[Difference]:
    """One difference for each column of the score (rows, K)."""
    for other in (*a[1:], *b):
        require_same_ground_truth(a[0], other)
    units = units_of(a[0])
    enough = _enough(resamples, units, family)
    of_a, of_b = resampled([a, b], units, score, enough, seed)
    scored, values = of_a - of_b, _score_of(a, score) - _score_of(b, score)
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


def _score_of(networks: Sequence[Counts], score: Score) -> Floats:
    """The mean over networks of the score of all images: float64 (K,)."""
    totals = [[pixels[None].astype(np.float64) for pixels in margins(counts.total)] for counts in networks]
    return defined_mean(np.stack([score(*pixels)[0] for pixels in totals], axis=-1))


def _enough(resamples: int, units: Units, family: int) -> int:
    """As many resamples as it takes that the smallest p-value there can be is still small after Holm's correction."""
    if units.count < FEWEST:
        return resamples
    while two_sided(1 / (1 + resamples), units.count) * family > LEVEL / 2 and 2 * resamples <= MOST_RESAMPLES:
        resamples *= 2
    return resamples


def require_same_ground_truth(a: Counts, b: Counts) -> None:
    """Refuse counts that were not made on the same images with the same ground truth. Raises RequestError."""
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
