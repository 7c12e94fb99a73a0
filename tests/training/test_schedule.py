"""The learning rate: warm up, peak, come down; never below 0 or above its peak."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streetseg.recipe.schema import Optim
from streetseg.training.schedule import lr_factor

SCHEDULES = ("poly", "one-cycle")


def factors(steps: int, **settings: object) -> list[float]:
    return [lr_factor(step, steps, Optim(**settings)) for step in range(steps)]


@given(
    steps=st.integers(1, 300),
    warmup=st.floats(0, 0.99),
    schedule=st.sampled_from(SCHEDULES),
)
def test_up_then_down_within_bounds(steps: int, warmup: float, schedule: str) -> None:
    curve = factors(steps, warmup=warmup, schedule=schedule)

    top = curve.index(max(curve))
    assert all(0 < factor <= 1 for factor in curve)
    assert max(curve) == pytest.approx(1)
    assert curve[: top + 1] == sorted(curve[: top + 1])
    assert curve[top:] == sorted(curve[top:], reverse=True)
    assert top <= math.ceil(warmup * steps)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_without_a_warm_up_it_starts_at_the_peak(schedule: str) -> None:
    assert factors(10, warmup=0.0, schedule=schedule)[0] == 1.0


def test_poly_rises_in_a_line_and_falls_by_its_power() -> None:
    curve = factors(100, warmup=0.1, schedule="poly")

    assert curve[:10] == pytest.approx([(k + 1) / 10 for k in range(10)])
    assert curve[10:] == pytest.approx([(1 - k / 90) ** 0.9 for k in range(90)])


def test_one_cycle_is_two_half_cosines() -> None:
    curve = factors(1000, warmup=0.3, schedule="one-cycle")

    assert curve[0] == pytest.approx(0.04, abs=1e-3)
    assert curve[149] == pytest.approx((0.04 + 1) / 2)  # half way up
    assert curve[299] == curve[300] == 1
    assert curve[650] == pytest.approx((1 + 1e-4) / 2)  # half way down
    assert curve[-1] == pytest.approx(1e-4, abs=1e-4)


def test_a_run_of_one_step() -> None:
    assert [factors(1, schedule=schedule) for schedule in SCHEDULES] == [[1.0], [1.0]]
