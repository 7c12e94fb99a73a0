"""Tufts of leaves."""

import math

from streetseg.scenes.rng import Dice

Outline = list[tuple[float, float]]


def _ragged(dice: Dice, points: int, least: float) -> Outline:
    """A closed outline around a unit circle."""
    outline = []
    for k in range(points):
        radius = dice.uniform(least, 1.15)
        turn = (k + dice.uniform(-0.35, 0.35)) * 2 * math.pi / points
        outline.append((radius * math.cos(turn), radius * math.sin(turn)))
    return outline


# Outlines of tufts, the same in every scene.
TUFTS = [_ragged(Dice(k), 14, 0.66) for k in range(24)]
