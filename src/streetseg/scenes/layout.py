"""The layout of a scene: choose and place all things in the street."""

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
from streetseg.scenes.objects.pose import Pose
from streetseg.scenes.objects.trees import draw_tree
from streetseg.scenes.objects.vehicles import draw_vehicle
from streetseg.scenes.painter import Painter
from streetseg.scenes.palette import LEAVES, choose
from streetseg.scenes.rng import Rng
from streetseg.scenes.street import Lot, Shade, Street

AWAY, TOWARD, RIGHT, LEFT = 0.0, math.pi, math.pi / 2, -math.pi / 2  # headings


class Thing(Protocol):
    """An object in the street."""

    @property
    def reach(self) -> float:
        """s of its far end; the farthest things are painted first."""
        ...

    def cast(self, painter: Painter) -> None:
        """Paint its shadow on the ground."""
        ...

    def paint(self, painter: Painter) -> None:
        """Paint it on the canvas."""
        ...


def furnish(street: Street, light: Light, eye: tuple[float, float], rng: Rng) -> list[Thing]:
    """Return all things in the street, in no order. No thing is placed at the camera, `eye` (t, s)."""
    left, right = (
        tuple((lot.first, lot.last, lot.height) for lot in street.lots if lot.side == side and lot.built)
        for side in (-1, 1)
    )
    return Furnisher(street, light, Shade(light, street, left, right), eye, rng).things


