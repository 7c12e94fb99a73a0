"""What stands where in the street."""

import math
from typing import Protocol

from streetseg.scenes.light import Light
from streetseg.scenes.objects.bicyclists import draw_bicyclist
from streetseg.scenes.objects.buildings import Building
from streetseg.scenes.objects.facades import draw_style
from streetseg.scenes.objects.fences import draw_fence
from streetseg.scenes.objects.furniture import draw_furniture
from streetseg.scenes.objects.hedges import Hedge, Woods
from streetseg.scenes.objects.pedestrians import draw_pedestrian
from streetseg.scenes.objects.pose import Stance
from streetseg.scenes.objects.trees import draw_tree
from streetseg.scenes.objects.vehicles import draw_vehicle
from streetseg.scenes.painter import Painter
from streetseg.scenes.palette import LEAVES, choose
from streetseg.scenes.rng import Dice
from streetseg.scenes.street import Lot, Shade, Street

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


def furnish(street: Street, light: Light, eye: tuple[float, float], dice: Dice) -> list[Thing]:
    """Everything in the street, in no order; nothing stands where the camera is, at `eye` (t, s)."""
    left, right = (
        tuple((lot.first, lot.last, lot.height) for lot in street.lots if lot.side == side and not lot.green)
        for side in (-1, 1)
    )
    return Furnisher(street, light, Shade(light, street, left, right), eye, dice).things


