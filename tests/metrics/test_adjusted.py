"""Adjusted shares: a published example, exact optima, and a simulation in which the true shares are known."""

from itertools import combinations
from math import sqrt

import numpy as np
import pytest
from simulate_shares import Setting, more_errors, other_shares, run

from streetseg.metrics.adjusted import adjusted_shares, adjustment, shares_behind
from streetseg.metrics.validation_counts import ValidationCounts

# Olofsson et al. 2014, table 8: rows are map classes, columns reference classes; shares of the map classes.
PUBLISHED = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
MAPPED = np.array([0.020, 0.015, 0.320, 0.645])


def validation(counts: np.ndarray) -> ValidationCounts:  # type: ignore[type-arg]
    return ValidationCounts(counts, np.arange(len(counts)), "image", None, len(counts))


def some_images(images: int = 40, seed: int = 0) -> np.ndarray:  # type: ignore[type-arg]
    rng = np.random.default_rng(seed)
    confusion = [[0.9, 0.06, 0.04], [0.1, 0.8, 0.1], [0.05, 0.15, 0.8]]
    ground_truth = rng.dirichlet([3, 2, 1], images)
    return np.array(
        [[rng.multinomial(1000 * s, row) for s, row in zip(t, confusion, strict=True)] for t in ground_truth]
    )


def test_the_published_example() -> None:
    """10 million pixels: deforestation 235,086 with a 95 % margin of 68,418 (section 5.1 of the paper)."""
    found = adjusted_shares(validation(PUBLISHED.T[None]), MAPPED[None], resamples=1)
    assert 1e7 * found.olofsson.value[0] == pytest.approx(235_086, abs=1)
    assert 1e7 * 1.96 * found.standard_error[0] == pytest.approx(68_418, rel=1e-3)
    assert found.olofsson.value.sum() == pytest.approx(1)


def test_on_the_images_of_the_validation_both_estimates_are_the_true_shares() -> None:
    counts = some_images()
    counts = np.floor(1000 * counts / counts.sum(axis=(1, 2), keepdims=True)).astype(np.int64)
    predicted = counts.sum(axis=1) / counts.sum(axis=(1, 2))[:, None]
    pooled = counts.sum(axis=(0, 1)) / counts.sum()
    true = counts.sum(axis=(0, 2)) / counts.sum()
    found = adjusted_shares(validation(counts), pooled[None], resamples=50)
    assert found.olofsson.value == pytest.approx(true)
    assert found.inverse.value == pytest.approx(true)
    assert adjusted_shares(validation(counts), predicted, resamples=50).raw.value == pytest.approx(pooled, abs=1e-3)


def test_inverse_confusion_undoes_other_shares_and_the_estimate_of_olofsson_does_not() -> None:
    counts = some_images()
    other = counts * np.array([1, 2, 10])[:, None]
    pooled, true = other.sum(axis=(0, 1)) / other.sum(), other.sum(axis=(0, 2)) / other.sum()
    found = adjusted_shares(validation(counts), pooled[None], resamples=50)
    assert found.inverse.value == pytest.approx(true)
    assert np.abs(found.olofsson.value - true).max() > 0.05


def test_the_matrix_of_adjustment_gives_the_estimate_of_olofsson() -> None:
    counts = validation(some_images())
    shares = np.array([[0.2, 0.3, 0.5], [0.6, 0.1, 0.3]])
    matrix = adjustment(counts)

    assert matrix.sum(axis=0) == pytest.approx(1)
    assert matrix @ shares.mean(axis=0) == pytest.approx(adjusted_shares(counts, shares).olofsson.value)


