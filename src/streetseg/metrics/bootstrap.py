"""How far a score would move had other pictures been taken: percentile bootstrap over images or whole videos.

Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapters 8 and 13. Pictures are drawn with replacement,
their counts summed, and the scores computed from the sums, as for the split itself. Percentile intervals of few units
are too narrow; they are widened as Hesterberg, What Teachers Should Know About the Bootstrap (2015), section 5.3,
proposes.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from streetseg.errors import RequestError
from streetseg.metrics.counts import Counts
from streetseg.metrics.scores import OVERALL, Floats, class_scores, margins, overall_scores

RESAMPLES = 2000
CONFIDENCE = 0.95
ENOUGH_SEQUENCES = 10  # with fewer, resampling them says little about sequences that were not filmed

Range = tuple[float, float]
Unit = str  # "image" or "sequence"


@dataclass(frozen=True, eq=False)
class Intervals:
    """95 % intervals of the scores of one network.

    Args:
        overall: (low, high) of each score in scores.OVERALL.
        per_class: float64 (C, 2), low and high, of each metric in scores.METRICS; NaN for an absent class.
        resamples: how many were drawn.
        unit: what was drawn, "image" or "sequence".
        note: what to keep in mind when reading them, if anything.
    """

    overall: dict[str, Range]
    per_class: dict[str, Floats]
    resamples: int
    unit: Unit
    note: str | None


@dataclass(frozen=True)
class Difference:
    """The score of A minus the score of B on the same images, with its 95 % interval.

    Args:
        metric: which score, one of scores.OVERALL.
        value: the difference on the images themselves.
        low, high: the interval.
        resamples: how many were drawn.
        unit: what was drawn, "image" or "sequence".
        note: what to keep in mind when reading it, if anything.
    """

    metric: str
    value: float
    low: float
    high: float
    resamples: int
    unit: Unit
    note: str | None

    @property
    def verdict(self) -> str:
        """ "A is better", "B is better", or "not distinguishable" where the interval contains 0."""
        if self.low > 0:
            return "A is better"
        if self.high < 0:
            return "B is better"
        return "not distinguishable"


def interval(counts: Counts, *, resamples: int = RESAMPLES, seed: int = 0) -> Intervals:
    """Intervals of every score. The same counts and seed give the same numbers."""
    groups, unit, note = _groups(counts.sequences)
    draws = _draws(groups, resamples, seed)
    drawn = _drawn(counts, groups, draws)
    units = draws.shape[1]
    return Intervals(
        overall={name: _range(values, units) for name, values in overall_scores(*drawn).items()},
        per_class={
            metric: np.array([_range(values, units) for values in columns.T])
            for metric, columns in class_scores(*drawn).items()
        },
        resamples=resamples,
        unit=unit,
        note=note,
    )


def compare(a: Counts, b: Counts, *, metric: str = "mean_iou", resamples: int = RESAMPLES, seed: int = 0) -> Difference:
    """Paired comparison: the same images are drawn for both, so that what is hard for both cancels out.

    Args:
        a, b: counts of two networks on the same images.
        metric: one of scores.OVERALL.

    Raises:
        RequestError: images or truth differ between the two, or there is no such metric.
    """
    if metric not in OVERALL:
        raise RequestError(f"no score is called {metric}", hint=f"one of {', '.join(OVERALL)}")
    _refuse_other_truth(a, b)
    groups, unit, note = _groups(a.sequences)
    draws = _draws(groups, resamples, seed)
    of_a, of_b = (overall_scores(*_drawn(counts, groups, draws))[metric] for counts in (a, b))
    low, high = _range(of_a - of_b, draws.shape[1])
    value = overall_scores(*margins(a.total))[metric] - overall_scores(*margins(b.total))[metric]
    return Difference(metric, float(value), low, high, resamples, unit, note)


def _refuse_other_truth(a: Counts, b: Counts) -> None:
    if a.names != b.names:
        only_a, only_b = sorted(set(a.names) - set(b.names)), sorted(set(b.names) - set(a.names))
        raise RequestError(
            f"the two were not scored on the same images in the same order "
            f"({len(only_a)} only in the first, {len(only_b)} only in the second)",
            where=(only_a + only_b)[:5],
        )
    if a.counts.shape != b.counts.shape or not np.array_equal(a.counts.sum(axis=2), b.counts.sum(axis=2)):
        raise RequestError(
            "the two were not scored against the same truth (pixels per class differ)",
            hint="evaluate both on the same data in the same label space",
        )


def _groups(sequences: tuple[str | None, ...]) -> tuple[NDArray[np.int64], Unit, str | None]:
    """For each image the number of the unit it is drawn with; what the units are; what to keep in mind."""
    images = np.arange(len(sequences))
    known = sorted({sequence for sequence in sequences if sequence is not None})
    if len(sequences) < 2:
        return images, "image", "one image says nothing about others, so there is no interval"
    if not known:
        return images, "image", None
    if None in sequences:
        return images, "image", "the video of some images is unknown, so images were drawn as if independent"
    if len(known) < ENOUGH_SEQUENCES:
        videos = "one video" if len(known) == 1 else f"{len(known)} videos"
        return (
            images,
            "image",
            f"the {len(sequences)} images are frames of {videos}, too few to draw whole videos; frames of one video "
            "are not independent, so the interval is too narrow",
        )
    numbers = {sequence: number for number, sequence in enumerate(known)}
    return np.array([numbers[sequence] for sequence in sequences if sequence is not None]), "sequence", None


def _draws(groups: NDArray[np.int64], resamples: int, seed: int) -> Floats:
    """How often each unit is drawn: float64 (resamples, units), rows sum to the number of units."""
    units = int(groups.max()) + 1
    drawn = np.random.default_rng(seed).integers(units, size=(resamples, units))
    drawn += units * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=resamples * units).reshape(resamples, units).astype(np.float64)


def _drawn(counts: Counts, groups: NDArray[np.int64], draws: Floats) -> tuple[Floats, Floats, Floats]:
    """Margins (resamples, C) of every resample; sums of pixels, exact in float64 up to 2^53."""
    per_image = np.concatenate(margins(counts.counts), axis=1)
    per_unit = np.zeros((draws.shape[1], per_image.shape[1]))
    np.add.at(per_unit, groups, per_image)
    right, truth, predicted = np.split(draws @ per_unit, 3, axis=1)
    return right, truth, predicted


def _range(values: Floats, units: int) -> Range:
    """The central 95 % of the resampled values, widened for few units; NaN where nothing can be said."""
    defined = values[np.isfinite(values)]
    if not defined.size or units < 2:
        return float("nan"), float("nan")
    tail = tail_share(units)
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)


def tail_share(units: int) -> float:
    """Share of the resamples to leave out on each side, so that the interval of a mean is as wide as Student's t asks.

    2.5 % for many units, less for few: normal tail beyond sqrt(n / (n - 1)) t, with t for n - 1 degrees of freedom.
    """
    z, freedom = NormalDist().inv_cdf((1 + CONFIDENCE) / 2), units - 1
    # Abramowitz & Stegun 26.7.5: quantile of Student's t from that of the normal distribution.
    t = (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )
    return NormalDist().cdf(-t * (units / freedom) ** 0.5)