class Furnisher:
    """Puts things into a street, one kind after the other."""

    def __init__(self, street: Street, light: Light, shade: Shade, eye: tuple[float, float], dice: Dice) -> None:
        self.street, self.light, self.shade, self.eye, self.dice = street, light, shade, eye, dice
        self.season = dice.pick(("summer", "spring", "autumn"), (5, 2, 2))
        self.bare = dice.chance(0.2)
        self.things: list[Thing] = []
        self.taken: list[tuple[float, float, float]] = [(*eye, 2.2)]  # (t, s, radius) on the ground
        self._houses()
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

    def _houses(self) -> None:
        street, dice = self.street, self.dice.child()
        for lot in street.lots:
            if lot.green:
                self._park(lot, dice)
                continue
            depth = dice.uniform(25.0, 60.0) if lot.corner else dice.uniform(8.0, 14.0)
            front = street.front(lot.side) + (dice.uniform(0.0, 0.8) if street.setback[lot.side > 0] > 1.5 else 0.0)
            style = draw_style(dice, self.light.night)
            self.things.append(Building(lot, front, depth, style, dice.child(), self.shade))
            if street.setback[lot.side > 0] > 1.5:
                self._garden(lot, dice)

    def _garden(self, lot: Lot, dice: Dice) -> None:
        """A front garden: hedge or fence to the pavement and to the neighbour, bushes or a tree behind."""
        edge, room = self._edge(lot.side), self.street.setback[lot.side > 0]
        kind = dice.pick(("railing", "boards", "wall"))
        if dice.chance(0.3):
            self._hedge(edge, lot, dice)
        elif dice.chance(0.8):
            self._fence(kind, lot.side, edge, lot.first, lot.last - lot.first, dice)
        if dice.chance(0.5):
            self._fence(kind, lot.side, edge, lot.first, room, dice, across=True)
        for _ in range(dice.integer(0, 2)):
            t = edge + lot.side * dice.uniform(0.8, max(0.9, room - 0.6))
            tree = dice.pick(("bush", "leafy", "conifer"), (5, 1, 1))
            self._tree(tree, t, dice.uniform(lot.first + 0.5, lot.last - 0.5), dice)

    def _park(self, lot: Lot, dice: Dice) -> None:
        """No house: trees and bushes, often behind a fence or a hedge."""
        edge, length = self._edge(lot.side), lot.last - lot.first
        if dice.chance(0.65):
            kind = dice.pick(("railing", "railing", "boards", "wall"))
            self._fence(kind, lot.side, edge, lot.first, length, dice)
            if dice.chance(0.6):
                self._fence(kind, lot.side, edge, lot.first, dice.uniform(8.0, 25.0), dice, across=True)
        elif dice.chance(0.4):
            self._hedge(edge, lot, dice)
        for _ in range(int(length / 4.0)):
            t, s = edge + lot.side * dice.uniform(1.5, 16.0), dice.uniform(lot.first, lot.last)
            self._tree(dice.pick(("leafy", "bush", "conifer"), (5, 3, 2)), t, s, dice)

    def _edge(self, side: int) -> float:
        """t of the line between pavement and plots."""
        return side * (self.street.road + self.street.pavement[side > 0] + 0.1)

    def _hedge(self, t: float, lot: Lot, dice: Dice) -> None:
        leaf = choose(dice, LEAVES[dice.pick((self.season, "dark", "summer"))])
        width, height = dice.uniform(0.5, 1.0), dice.uniform(0.8, 1.9)
        self.things.append(Hedge(t, lot.first, lot.last, lot.side, width, height, leaf, dice.child(), self.shade))

    def _tree(self, kind: str, t: float, s: float, dice: Dice) -> None:
        if kind == "leafy" and self.bare:
            kind = "bare"
        self.things.append(draw_tree(kind, t, s, self.season, dice, self.shade))

    def _fence(self, kind: str, side: int, t: float, s: float, length: float, dice: Dice, across: bool = False) -> None:
        self.things.append(draw_fence(kind, side, t, s, length, across, dice, self.shade))

    def _background(self) -> None:
        """Houses and trees that close the street at its far end, and woods behind them."""
        street, dice = self.street, self.dice.child()
        self.things.append(Woods(street.length + 90.0, choose(dice, LEAVES["dark"]), dice.child()))
        t, s = -140.0, street.length + 12.0
        while t < 140.0:
            width = dice.uniform(9.0, 26.0)
            if dice.chance(0.65):
                height, style = max(3.5, dice.bell(10.0, 4.0)), draw_style(dice, self.light.night)
                # its end wall looks at the camera, and is a front
                lot = Lot(1, s, s + 12.0, height, corner=True, beside=0.0, green=False)
                self.things.append(Building(lot, t, width, style, dice.child(), self.shade))
            else:
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
                self.things.append(draw_furniture(kind, side, at, s, dice, self.shade))

        if dice.chance(0.75):
            kind, step, s = (
                dice.pick(("lamp", "lamp", "lamp", "mast")),
                dice.uniform(14.0, 28.0),
                dice.uniform(6.0, 18.0),
            )
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
        """Between road and pavement, as at schools and on main roads; along crossing streets; around roadworks."""
        dice, street = self.dice.child(), self.street
        ends = (*street.crossings, *street.zebras)
        for first, last in street.crossings:
            if dice.chance(0.3):
                s = dice.pick((first - 0.4, last + 0.4))
                kind = dice.pick(("barrier", "railing", "guard rail", "boards"))
                self._fence(kind, side, side * (street.road + 1.0), s, dice.uniform(3.0, 15.0), dice, across=True)
        if dice.chance(0.12):
            s = dice.uniform(6.0, 30.0)
            if self._free(side * (street.road - 1.2), s, 1.3):
                self._fence("works", side, side * (street.road - 2.4), s, 2.4, dice, across=True)
                self._fence("works", side, side * (street.road - 2.4), s, dice.uniform(2.0, 6.0), dice)
        if dice.chance(0.45):
            first, length = dice.uniform(2.0, 30.0), dice.uniform(6.0, 30.0)
            if not any(first - 1 < b and a < first + length + 1 for a, b in ends):
                kind = dice.pick(("barrier", "railing", "guard rail"), (3, 2, 1))
                self._fence(kind, side, side * (street.road + 0.3), first, length, dice)

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
                self.things.append(draw_vehicle(stance, False, dice, self.shade))
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
                    self.things.append(draw_vehicle(stance, True, dice, self.shade))
                s += dice.uniform(9.0, 45.0)
        for first, last in street.crossings:
            if dice.chance(0.4):
                heading = dice.pick((RIGHT, LEFT))
                across = first + (last - first) * (0.25 if heading == (RIGHT if street.right_hand else LEFT) else 0.75)
                t = dice.uniform(-14.0, 14.0)
                if self._free(t, across, 2.3):
                    stance = Stance(t, across, heading + dice.bell(0.0, 0.08))
                    self.things.append(draw_vehicle(stance, True, dice, self.shade))

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
                    self.things.append(draw_bicyclist(stance, dice, self.shade))
                    break

    def _pedestrians(self) -> None:
        dice, street = self.dice.child(), self.street
        for first, last in street.zebras:
            for _ in range(dice.integer(0, 4)):
                self._pedestrian(
                    dice.uniform(-street.road, street.road), dice.uniform(first, last), dice.pick((LEFT, RIGHT)), dice
                )
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
            self.things.append(draw_pedestrian(stance, dice, self.shade))