def test_the_optimum_on_the_simplex_is_the_best_of_all_supports() -> None:
    rng = np.random.default_rng(1)
    confusion = rng.dirichlet(np.ones(4), (200, 4)).swapaxes(1, 2)
    predicted = rng.dirichlet(np.full(4, 0.5), 200)
    found = shares_behind(confusion, predicted)
    assert found.min() >= 0
    assert found.sum(axis=1) == pytest.approx(1)
    assert np.count_nonzero(found == 0) > 100, "the constraint is tested"
    for a, target, shares in zip(confusion, predicted, found, strict=True):
        distance = np.linalg.norm(a @ shares - target)
        for size in range(1, 5):
            for support in combinations(range(4), size):
                part = a[:, support]
                system = np.block([[part.T @ part, np.ones((size, 1))], [np.ones((1, size)), np.zeros((1, 1))]])
                tried = np.linalg.lstsq(system, np.append(part.T @ target, 1), rcond=None)[0][:size]
                if tried.min() >= 0 and abs(tried.sum() - 1) < 1e-9:
                    assert distance <= np.linalg.norm(part @ tried - target) + 1e-9


def test_sums_of_classes_have_intervals_of_their_own() -> None:
    counts = some_images()
    predicted = counts.sum(axis=1) / counts.sum(axis=(1, 2))[:, None]
    found = adjusted_shares(validation(counts), predicted, np.array([[1.0, 0, 0], [0, 1, 1]]), resamples=200)
    for estimate in (found.olofsson, found.inverse):
        assert estimate.value[1] == pytest.approx(1 - estimate.value[0])
        assert estimate.low[1] == pytest.approx(1 - estimate.high[0])
        assert (estimate.low < estimate.value).all() and (estimate.value < estimate.high).all()


def test_the_same_images_give_the_same_numbers() -> None:
    counts = some_images()
    predicted = counts.sum(axis=1) / counts.sum(axis=(1, 2))[:, None]
    one, two = (adjusted_shares(validation(counts), predicted, resamples=100) for _ in range(2))
    assert np.array_equal(one.inverse.low, two.inverse.low)


def test_few_images_of_the_validation_give_no_interval() -> None:
    counts = some_images(4)
    predicted = counts.sum(axis=1) / counts.sum(axis=(1, 2))[:, None]
    found = adjusted_shares(validation(counts), predicted)
    assert np.isfinite(found.olofsson.value).all()
    assert np.isnan(found.olofsson.low).all() and np.isnan(found.inverse.high).all()


def test_a_class_that_the_validation_never_shows_is_taken_as_predicted() -> None:
    counts = np.pad(some_images(), ((0, 0), (0, 1), (0, 1)))
    predicted = np.tile([0.5, 0.3, 0.1, 0.1], (20, 1))
    found = adjusted_shares(validation(counts), predicted, resamples=50)
    assert found.never_true.tolist() == found.never_predicted.tolist() == [False, False, False, True]
    assert found.olofsson.value[3] == pytest.approx(0.1)
    assert found.inverse.value[3] == pytest.approx(0.1)
    assert np.isfinite(found.condition)


TRIALS = 40


@pytest.mark.parametrize("sample", [False, True], ids=["these images", "a sample"])
def test_an_interval_holds_the_true_share_as_often_as_promised(sample: bool) -> None:
    """The confusion is that of the validation. Classes of one trial are not independent: 1.5 errors of one class."""
    _, olofsson, inverse, doubted = run(Setting("", 200, 50, sample=sample), TRIALS)
    margin = 1.5 * sqrt(0.05 * 0.95 / TRIALS)
    for outcome in (olofsson, inverse):
        assert 0.95 - margin <= outcome.held.mean() <= 0.95 + margin
    assert doubted <= 0.1


def test_other_shares_break_the_estimate_of_olofsson_and_are_doubted() -> None:
    _, olofsson, inverse, doubted = run(Setting("", 200, 50, change=other_shares), 20)
    assert olofsson.held.mean() < 0.8 < 0.9 <= inverse.held.mean()
    assert inverse.error < olofsson.error
    assert doubted > 0.3


def test_a_network_that_errs_more_breaks_both() -> None:
    _, olofsson, inverse, _ = run(Setting("", 200, 200, change=more_errors), 20)
    assert olofsson.held.mean() < 0.9 and inverse.held.mean() < 0.8