class Furnisher:
    """Places things in a street, one kind after the other."""

    def __init__(self, street: Street, light: Light, shade: Shade, eye: tuple[float, float], rng: Rng) -> None:
        self.street, self.light, self.shade, self.eye, self.rng = street, light, shade, eye, rng
        self.season = rng.pick(("summer", "spring", "autumn"), (5, 2, 2))
        self.bare = rng.chance(0.4)
        self.end = min(125.0, street.length)  # no small things are placed beyond
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
        """Return whether a spot on the ground is free, and reserve it if so."""
        if any((t - a) ** 2 + (s - b) ** 2 < (radius + r) ** 2 for a, b, r in self.taken):
            return False
        self.taken.append((t, s, radius))
        return True

    # --- along the building line ------------------------------------------------------------------------------------

    def _houses(self) -> None:
        street, rng = self.street, self.rng.child()
        for lot in street.lots:
            if lot.green:
                self._park(lot, rng)
                continue
            if lot.yard:
                self._yard(lot, rng)
                continue
            depth = rng.uniform(25.0, 60.0) if lot.corner else rng.uniform(8.0, 14.0)
            front = street.front(lot.side) + (rng.uniform(0.0, 0.8) if street.setback[lot.side > 0] > 1.5 else 0.0)
            style = draw_style(rng, self.light.night)
            self.things.append(Building(lot, front, depth, style, rng.child(), self.shade))
            if street.setback[lot.side > 0] > 1.5:
                self._garden(lot, rng)

    def _garden(self, lot: Lot, rng: Rng) -> None:
        """Add a front garden: a hedge or fence to the pavement and to the neighbor, with bushes or a tree behind."""
        edge, depth = self._edge(lot.side), self.street.setback[lot.side > 0]
        kind = rng.pick(("railing", "boards", "wall"))
        if rng.chance(0.3):
            self._hedge(edge, lot, rng)
        elif rng.chance(0.55):
            self._fence(kind, lot.side, edge, lot.first, lot.last - lot.first, rng)
        if rng.chance(0.3):
            self._fence(kind, lot.side, edge, lot.first, depth, rng, across=True)
        for _ in range(rng.integer(0, 2)):
            t = edge + lot.side * rng.uniform(0.8, max(0.9, depth - 0.6))
            tree = rng.pick(("bush", "leafy", "conifer"), (5, 1, 1))
            self._tree(tree, t, rng.uniform(lot.first + 0.5, lot.last - 0.5), rng)

    def _park(self, lot: Lot, rng: Rng) -> None:
        """Add a park: trees and bushes, often behind a fence or a hedge."""
        edge, length = self._edge(lot.side), lot.last - lot.first
        if rng.chance(0.45):
            kind = rng.pick(("railing", "railing", "boards", "wall"))
            self._fence(kind, lot.side, edge, lot.first, length, rng)
            if rng.chance(0.6):
                self._fence(kind, lot.side, edge, lot.first, rng.uniform(8.0, 25.0), rng, across=True)
        elif rng.chance(0.4):
            self._hedge(edge, lot, rng)
        for _ in range(int(length / 4.0)):
            t, s = edge + lot.side * rng.uniform(1.5, 16.0), rng.uniform(lot.first, lot.last)
            self._tree(rng.pick(("leafy", "bush", "conifer"), (5, 3, 2)), t, s, rng)

    def _yard(self, lot: Lot, rng: Rng) -> None:
        """Add a car park: rows of cars, few trees, sometimes a fence in front, and a low building behind."""
        edge, length = self._edge(lot.side), lot.last - lot.first
        if rng.chance(0.3):
            self._fence(rng.pick(("railing", "boards", "wall")), lot.side, edge, lot.first, length, rng)
        crowd = rng.uniform(0.2, 0.9)
        for row in range(rng.integer(1, 3)):
            t, s = edge + lot.side * (3.5 + 9.0 * row), lot.first + 1.5
            while s < lot.last - 1.0:
                if rng.chance(crowd) and self._free(t, s, 1.1):
                    pose = Pose(t, s, rng.pick((LEFT, RIGHT)) + rng.bell(0.0, 0.04))
                    self.things.append(draw_vehicle(pose, False, rng, self.shade))
                s += 2.7
        for _ in range(rng.integer(0, 2)):
            self._tree("leafy", edge + lot.side * rng.uniform(0.8, 25.0), rng.uniform(lot.first, lot.last), rng)
        if rng.chance(0.6):
            low = lot._replace(height=rng.uniform(3.2, 9.0))
            style = draw_style(rng, self.light.night)
            self.things.append(Building(low, abs(edge) + rng.uniform(25.0, 40.0), 12.0, style, rng.child(), self.shade))

    def _edge(self, side: int) -> float:
        """Return t of the line between pavement and plots."""
        return side * (self.street.road + self.street.pavement[side > 0] + 0.1)

    def _hedge(self, t: float, lot: Lot, rng: Rng) -> None:
        leaf = choose(rng, LEAVES[rng.pick((self.season, "dark", "summer"))])
        width, height = rng.uniform(0.5, 1.0), rng.uniform(0.8, 1.9)
        self.things.append(Hedge(t, lot.first, lot.last, lot.side, width, height, leaf, rng.child(), self.shade))

    def _tree(self, kind: str, t: float, s: float, rng: Rng) -> None:
        if kind == "leafy" and self.bare:
            kind = "bare"
        self.things.append(draw_tree(kind, t, s, self.season, rng, self.shade))

    def _fence(self, kind: str, side: int, t: float, s: float, length: float, rng: Rng, across: bool = False) -> None:
        self.things.append(draw_fence(kind, side, t, s, length, across, rng, self.shade))

    def _background(self) -> None:
        """Add houses and trees that close the street at its far end, and woods behind them."""
        street, rng = self.street, self.rng.child()
        self.things.append(Woods(street.length + 90.0, choose(rng, LEAVES["dark"]), rng.child()))
        t, s = -140.0, street.length + 12.0
        while t < 140.0:
            width = rng.uniform(9.0, 26.0)
            if rng.chance(0.8):
                height, style = max(3.5, rng.bell(10.0, 4.0)), draw_style(rng, self.light.night)
                # its end wall faces the camera and has windows
                lot = Lot(1, s, s + 12.0, height, corner=True, beside=0.0, green=False)
                self.things.append(Building(lot, t, width, style, rng.child(), self.shade))
            else:
                kind = rng.pick(("leafy", "conifer"), (3, 1))
                self._tree(kind, t + rng.uniform(0, width), s + rng.uniform(-8, 0), rng)
            t += width

    # --- on the pavement --------------------------------------------------------------------------------------------

    def _street_trees(self, side: int) -> None:
        rng = self.rng.child()
        if self.street.pavement[side > 0] < 2.2 or not rng.chance(0.5):
            return
        step, t = rng.uniform(7.0, 16.0), side * (self.street.road + 0.9)
        s = rng.uniform(4.0, 14.0)
        while s < self.end:
            if not self.street.crossed(s, 3.0) and rng.chance(0.85) and self._free(t, s, 0.6):
                self._tree("leafy", t, s, rng)
            s += step

    def _poles(self, side: int) -> None:
        rng, street = self.rng.child(), self.street
        t = side * (street.road + 0.5)

        def put(kind: str, s: float, aside: float = 0.0) -> None:
            at = t + side * aside
            if not street.crossed(s, 0.3) and self._free(at, s, 0.35):
                self.things.append(draw_furniture(kind, side, at, s, rng, self.shade))

        if rng.chance(0.75):
            kind, step, s = (
                rng.pick(("lamp", "lamp", "lamp", "mast")),
                rng.uniform(14.0, 28.0),
                rng.uniform(6.0, 18.0),
            )
            while s < self.end:
                put(kind, s)
                s += step
        for first, last in street.crossings:
            if rng.chance(0.6):
                for s in (first - 1.2, last + 1.2):
                    put("traffic light", s, rng.uniform(0.0, 0.4))
        for _ in range(rng.integer(1, 5)):
            put("sign", rng.uniform(5.0, 40.0), rng.uniform(-0.1, 0.7))
        for _ in range(rng.pick((0, 0, 0, 1, 2))):
            put("board", rng.uniform(9.0, 45.0), 0.8)
        if rng.chance(0.3):
            s = rng.uniform(5.0, 25.0)
            for k in range(rng.integer(3, 9)):
                put("bollard", s + 1.6 * k, -0.1)
        for _ in range(rng.integer(0, 2)):
            put("bin", rng.uniform(5.0, 40.0), rng.uniform(0.3, 1.5))

    def _fences(self, side: int) -> None:
        """Add fences between road and pavement, along crossing streets, and around roadworks."""
        rng, street = self.rng.child(), self.street
        ends = (*street.crossings, *street.zebras)
        for first, last in street.crossings:
            if rng.chance(0.3):
                s = rng.pick((first - 0.4, last + 0.4))
                kind = rng.pick(("barrier", "railing", "guard rail", "boards"))
                self._fence(kind, side, side * (street.road + 1.0), s, rng.uniform(3.0, 15.0), rng, across=True)
        if rng.chance(0.12):
            s = rng.uniform(6.0, 30.0)
            if self._free(side * (street.road - 1.2), s, 1.3):
                self._fence("works", side, side * (street.road - 2.4), s, 2.4, rng, across=True)
                self._fence("works", side, side * (street.road - 2.4), s, rng.uniform(2.0, 6.0), rng)
        if rng.chance(0.3):
            first, length = rng.uniform(2.0, 30.0), rng.uniform(6.0, 30.0)
            if not any(first - 1 < b and a < first + length + 1 for a, b in ends):
                kind = rng.pick(("barrier", "railing", "guard rail"), (3, 2, 1))
                self._fence(kind, side, side * (street.road + 0.3), first, length, rng)

    # --- on the road ------------------------------------------------------------------------------------------------

    def _heading(self, s: float, heading: float) -> float:
        """Return a heading relative to the road as an absolute heading at s."""
        return heading + math.atan(self.street.heading(s))

    def _parked(self, side: int) -> None:
        rng, street = self.rng.child(), self.street
        strip = street.parking[side > 0]
        if not strip:
            return
        crowd, s = rng.uniform(0.3, 0.95), rng.uniform(-2.0, 8.0)
        while s < self.end:
            t = side * (street.road - strip / 2 - 0.05)
            ends = (*street.crossings, *street.zebras)
            if rng.chance(crowd) and not any(a - 4 < s < b + 4 for a, b in ends) and self._free(t, s, 1.3):
                heading = AWAY if rng.chance(0.7) == (street.right_hand == (side > 0)) else TOWARD
                pose = Pose(t, s, self._heading(s, heading) + rng.bell(0.0, 0.02))
                self.things.append(draw_vehicle(pose, False, rng, self.shade))
            s += rng.uniform(5.4, 7.0)

    def _traffic(self) -> None:
        rng, street = self.rng.child(), self.street
        shift = (street.parking[0] - street.parking[1]) / 2
        ahead = 1 if street.right_hand else -1
        for lane in range(street.lanes):
            t = (lane + 0.5 - street.lanes / 2) * street.lane + shift
            heading = AWAY if t * ahead > 0 or street.lanes == 1 else TOWARD
            s = rng.uniform(6.0, 15.0) if rng.chance(0.25) else rng.uniform(12.0, 50.0)
            while s < self.end:
                at = t + rng.bell(0.0, 0.15)
                if rng.chance(0.7) and self._free(at, s, 1.5):
                    pose = Pose(at, s, self._heading(s, heading) + rng.bell(0.0, 0.02))
                    self.things.append(draw_vehicle(pose, True, rng, self.shade))
                s += rng.uniform(9.0, 45.0)
        for first, last in street.crossings:
            if rng.chance(0.4):
                heading = rng.pick((RIGHT, LEFT))
                across = first + (last - first) * (0.25 if heading == (RIGHT if street.right_hand else LEFT) else 0.75)
                t = rng.uniform(-14.0, 14.0)
                if self._free(t, across, 2.3):
                    pose = Pose(t, across, heading + rng.bell(0.0, 0.08))
                    self.things.append(draw_vehicle(pose, True, rng, self.shade))

    def _bicyclists(self) -> None:
        rng, street = self.rng.child(), self.street
        for _ in range(rng.pick((1, 2, 2, 3, 4, 6))):
            for _ in range(6):
                side, s = rng.pick((-1, 1)), rng.uniform(4.0, 24.0) if rng.chance(0.65) else rng.uniform(20.0, 55.0)
                edge = street.road - street.parking[side > 0]
                t = side * (edge - rng.uniform(0.4, 1.3))
                heading = AWAY if street.right_hand == (side > 0) else TOWARD
                if street.crossed(s) and rng.chance(0.6):
                    t, heading = rng.uniform(-street.road, street.road), rng.pick((LEFT, RIGHT))
                elif rng.chance(0.15):
                    t, heading = rng.uniform(-edge, edge), heading + rng.bell(0.0, 0.5)
                if self._free(t, s, 0.75):
                    pose = Pose(t, s, self._heading(s, heading) + rng.bell(0.0, 0.12))
                    self.things.append(draw_bicyclist(pose, rng, self.shade))
                    break

    def _pedestrians(self) -> None:
        rng, street = self.rng.child(), self.street
        for first, last in street.zebras:
            for _ in range(rng.integer(0, 4)):
                self._pedestrian(
                    rng.uniform(-street.road, street.road), rng.uniform(first, last), rng.pick((LEFT, RIGHT)), rng
                )
        for _ in range(rng.integer(4, 14)):
            side = rng.pick((-1, 1))
            t = side * (street.road + rng.uniform(0.4, max(0.6, street.pavement[side > 0] - 0.3)))
            s = rng.uniform(4.0, 12.0) if rng.chance(0.35) else rng.uniform(8.0, 60.0)
            heading = rng.pick((AWAY, TOWARD)) + (rng.bell(0.0, 0.15) if rng.chance(0.8) else rng.uniform(-2, 2))
            if rng.chance(0.07):
                t = rng.uniform(-street.road, street.road)
                heading = rng.pick((LEFT, RIGHT))
            self._pedestrian(t, s, heading, rng)
            if rng.chance(0.3):
                self._pedestrian(t + rng.uniform(0.5, 0.7), s + rng.uniform(-0.3, 0.3), heading, rng)

    def _pedestrian(self, t: float, s: float, heading: float, rng: Rng) -> None:
        if self._free(t, s, 0.28):
            pose = Pose(t, s, self._heading(s, heading))
            self.things.append(draw_pedestrian(pose, rng, self.shade))
