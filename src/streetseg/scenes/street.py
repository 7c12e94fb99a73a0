"""The plan of a street: its course, widths, crossing streets and plots, and the shade of its buildings.

Street coordinates, in meters: t to the right of the middle of the road, y up, s along the road. Without the bend of the
road they equal the world coordinates (x, y, z).
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

from streetseg.scenes.light import Light, Vector
from streetseg.scenes.rng import Rng

BEHIND = -8.0  # s at which the ground begins, behind the camera
FAR = 900.0  # s at which the ground ends
Row = tuple[tuple[float, float, float], ...]  # (first s, last s, height) of the buildings on one side


class Lot(NamedTuple):
    """A plot beside the street.

    Args:
        side: left (-1) or right (+1).
        first, last: s of its near and far end.
        height: height of its house.
        corner: whether another street runs along its near end.
        beside: height of the house that touches its near end; 0 if there is none.
        green: whether it is a park instead of a house.
        yard: whether it is a car park or forecourt instead of a house.
    """

    side: int
    first: float
    last: float
    height: float
    corner: bool
    beside: float
    green: bool
    yard: bool = False

    @property
    def built(self) -> bool:
        """Return whether a house stands at its front."""
        return not (self.green or self.yard)


@dataclass(frozen=True)
class Street:
    """The plan of a street, in meters.

    Args:
        road: half the width of the road.
        lane: width of one lane.
        lanes: number of lanes, both directions together.
        parking: width of the parking strip at each curb (left, right), part of the road; 0 if there is none.
        pavement: width of the pavement (left, right).
        setback: distance between pavement and buildings (left, right), for front gardens.
        bend: at s, the road deviates from a straight line by bend * s².
        length: length of the street; the background begins there.
        crossings: (first, last) s of each street that crosses.
        zebras: (first, last) s of each zebra crossing.
        right_hand: whether traffic keeps to the right.
        lots: the plots on both sides.
    """

    road: float
    lane: float
    lanes: int
    parking: tuple[float, float]
    pavement: tuple[float, float]
    setback: tuple[float, float]
    bend: float
    length: float
    crossings: tuple[tuple[float, float], ...]
    zebras: tuple[tuple[float, float], ...]
    right_hand: bool
    lots: tuple[Lot, ...] = ()

    def place(self, point: Vector) -> Vector:
        """Convert street coordinates (t, y, s) to world coordinates."""
        t, y, s = point
        return (t + self.offset(s), y, s)

    def offset(self, s: float) -> float:
        """Return how far the middle of the road at s lies to the right of its start."""
        reach = max(0.0, s)
        return self.bend * reach * reach

    def heading(self, s: float) -> float:
        """Return the slope dx/dz of the road at s."""
        return 2.0 * self.bend * max(0.0, s)

    def front(self, side: int) -> float:
        """Return the distance of the buildings from the middle of the road, on the left (-1) or right (+1)."""
        return self.road + self.pavement[side > 0] + self.setback[side > 0]

    def crossed(self, s: float, margin: float = 0.0) -> bool:
        """Return whether s lies in a crossing street, or within `margin` of one."""
        return any(first - margin < s < last + margin for first, last in self.crossings)

    def blocks(self) -> list[tuple[float, float]]:
        """Return (first, last) s of the blocks between crossing streets, the nearest first."""
        edges = [BEHIND, *(s for crossing in self.crossings for s in crossing), self.length]
        return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > 1.0]


def draw_street(rng: Rng) -> Street:
    """Return a random plan."""
    lanes = rng.pick((1, 2, 2, 2, 2, 3, 4))
    lane = rng.uniform(2.9, 3.6)
    parking = tuple(rng.uniform(2.0, 2.3) if rng.chance(0.55) else 0.0 for _ in range(2))
    setbacks = tuple(rng.uniform(2.0, 9.0) if rng.chance(0.35) else rng.uniform(0.0, 0.4) for _ in range(2))
    crossings: list[tuple[float, float]] = []
    ends_early = rng.chance(0.2)  # at a street that runs across, with houses behind it
    length = rng.uniform(22.0, 70.0) if ends_early else rng.uniform(110.0, 230.0)
    s = rng.uniform(8.0, 70.0)
    while s < min(150.0, length - 20.0) and len(crossings) < 3:
        width = rng.uniform(6.5, 11.0)
        crossings.append((s, s + width))
        s += width + rng.uniform(35.0, 90.0)
    if rng.chance(0.25):
        crossings = []
    if ends_early:
        crossings.append((length, length + rng.uniform(7.0, 11.0)))
    zebras: list[tuple[float, float]] = []
    for first, last in crossings:
        if rng.chance(0.5):
            zebras.append((first - 4.5, first - 1.0))
        if rng.chance(0.35):
            zebras.append((last + 1.0, last + 4.5))
    if not zebras and rng.chance(0.35):
        s = rng.uniform(7.0, 40.0)
        zebras.append((s, s + 3.5))
    street = Street(
        road=(lanes * lane + parking[0] + parking[1]) / 2 + (0.8 if lanes == 1 else 0.0),
        lane=lane,
        lanes=lanes,
        parking=(parking[0], parking[1]),
        pavement=(rng.uniform(1.3, 5.0), rng.uniform(1.3, 5.0)),
        setback=(setbacks[0], setbacks[1]),
        bend=rng.bell(0.0, 0.0005) if rng.chance(0.6) else 0.0,
        length=length,
        crossings=tuple(crossings),
        zebras=tuple(zebras),
        right_hand=rng.chance(0.5),
    )
    return replace(street, lots=_lots(street, rng.child()))


def _lots(street: Street, rng: Rng) -> tuple[Lot, ...]:
    lots: list[Lot] = []
    stories = rng.uniform(1.1, 5.2)
    for side in (-1, 1):
        use = rng.pick(("houses", "park", "yard"), (0.86, 0.08, 0.06))  # of a whole side: some streets are open there
        for number, (first, last) in enumerate(street.blocks()):
            park, yard = use == "park" or rng.chance(0.08), use == "yard" or rng.chance(0.06)
            s = first + (rng.uniform(2.0, 4.0) if number else 0.0)
            end = last - rng.uniform(2.0, 4.0)
            corner, beside = number > 0, 0.0
            while s < end - 4.0:
                width = min(end - s, rng.uniform(6.0, 20.0))
                if end - s - width < 5.0:
                    width = end - s
                height = max(3.2, rng.bell(stories, 1.0) * 3.2)
                green = park or (not yard and rng.chance(0.06))
                lots.append(Lot(side, s, s + width, height, corner, beside, green, yard and not green))
                gap = rng.uniform(2.0, 6.0) if rng.chance(0.15) else 0.0
                s += width + gap
                corner, beside = False, 0.0 if green or yard or gap else height
    return tuple(lots)


@dataclass(frozen=True)
class Shade:
    """The shade of the buildings on both sides.

    Args:
        left, right: the buildings of each side.
    """

    light: Light
    street: Street
    left: Row
    right: Row

    def line(self, t: float, s: float) -> float:
        """Return the height up to which the spot (t, s) is in the shade of the buildings; 0 or less: no shade."""
        x, y, z = self.light.to_sun
        if max(self.light.sun) <= 0.0:
            return 1000.0
        side = 1 if x > 0 else -1
        away = (side * self.street.front(side) - t) / x if abs(x) > 1e-3 else 1000.0
        if away < 0:
            return 0.0
        s_there = s + away * z
        row = self.right if side > 0 else self.left
        roof = max((height for first, last, height in row if first <= s_there <= last), default=0.0)
        return roof - away * y

    def sunshine(self, t: float, s: float, y: float = 0.9) -> float:
        """Return 1 if the sun reaches the spot at height y, else 0."""
        return 0.0 if self.line(t, s) > y else 1.0
