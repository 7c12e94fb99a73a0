"""Shares of classes over a set of images, corrected for the known errors of the network, with 95 % intervals.

The network's confusion is known from its validation. Two estimators use it (docs/explanation/adjusted-shares.md):

- Olofsson et al., Good practices for estimating area and assessing accuracy of land change, Remote Sensing of
  Environment 148 (2014): the probability of each true class, given the predicted one.
- Inverse confusion (Buonaccorsi, Measurement Error, 2010, chapter 2): the probability of each predicted class, given
  the true one, inverted under the constraint that shares are at least 0 and sum to 1.

Pixels of an image are not independent, so that the intervals come from a bootstrap of whole images, clips or videos of
the validation. It is ours for the reason given in `bootstrap`.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streetseg.metrics.student import FEWEST, effective_units, left_out
from streetseg.metrics.validation_counts import ValidationCounts

Floats = NDArray[np.float64]

RESAMPLES = 2000
BLOCK = 1 << 21  # numbers in a block of resampled matrices: 16 MiB
RIDGE = 1e-12  # keeps a system solvable whose classes cannot be told apart; far below the error of any count


@dataclass(frozen=True, eq=False)
class Estimate:
    """Estimated shares with their 95 % intervals, each float64 (K,); NaN where there is no interval."""

    value: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, eq=False)
class AdjustedShares:
    """Shares of K quantities over a set of images: predicted, and adjusted by two estimators.

    Args:
        raw: as predicted. Its interval is NaN unless the images are a sample.
        olofsson, inverse: see the module.
        standard_error: of `olofsson` by the formula of the paper, which takes pixels for independent: float64 (K,).
        condition: the condition number of the confusion that is inverted; infinite if it has no inverse.
        never_true, never_predicted: bool (C,), classes that the validation cannot say anything about.
    """

    raw: Estimate
    olofsson: Estimate
    inverse: Estimate
    standard_error: Floats
    condition: float
    never_true: NDArray[np.bool_]
    never_predicted: NDArray[np.bool_]


def adjustment(validation: ValidationCounts) -> Floats:
    """Return the probability of each true class j where class k is predicted, float64 (C, C): [j, k].

    This matrix times the predicted shares is the estimate `olofsson` of them, without its interval. A class that the
    validation never predicts is taken as predicted.
    """
    total = validation.per_unit.sum(axis=0)
    return _normalized(total, 0, np.eye(len(total)))


def adjusted_shares(
    validation: ValidationCounts,
    shares: Floats,
    sums: Floats | None = None,
    *,
    sample: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> AdjustedShares:
    """Return the adjusted shares of a set of images; each image counts the same, whatever its size.

    Args:
        validation: counts of the network that predicted the images.
        shares: predicted shares, float64 (M, C); each row sums to 1.
        sums: float64 (K, C), the quantities to estimate as sums over classes; None for the classes.
        sample: the images are a sample, and the shares of all images that they were drawn from are estimated. Else the
            shares of these images are: then the interval covers that their errors differ by chance from the average.
        resamples: the number of resamples.
        seed: the seed of the random resamples.
    """
    per_unit = validation.per_unit
    units, classes = per_unit.shape[:2]
    sums = np.eye(classes) if sums is None else sums
    total = per_unit.sum(axis=0)
    never_true, never_predicted = total.sum(axis=1) == 0, total.sum(axis=0) == 0
    # What the validation never shows is taken as predicted; the caller is told.
    known = _Confusion(adjustment(validation), _normalized(total, 1, np.eye(classes)).swapaxes(-1, -2))
    predicted = shares.mean(axis=0)
    olofsson, inverse = known.adjust(predicted)

    drawn: list[tuple[Floats, Floats, Floats]] = []
    for draw in _draws(per_unit, resamples, seed):
        confusion = known.resampled(draw.counts(units))
        if sample:
            of_set = draw.rng.multinomial(len(shares), np.full(len(shares), 1 / len(shares)), draw.rows)
            means = of_set @ shares / len(shares)
            drawn.append((means, *confusion.adjust(means)))
            continue
        # The errors of the images themselves are those of as many images of the validation, drawn once more.
        own = known.resampled(draw.counts(max(1, round(len(shares) * units / validation.images))))
        by_prediction, _ = confusion.adjust(np.broadcast_to(predicted, (draw.rows, classes)))
        _, by_inverse = confusion.adjust(predicted + (own.of_prediction - known.of_prediction) @ inverse)
        by_prediction = by_prediction + (own.of_ground_truth - known.of_ground_truth) @ predicted
        drawn.append((np.full_like(by_inverse, np.nan), by_prediction, by_inverse))

    without = known.resampled(total - per_unit).adjust(np.broadcast_to(predicted, (units, classes)))
    images = np.bincount(validation.units)
    most = len(shares) if sample else None
    raw_draws, olofsson_draws, inverse_draws = (np.concatenate(parts) @ sums.T for parts in zip(*drawn, strict=True))
    nowhere = np.full(len(sums), np.nan)
    raw = Estimate(sums @ predicted, nowhere, nowhere)
    if sample:
        raw = _estimate(sums @ predicted, raw_draws, [len(shares)] * len(sums))
    return AdjustedShares(
        raw=raw,
        olofsson=_estimate(sums @ olofsson, olofsson_draws, _effective(without[0] @ sums.T, images, most)),
        inverse=_estimate(sums @ inverse, inverse_draws, _effective(without[1] @ sums.T, images, most)),
        standard_error=_standard_error(total, predicted, sums),
        condition=_condition(known.of_prediction[~never_true][:, ~never_true]),
        never_true=never_true,
        never_predicted=never_predicted,
    )


@dataclass(frozen=True, eq=False)
class _Confusion:
    """Confusion matrices as conditional probabilities, each float64 (..., C, C).

    Args:
        of_ground_truth: [j, k], the probability of true class j, given predicted class k.
        of_prediction: [k, j], the probability of predicted class k, given true class j.
    """

    of_ground_truth: Floats
    of_prediction: Floats

    def resampled(self, counts: Floats) -> "_Confusion":
        """Return the confusion of resampled counts (B, C, C); a class that a resample lacks is as in this one."""
        return _Confusion(
            _normalized(counts, 0, self.of_ground_truth),
            _normalized(counts, 1, self.of_prediction.swapaxes(-1, -2)).swapaxes(-1, -2),
        )

    def adjust(self, predicted: Floats) -> tuple[Floats, Floats]:
        """Return both estimates, each (..., C), of predicted shares (..., C)."""
        by_prediction = (self.of_ground_truth @ predicted[..., None])[..., 0]
        return by_prediction, shares_behind(self.of_prediction, predicted)


def shares_behind(confusion: Floats, predicted: Floats) -> Floats:
    """Return the shares p on the simplex that minimize |confusion @ p - predicted|, float64 (..., C).

    The optimum under p >= 0 and sum(p) = 1 is found exactly, by exchanging all classes that break its conditions and,
    where that goes round in circles, the last one only (Murty, Mathematical Programming 7, 1974).

    Args:
        confusion: float64 (..., C, C), [k, j] the probability of predicted class k, given true class j.
        predicted: float64 (..., C).
    """
    classes = predicted.shape[-1]
    a = np.broadcast_to(confusion, (*predicted.shape, classes)).reshape(-1, classes, classes)
    gram = a.swapaxes(1, 2) @ a + RIDGE * np.eye(classes)
    target = (a.swapaxes(1, 2) @ predicted.reshape(-1, classes, 1))[..., 0]
    shares, free = np.zeros_like(target), np.ones(target.shape, bool)
    rest = np.arange(len(target))
    for turn in range(10 * classes):
        part = free[rest]
        # Lagrange's conditions; a class that is not free gets the equation p = 0.
        system = np.zeros((len(rest), classes + 1, classes + 1))
        system[:, :classes, :classes] = np.where(part[:, :, None] & part[:, None, :], gram[rest], 0)
        system[:, range(classes), range(classes)] = np.where(part, gram[rest][:, range(classes), range(classes)], 1)
        system[:, :classes, classes] = system[:, classes, :classes] = part
        right = np.concatenate([np.where(part, target[rest], 0), np.ones((len(rest), 1))], axis=1)
        solved = np.linalg.solve(system, right[..., None])[..., 0]
        shares[rest], multiplier = solved[:, :classes], solved[:, classes:]
        slope = (gram[rest] @ shares[rest][..., None])[..., 0] - target[rest] + multiplier
        broken = np.where(part, shares[rest] < -1e-12, slope < -1e-12)
        if turn >= classes:
            broken &= np.cumsum(broken[:, ::-1], axis=1)[:, ::-1] == 1
        free[rest] ^= broken
        rest = rest[broken.any(axis=1)]
        if not len(rest):
            break
    return np.clip(shares, 0, 1).reshape(predicted.shape)


@dataclass(frozen=True, eq=False)
class _Draw:
    """A block of resamples of the units of a validation."""

    rng: np.random.Generator
    rows: int
    per_unit: Floats

    def counts(self, drawn: int) -> Floats:
        """Return the summed counts of `drawn` units for each resample, float64 (rows, C, C)."""
        units = len(self.per_unit)
        weights = self.rng.multinomial(drawn, np.full(units, 1 / units), self.rows)
        return (weights @ self.per_unit.reshape(units, -1)).reshape(self.rows, *self.per_unit.shape[1:])


def _draws(per_unit: Floats, resamples: int, seed: int) -> Iterator[_Draw]:
    rng, block = np.random.default_rng(seed), max(1, BLOCK // per_unit[0].size)
    for start in range(0, resamples, block):
        yield _Draw(rng, min(block, resamples - start), per_unit)


def _normalized(counts: Floats, axis: int, default: Floats) -> Floats:
    """Return counts (..., C, C) divided by their sums over ground truth (axis 0) or prediction (axis 1); the default
    where a sum is 0."""
    totals = counts.sum(axis=axis - 2, keepdims=True)
    return np.where(totals > 0, counts / np.where(totals > 0, totals, 1), default)


def _estimate(value: Floats, drawn: Floats, units: list[int]) -> Estimate:
    """Return values with the interval of their resamples, float64 (resamples, K), widened for few units."""
    ranked = np.sort(drawn, axis=0).clip(0, 1)
    ends = np.full((2, len(value)), np.nan)
    for k, count in enumerate(units):
        if out := left_out(len(drawn), count):
            ends[:, k] = ranked[out - 1, k], ranked[-out, k]
    return Estimate(value, ends[0], ends[1])


def _effective(without: Floats, images: NDArray[np.int64], most: int | None) -> list[int]:
    """Return for each quantity the number of units that its interval rests on (see `effective_units`).

    Args:
        without: float64 (units, K), the estimates with each unit left out in turn.
        images: the number of images in each unit.
        most: the number of measured images, if they are resampled, too.
    """
    if len(images) < FEWEST:
        return [len(images)] * without.shape[1]
    found = [effective_units(column, images) for column in without.T]
    return found if most is None else [min(count, most) for count in found]


def _standard_error(total: Floats, predicted: Floats, sums: Floats) -> Floats:
    """Return the standard error of Olofsson's estimate for independent pixels (equation 10 of the paper)."""
    columns = total.sum(axis=0)
    within = sums @ _normalized(total, 0, np.eye(len(total)))
    variance = predicted**2 * within * (1 - within) / np.maximum(columns - 1, 1)
    errors: Floats = np.sqrt(np.maximum(variance, 0).sum(axis=1))
    return errors


def _condition(confusion: Floats) -> float:
    return float(np.linalg.cond(confusion)) if len(confusion) else math.inf
