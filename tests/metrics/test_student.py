"""Student's tail against scipy, and interval and p-value as two sides of one rule."""

import pytest
from scipy import stats

from streetseg.metrics.student import FEWEST, LEVEL, left_out, student_tail, two_sided


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
