"""Student's tail, compared with scipy; interval and p-value follow from one rule."""

import numpy as np
import pytest
from scipy import stats

from streetseg.metrics.student import FEWEST, LEVEL, effective_units, left_out, student_tail, two_sided


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 9, 10, 100, 499, 5000])
@pytest.mark.parametrize("t", [0.0, 0.5, 1.96, 4.0])
def test_the_tail_is_students(freedom: int, t: float) -> None:
    assert student_tail(t, freedom) == pytest.approx(stats.t.sf(t, freedom), rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("units", [FEWEST, 6, 10, 30, 101, 500, 5000])
def test_what_is_left_out_is_what_has_a_p_value_of_five_percent(units: int) -> None:
    out = left_out(2000, units)
    assert two_sided(out / 2001, units) <= LEVEL < two_sided((out + 1) / 2001, units)
    t = stats.t.ppf(0.975, units - 1)
    assert out == int(2001 * stats.norm.cdf(-t * (units / (units - 1)) ** 0.5))


def test_many_units_leave_out_two_and_a_half_percent_a_side_and_few_less() -> None:
    assert left_out(2000, 10**5) == 50
    outs = [left_out(2000, units) for units in (5, 6, 10, 30, 101, 500)]
    assert outs == sorted(outs)
    assert outs[0] >= 1
    assert left_out(2000, FEWEST - 1) == 0


def test_no_p_value_is_zero_or_above_one() -> None:
    assert 0 < two_sided(1 / 2001, 500) < 0.0012
    assert two_sided(0.5, 500) == two_sided(0.9, 500) == 1.0


def test_normal_contributions_count_as_they_are_and_outstanding_ones_as_few() -> None:
    random, one = np.random.default_rng(0), np.ones(200, np.int64)
    normal = random.standard_normal(200)
    assert effective_units(normal, one) == pytest.approx(200, abs=40)
    assert FEWEST < effective_units(random.standard_t(3, 200), one) < 120
    assert effective_units(np.where(np.arange(200) < 2, 1.0, 0.0), one) == FEWEST
    assert effective_units(np.zeros(200), one) == 200
    assert effective_units(np.full(200, np.nan), one) == 200
    assert effective_units(normal[:4], one[:4]) == 4


def test_the_degrees_of_freedom_are_those_of_the_spread() -> None:
    """Compare O'Neill's formula with a simulation: variance of sample variances of a heavy-tailed distribution."""
    random, n = np.random.default_rng(0), 30
    samples = random.laplace(size=(200_000, n))
    spreads = samples.var(axis=1, ddof=1)
    freedom = 2 * spreads.mean() ** 2 / spreads.var()
    assert 2 * n / (6 - (n - 3) / (n - 1)) == pytest.approx(freedom, rel=0.03)  # kurtosis of Laplace is 6
    many = random.laplace(size=100_000)
    assert effective_units(many, np.ones(len(many), np.int64)) == pytest.approx(2 * len(many) / (6 - 1), rel=0.1)


def test_large_units_may_contribute_more() -> None:
    images = np.array([100, 100, *[1] * 98])
    parts = np.random.default_rng(0).standard_normal(100)
    parts[:2] = 1.5, -1.5
    alike = effective_units(parts, np.ones(100, np.int64))
    assert effective_units(parts * np.sqrt(images), images) == pytest.approx(alike, abs=5)
    assert effective_units(parts * np.sqrt(images), np.ones(100, np.int64)) < alike / 3
