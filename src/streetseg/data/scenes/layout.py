"""What stands where in the street."""

import math
from typing import Protocol

from streetseg.data.scenes.body import Stance
from streetseg.data.scenes.buildings import Building
from streetseg.data.scenes.dice import Dice
from streetseg.data.scenes.facades import draw_style
from streetseg.data.scenes.fences import Fence
from streetseg.data.scenes.furniture import draw_furniture
from streetseg.data.scenes.light import Light
from streetseg.data.scenes.painter import Painter
from streetseg.data.scenes.palette import FENCES, LEAVES, choose
from streetseg.data.scenes.people import draw_bicyclist, draw_pedestrian
from streetseg.data.scenes.shade import Shade
from streetseg.data.scenes.street import Street
from streetseg.data.scenes.vegetation import Hedge, draw_tree
from streetseg.data.scenes.vehicles import draw_vehicle

AWAY, TOWARDS, RIGHT, LEFT = 0.0, math.pi, math.pi / 2, -math.pi / 2  # headings


class Thing(Protocol):
    """Something that stands in the street."""

    @property
    def reach(self) -> float:
        """s of its far end; things are painted from the farthest to the nearest."""
        ...

    def cast(self, painter: Painter) -> None:
        """Darken the ground around it."""
        ...

    def paint(self, painter: Painter) -> None:
        """Paint it."""
        ...


Lot = tuple[int, float, float, float, bool, bool]  # side, first s, last s, height, at a corner, left green


def furnish(street: Street, light: Light, eye: tuple[float, float], dice: Dice) -> list[Thing]:
    """Everything in the street, in no order; nothing stands where the camera is, at `eye` (t, s)."""
    lots = _lots(street, dice.child())
    rows = tuple(tuple((a, b, h) for at, a, b, h, _, green in lots if at == side and not green) for side in (-1, 1))
    return Furnisher(street, light, Shade(light, street, rows[0], rows[1]), eye, lots, dice).things


def _lots(street: Street, dice: Dice) -> list[Lot]:
    """Plots along both sides."""
    lots: list[Lot] = []
    storeys = dice.uniform(2.0, 5.5)
    for side in (-1, 1):
        for number, (first, last) in enumerate(street.blocks()):
            park = dice.chance(0.14)
            s = first + (dice.uniform(2.0, 4.0) if number else 0.0)
            end = last - dice.uniform(2.0, 4.0)
            at_corner = number > 0
            while s < end - 4.0:
                width = min(end - s, dice.uniform(6.0, 20.0))
                if end - s - width < 5.0:
                    width = end - s
                height = max(3.2, dice.bell(storeys, 1.0) * 3.2)
                lots.append((side, s, s + width, height, at_corner, park or dice.chance(0.06)))
                s += width + (dice.uniform(2.0, 6.0) if dice.chance(0.15) else 0.0)
                at_corner = False
    return lots


