"""A small run of tools/simulate_bootstrap.py: intervals hold the truth, and nothing is called better too often.

The bounds are three standard errors of the simulation away from the promise; the draws are the same every time.
"""

from math import sqrt

import pytest
from simulate_bootstrap import Outcome, Setting, World, classes, family, pair, run, true_difference

STREET = World(50, 6, rarest=0.3)
FILMED = World(60, 6, rarest=0.3, videos=(5,) * 12, alike=0.5, steady=0.7)


def simulated(world: World, trials: int = 400) -> Outcome:
    return run(Setting("", "", pair, world), trials, seed=1)


def bound(share: float, trials: int, errors: float = 3) -> float:
    """Return the share that a true rate of `share` exceeds in one of 700 simulations."""
    return share + errors * sqrt(share * (1 - share) / trials)


@pytest.mark.parametrize(
    "world",
    [STREET, World(12, 6, rarest=0.3), World(30, 6, rarest=0.3, networks=6), FILMED],
    ids=["50 images", "12 images", "3 seeds each", "12 videos"],
)
def test_equal_networks_are_told_apart_as_rarely_as_promised(world: World) -> None:
    result = simulated(world)
    assert 1 - bound(0.05, 400) <= result["interval holds the truth"] <= 1 - bound(0.05, 400, errors=-3)
    assert result["A called better"] <= bound(0.025, 400)
    assert result["B called better"] <= bound(0.025, 400)


def test_frames_of_videos_drawn_as_if_independent_would_not_hold() -> None:
    """The simulation can fail: drawing frames instead of videos breaks the promise."""
    forgotten = World(60, 6, rarest=0.3, videos=(5,) * 12, alike=0.5, steady=0.7, known=False)
    assert simulated(forgotten)["interval holds the truth"] < 0.8


def test_a_true_difference_is_inside_the_interval_and_found() -> None:
    setting = Setting("", "", pair, World(50, 6, rarest=0.3, better=0.3), true_difference)
    result = run(setting, 200, seed=1)
    assert result["truth, points"] > 0.02
    assert result["interval holds the truth"] >= 1 - bound(0.05, 200)
    assert result["A called better"] > 0.5
    assert result["B called better"] <= 0.01


@pytest.mark.parametrize("trial", [family, classes])
def test_among_many_comparisons_none_is_false_more_often_than_one_in_twenty(trial) -> None:  # type: ignore[no-untyped-def]
    result = run(Setting("", "", trial, World(50, 6, rarest=0.3, networks=4 if trial is family else 2)), 150, seed=1)
    assert result["any, adjusted"] <= bound(0.05, 150)
    assert result["any, not adjusted"] > result["any, adjusted"]
