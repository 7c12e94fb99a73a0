"""Measures of cars, vans and buses."""

from dataclasses import dataclass
from typing import NamedTuple

from streetseg.scenes.rng import Dice


class Cabin(NamedTuple):
    """Where a cabin stands on its body, x of four points: feet and roof, rear and front."""

    rear: float
    rear_roof: float
    front_roof: float
    front: float


@dataclass(frozen=True)
class Shape:
    """Measures in metres; x runs from the rear (negative) to the front, y up.

    Args:
        length, width, height: of the whole vehicle.
        outline: the body from the side, (x, y) anticlockwise with the front to the right; convex.
        cabin: what stands on the body; None where the body has the full height.
        shoulder: where cabin or windows begin, y.
        bumper: y of its middle.
        wheels: x of the axles.
        radius: of the wheels.
    """

    length: float
    width: float
    height: float
    outline: tuple[tuple[float, float], ...]
    cabin: Cabin | None
    shoulder: float
    bumper: float
    wheels: tuple[float, ...]
    radius: float


# kind -> how often; length, height, end of the bonnet and foot of the rear window (shares of the length from the
# middle), shoulder
_CARS = {
    "saloon": (5.0, (4.6, 1.45, 0.20, -0.36, 0.93)),
    "hatchback": (6.0, (4.1, 1.48, 0.22, -0.47, 0.95)),
    "estate": (4.0, (4.7, 1.48, 0.20, -0.485, 0.94)),
    "suv": (5.0, (4.5, 1.72, 0.22, -0.47, 1.08)),
    "small": (3.0, (3.6, 1.52, 0.30, -0.47, 0.95)),
    "van": (3.0, (4.9, 1.98, 0.34, -0.49, 1.12)),
    "pickup": (1.2, (5.1, 1.80, 0.22, -0.08, 1.08)),
}


def draw_shape(large: bool, dice: Dice) -> Shape:
    """Choose a kind of vehicle, a bus or a truck only if it may be `large`, and vary its measures."""
    if dice.chance(0.05) and large:
        return _coach(dice.uniform(5.5, 11.5), dice.uniform(2.7, 3.2))
    kind = dice.pick(tuple(_CARS), [often for often, _ in _CARS.values()])
    length, height, bonnet, tail, shoulder = _CARS[kind][1]
    length, height = length * dice.uniform(0.94, 1.06), height * dice.uniform(0.96, 1.05)
    half, front, nose = length / 2, length * bonnet, shoulder - dice.uniform(0.12, 0.26)
    bottom = ((-half, 0.24), (half - 0.05, 0.24), (half, 0.45), (half - 0.04, nose))
    top = ((front, shoulder), (0.05 - half, shoulder), (-half, shoulder - 0.25))
    rake, slope = dice.uniform(0.45, 0.75), dice.uniform(0.15, 0.6)
    if kind == "van":
        rake, slope = 0.22, 0.10
    elif kind == "saloon":
        slope = dice.uniform(0.5, 0.8)
    cabin = Cabin(length * tail, length * tail + slope, front - rake, front + 0.05)
    axle = half - dice.uniform(0.78, 0.9)
    radius = 0.36 if kind in ("suv", "pickup", "van") else 0.31
    return Shape(length, dice.uniform(1.68, 1.9), height, bottom + top, cabin, shoulder, 0.3, (-axle, axle), radius)


def _coach(length: float, height: float) -> Shape:
    half = length / 2
    outline = ((-half, 0.35), (half, 0.35), (half, 1.2), (half - 0.15, height), (-half, height))
    return Shape(length, 2.5, height, outline, None, 1.2, 0.5, (-half * 0.6, half * 0.6), 0.48)