class Furnisher:
    """Puts things into a street, one kind after the other."""

    def __init__(
        self, street: Street, light: Light, shade: Shade, eye: tuple[float, float], lots: list[Lot], dice: Dice
    ) -> None:
        self.street, self.light, self.shade, self.eye, self.dice = street, light, shade, eye, dice
        self.season = dice.pick(("summer", "spring", "autumn"), (5, 2, 2))
        self.bare = dice.chance(0.2)
        self.things: list[Thing] = []
        self.taken: list[tuple[float, float, float]] = [(*eye, 2.2)]  # (t, s, radius) on the ground
        self._houses(lots)
        self._background()
        for side in (-1, 1):
            self._parked(side)
            self._street_trees(side)
            self._poles(side)
            self._fences(side)
        self._traffic()
        self._bicyclists()
        self._pedestrians()

    def _free(self, t: float, s: float, radius: float) -> bool:
        """Claim a spot on the ground if nothing stands there."""
        if any((t - a) ** 2 + (s - b) ** 2 < (radius + r) ** 2 for a, b, r in self.taken):
            return False
        self.taken.append((t, s, radius))
        return True

    # --- along the building line ------------------------------------------------------------------------------------

    def _houses(self, lots: list[Lot]) -> None:
        street = self.street
        for side, first, last, height, at_corner, green in lots:
            dice = self.dice.child()
            if green:
                self._park(side, first, last, dice)
                continue
            depth = dice.uniform(25.0, 60.0) if at_corner else dice.uniform(8.0, 14.0)
            front = street.front(side) + (dice.uniform(0.0, 0.8) if street.setback[side > 0] > 1.5 else 0.0)
            style = draw_style(dice, self.light.night)
            self.things.append(Building(side, first, last, front, depth, height, at_corner, style, dice, self.shade))
            if street.setback[side > 0] > 1.5:
                self._garden(side, first, last, dice)

    def _garden(self, side: int, first: float, last: float, dice: Dice) -> None:
        """A front garden: hedge or fence to the pavement, bushes or a tree behind."""
        edge = side * (self.street.road + self.street.pavement[side > 0] + 0.1)
        room = self.street.setback[side > 0]
        if dice.chance(0.35):
            self._hedge(edge, first, last, side, dice)
        elif dice.chance(0.75):
            kind = dice.pick(("railing", "boards", "wall"))
            self._fence(kind, edge, first, last, side, dice)
        for _ in range(dice.integer(0, 3)):
            t = edge + side * dice.uniform(0.8, max(0.9, room - 0.6))
            kind = dice.pick(("bush", "leafy", "conifer"), (5, 1, 1))
            self._tree(kind, t, dice.uniform(first + 0.5, last - 0.5), dice)

    def _park(self, side: int, first: float, last: float, dice: Dice) -> None:
        """No house: trees and bushes, often behind a fence or a hedge."""
        edge = side * (self.street.road + self.street.pavement[side > 0] + 0.1)
        if dice.chance(0.5):
            self._fence(dice.pick(("railing", "railing", "boards", "wall")), edge, first, last, side, dice)
        elif dice.chance(0.4):
            self._hedge(edge, first, last, side, dice)
        for _ in range(int((last - first) / 3.0)):
            t, s = edge + side * dice.uniform(1.5, 16.0), dice.uniform(first, last)
            self._tree(dice.pick(("leafy", "bush", "conifer"), (5, 3, 2)), t, s, dice)

    def _hedge(self, t: float, first: float, last: float, side: int, dice: Dice) -> None:
        leaf = choose(dice, LEAVES[dice.pick((self.season, "dark", "summer"))])
        height = dice.uniform(0.8, 1.9)
        self.things.append(Hedge(t, first, last, side, dice.uniform(0.5, 1.0), height, leaf, dice, self.shade))

    def _tree(self, kind: str, t: float, s: float, dice: Dice) -> None:
        if kind == "leafy" and self.bare:
            kind = "bare"
        self.things.append(draw_tree(kind, t, s, self.season, dice.child(), self.shade))

    def _fence(self, kind: str, t: float, first: float, last: float, side: int, dice: Dice) -> None:
        height = {"guard rail": 0.75, "wall": dice.uniform(0.6, 1.5), "boards": dice.uniform(1.0, 1.9)}.get(
            kind, dice.uniform(0.9, 1.5)
        )
        child = dice.child()
        self.things.append(Fence(kind, side, t, first, last, height, choose(child, FENCES), child, self.shade))

    def _background(self) -> None:
        """Houses and trees that close the street at its far end."""
        street, dice = self.street, self.dice.child()
        t, s = -140.0, street.length + 12.0
        while t < 140.0:
            width = dice.uniform(9.0, 26.0)
            if dice.chance(0.65):
                height = max(3.5, dice.bell(10.0, 4.0))
                child = dice.child()
                style = draw_style(child, self.light.night)
                # a house seen from its end wall: the "corner" front is what faces the camera
                self.things.append(Building(1, s, s + 12.0, t, width, height, True, style, child, self.shade))
            else:
                for _ in range(2):
                    kind = dice.pick(("leafy", "conifer"), (3, 1))
                    self._tree(kind, t + dice.uniform(0, width), s + dice.uniform(-8, 0), dice)
            t += width

    # --- on the pavement --------------------------------------------------------------------------------------------

    def _street_trees(self, side: int) -> None:
        dice = self.dice.child()
        if self.street.pavement[side > 0] < 2.2 or not dice.chance(0.5):
            return
        step, t = dice.uniform(7.0, 16.0), side * (self.street.road + 0.9)
        s = dice.uniform(4.0, 14.0)
        while s < 120.0:
            if not self.street.crossed(s, 3.0) and dice.chance(0.85) and self._free(t, s, 0.6):
                self._tree("leafy", t, s, dice)
            s += step

    def _poles(self, side: int) -> None:
        dice, street = self.dice.child(), self.street
        t = side * (street.road + 0.5)

        def put(kind: str, s: float, aside: float = 0.0) -> None:
            at = t + side * aside
            if not street.crossed(s, 0.3) and self._free(at, s, 0.35):
                self.things.append(draw_furniture(kind, side, at, s, dice.child(), self.shade))

        if dice.chance(0.75):
            kind, step, s = dice.pick(("lamp", "lamp", "lamp", "mast")), dice.uniform(14.0, 28.0), dice.uniform(6.0, 18.0)
            while s < 130.0:
                put(kind, s)
                s += step
        for first, last in street.crossings:
            if dice.chance(0.6):
                for s in (first - 1.2, last + 1.2):
                    put("traffic light", s, dice.uniform(0.0, 0.4))
        for _ in range(dice.integer(1, 4)):
            put("sign", dice.uniform(6.0, 40.0), dice.uniform(-0.1, 0.7))
        if dice.chance(0.2):
            put("board", dice.uniform(12.0, 45.0), 0.8)
        if dice.chance(0.3):
            s = dice.uniform(5.0, 25.0)
            for k in range(dice.integer(3, 9)):
                put("bollard", s + 1.6 * k, -0.1)
        for _ in range(dice.integer(0, 2)):
            put("bin", dice.uniform(5.0, 40.0), dice.uniform(0.3, 1.5))

    def _fences(self, side: int) -> None:
        """A fence between road and pavement, as at schools and on main roads."""
        dice, street = self.dice.child(), self.street
        if not dice.chance(0.35):
            return
        first = dice.uniform(3.0, 30.0)
        last = first + dice.uniform(6.0, 30.0)
        if any(first - 1 < b and a < last + 1 for a, b in (*street.crossings, *street.zebras)):
            return
        kind = dice.pick(("barrier", "railing", "guard rail"), (3, 2, 1))
        self._fence(kind, side * (street.road + 0.3), first, last, side, dice)

    # --- on the road ------------------------------------------------------------------------------------------------

    def _heading(self, s: float, heading: float) -> float:
        """A heading relative to the road at s."""
        return heading + math.atan(self.street.heading(s))

    def _parked(self, side: int) -> None:
        dice, street = self.dice.child(), self.street
        strip = street.parking[side > 0]
        if not strip:
            return
        crowd, s = dice.uniform(0.3, 0.95), dice.uniform(-2.0, 8.0)
        while s < 120.0:
            t = side * (street.road - strip / 2 - 0.05)
            ends = (*street.crossings, *street.zebras)
            if dice.chance(crowd) and not any(a - 4 < s < b + 4 for a, b in ends) and self._free(t, s, 1.3):
                heading = AWAY if dice.chance(0.7) == (street.right_hand == (side > 0)) else TOWARDS
                stance = Stance(t, s, self._heading(s, heading) + dice.bell(0.0, 0.02))
                self.things.append(draw_vehicle(stance, False, dice.child(), self.shade))
            s += dice.uniform(5.4, 7.0)

    def _traffic(self) -> None:
        dice, street = self.dice.child(), self.street
        shift = (street.parking[0] - street.parking[1]) / 2
        ahead = 1 if street.right_hand else -1
        for lane in range(street.lanes):
            t = (lane + 0.5 - street.lanes / 2) * street.lane + shift
            heading = AWAY if t * ahead > 0 or street.lanes == 1 else TOWARDS
            s = dice.uniform(7.0, 30.0)
            while s < 130.0:
                at = t + dice.bell(0.0, 0.15)
                if dice.chance(0.7) and self._free(at, s, 1.5):
                    stance = Stance(at, s, self._heading(s, heading) + dice.bell(0.0, 0.02))
                    self.things.append(draw_vehicle(stance, True, dice.child(), self.shade))
                s += dice.uniform(9.0, 45.0)
        for first, last in street.crossings:
            if dice.chance(0.4):
                heading = dice.pick((RIGHT, LEFT))
                lane = first + (last - first) * (0.25 if heading == (RIGHT if street.right_hand else LEFT) else 0.75)
                t = dice.uniform(-14.0, 14.0)
                if self._free(t, lane, 2.3):
                    stance = Stance(t, lane, heading + dice.bell(0.0, 0.08))
                    self.things.append(draw_vehicle(stance, True, dice.child(), self.shade))

    def _bicyclists(self) -> None:
        dice, street = self.dice.child(), self.street
        for _ in range(dice.pick((1, 1, 2, 2, 3, 4))):
            for _ in range(6):
                side, s = dice.pick((-1, 1)), dice.uniform(5.0, 26.0)
                room = street.road - street.parking[side > 0]
                t = side * (room - dice.uniform(0.4, 1.3))
                heading = AWAY if street.right_hand == (side > 0) else TOWARDS
                if street.crossed(s) and dice.chance(0.6):
                    t, heading = dice.uniform(-street.road, street.road), dice.pick((LEFT, RIGHT))
                elif dice.chance(0.15):
                    t, heading = dice.uniform(-room, room), heading + dice.bell(0.0, 0.5)
                if self._free(t, s, 0.75):
                    stance = Stance(t, s, self._heading(s, heading) + dice.bell(0.0, 0.12))
                    self.things.append(draw_bicyclist(stance, dice.child(), self.shade))
                    break

    def _pedestrians(self) -> None:
        dice, street = self.dice.child(), self.street
        for first, last in street.zebras:
            for _ in range(dice.integer(0, 4)):
                self._pedestrian(dice.uniform(-street.road, street.road), dice.uniform(first, last), dice.pick((LEFT, RIGHT)), dice)
        for _ in range(dice.integer(4, 14)):
            side = dice.pick((-1, 1))
            t = side * (street.road + dice.uniform(0.4, max(0.6, street.pavement[side > 0] - 0.3)))
            s = dice.uniform(4.0, 12.0) if dice.chance(0.35) else dice.uniform(8.0, 60.0)
            heading = dice.pick((AWAY, TOWARDS)) + (dice.bell(0.0, 0.15) if dice.chance(0.8) else dice.uniform(-2, 2))
            if dice.chance(0.07):
                t = dice.uniform(-street.road, street.road)
                heading = dice.pick((LEFT, RIGHT))
            self._pedestrian(t, s, heading, dice)
            if dice.chance(0.3):
                self._pedestrian(t + dice.uniform(0.5, 0.7), s + dice.uniform(-0.3, 0.3), heading, dice)

    def _pedestrian(self, t: float, s: float, heading: float, dice: Dice) -> None:
        if self._free(t, s, 0.28):
            stance = Stance(t, s, self._heading(s, heading))
            self.things.append(draw_pedestrian(stance, dice.child(), self.shade))
