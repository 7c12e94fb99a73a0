"""Vehicles: cars, vans, buses and trucks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from streetseg.scenes.canvas import CAR
from streetseg.scenes.light import Color
from streetseg.scenes.objects.bodywork import Bodywork, Cabin, Point, Shape, draw_shape
from streetseg.scenes.objects.pose import Pose
from streetseg.scenes.painter import Painter
from streetseg.scenes.palette import BLUES, CARS, DARKS, GREENS, REDS, WHITES, YELLOWS, choose, mix, scale
from streetseg.scenes.rng import Rng
from streetseg.scenes.street import Shade
from streetseg.scenes.texture import Material


@dataclass(frozen=True)
class Vehicle:
    """A parked or driving vehicle in the street."""

    pose: Pose
    shape: Shape
    color: Color
    driving: bool
    rng: Rng
    shade: Shade

    @property
    def reach(self) -> float:
        """s of its middle."""
        return self.pose.s

    def cast(self, painter: Painter) -> None:
        """Paint its shadow and the dark ground under it."""
        shape, point = self.shape, self.pose.point
        half, w = shape.length / 2, shape.width / 2
        rear, front = (shape.cabin.rear_roof, shape.cabin.front_roof) if shape.cabin else (-half, half)
        body = [point(x, y, z) for x in (-half, half) for y in (0.0, 0.9) for z in (-w, w)]
        painter.cast(body + [point(x, shape.height, z) for x in (rear, front) for z in (-w * 0.75, w * 0.75)])
        painter.touch((point(x, 0.0, z) for x in (-half - 0.1, half + 0.1) for z in (-w - 0.1, w + 0.1)), 0.72)

    def paint(self, painter: Painter) -> None:
        """Paint it if it is in the image."""
        pose, shape = self.pose, self.shape
        if painter.sees((pose.t, 1.0, pose.s), shape.length / 2 + 0.8):
            sun = self.shade.sunshine(pose.t, pose.s, 1.0)
            kind = Car if shape.cabin else Coach
            kind(painter, pose, shape, self.color, sun, self.driving, self.rng).paint()


def draw_vehicle(pose: Pose, driving: bool, rng: Rng, shade: Shade) -> Vehicle:
    """Return a random vehicle. Buses and trucks are not near the camera, as they would hide everything else."""
    shape = draw_shape(pose.s > 9.0, rng)
    color = choose(rng, WHITES if shape.closed and rng.chance(0.6) else CARS, 0.1)
    if not shape.cabin and rng.chance(0.5):
        color = choose(rng, REDS + BLUES + GREENS + YELLOWS)
    return Vehicle(pose, shape, color, driving, rng.child(), shade)


class Car(Bodywork):
    """A vehicle with a cabin on its body."""

    def fittings(self) -> None:
        """Paint doors, cabin and mirrors."""
        cabin = self.shape.cabin
        assert cabin
        self._mirror(cabin, -self.side)
        if self.fine and self.beside:
            self._doors(cabin)
        self._cabin(cabin)
        if self.beside:
            self._mirror(cabin, self.side)

    def _mirror(self, cabin: Cabin, side: float) -> None:
        hidden = side != self.side and self.beside and self.eye[0] < cabin.front
        if self.fine and not hidden:
            at = self.pose.point(cabin.front - 0.45, self.shape.shoulder + 0.08, side * (self.w + 0.1))
            self.painter.ball(at, 0.1, scale(self.lit((0, 0, 0)), 0.8), CAR, Material.PAINT, 0.7)

    def _doors(self, cabin: Cabin) -> None:
        z, top = self.side * self.w, self.shape.shoulder
        color = self.lit((0.0, 0.0, self.side))
        seam = scale(color, 0.5)
        for x in (cabin.front - 0.35, (cabin.rear + cabin.front) / 2, max(cabin.rear, self.shape.wheels[0]) + 0.3):
            self.panel(z, x, x + 0.025, 0.4, top, seam)
            self.panel(z, x + 0.06, x + 0.24, top - 0.2, top - 0.15, seam)
        self.panel(z, 0.1 - self.half, 0.42 * self.shape.length, top - 0.11, top - 0.07, scale(color, 1.22))

    def _cabin(self, cabin: Cabin) -> None:
        """Paint roof, windshield, rear window and the visible side. The cabin is narrower at the roof."""
        low, high, w, v = self.shape.shoulder, self.shape.height, self.w * 0.95, self.w * 0.76
        rise = high - low
        if self.seen((0.0, high, 0.0), (0.0, 1.0, 0.0)):
            a, b = cabin.rear_roof, cabin.front_roof
            self.face(((a, high, -v), (b, high, -v), (b, high, v), (a, high, v)), self.lit((0.0, 1.0, 0.0)))
        rear = ((0.06, 0.47), (0.53, 0.94)) if self.shape.closed else ((0.06, 0.94),)
        for foot, roof, out, spans in (
            (cabin.front, cabin.front_roof, 1.0, ((0.06, 0.94),)),
            (cabin.rear, cabin.rear_roof, -1.0, rear),
        ):
            corners = ((foot, low, -w), (foot, low, w), (roof, high, v), (roof, high, -v))
            normal = _unit(out * rise, out * (foot - roof), 0.0)
            if self.seen(corners[0], normal):
                self._window_face(corners, normal, spans, mirrored=self.rng.uniform(0.0, 0.5))
        side = self.side
        corners = (
            (cabin.rear, low, side * w),
            (cabin.front, low, side * w),
            (cabin.front_roof, high, side * v),
            (cabin.rear_roof, high, side * v),
        )
        normal = _unit(0.0, w - v, side * rise)
        if self.seen(corners[0], normal):
            self._side_windows(corners, normal)
        if self.fine and not self.shape.closed and self.rng.chance(0.25):
            self._rails(cabin, v)

    def _side_windows(self, corners: Sequence[Point], normal: Point) -> None:
        """Paint the windows of one side; a closed van has them only in its doors, and some writing behind."""
        rng = self.rng
        pillar = 0.5 + rng.uniform(-0.05, 0.05)
        if not self.shape.closed:
            self._window_face(corners, normal, ((0.06, pillar - 0.02), (pillar + 0.02, 0.9)), mirrored=0.1)
            return
        self._window_face(corners, normal, ((0.68, 0.9),), mirrored=0.1)
        if self.fine and rng.chance(0.5):
            ink = self.painter.light.lit(choose(rng, CARS), (0.0, 0.2, 0.0), 0.5)
            for k in range(rng.integer(2, 6)):
                self.face(_part(corners, 0.1 + 0.08 * k, 0.16 + 0.08 * k, 0.3, rng.uniform(0.4, 0.7)), ink)

    def _rails(self, cabin: Cabin, v: float) -> None:
        """Paint the rails on the roof."""
        y = self.shape.height + 0.05
        dark = self.painter.light.lit(DARKS[0], (0.0, 0.5, 0.0), 0.3)
        for z in (-v, v):
            ends = self.pose.point(cabin.rear_roof, y, z), self.pose.point(cabin.front_roof, y, z)
            self.painter.limb(*ends, (0.03, 0.03), dark, CAR, Material.SMOOTH)

    def _window_face(
        self, corners: Sequence[Point], normal: Point, spans: Sequence[tuple[float, float]], mirrored: float
    ) -> None:
        """Paint a face with panes in it: seats and people behind them, and the sky that their upper part reflects."""
        self.face(corners, self.lit(normal))
        pane = mix(self.glass, self.painter.light.haze, mirrored)
        for a, b in spans:
            self.face(_part(corners, a, b, 0.08, 0.88), pane, Material.GLASS)
            if self.fine:
                self.face(_part(corners, a + 0.03, b - 0.03, 0.6, 0.84), scale(pane, 1.2), Material.GLASS)
                for share in (0.27, 0.73):
                    middle, top = a + (b - a) * share, self.rng.uniform(0.3, 0.75)
                    wide = (b - a) * self.rng.uniform(0.06, 0.12)
                    seat = scale(pane, self.rng.uniform(0.45, 0.9))
                    self.face(_part(corners, middle - wide, middle + wide, 0.08, top), seat, Material.GLASS)


class Coach(Bodywork):
    """A bus with one or two decks, or a truck with a plain box behind its cab."""

    def fittings(self) -> None:
        """Paint band, windows, writing, and the screens at the ends."""
        rng, half, w = self.rng, self.half, self.w
        bus, second = rng.chance(0.65) or self.shape.height > 3.5, choose(rng, CARS)
        band = self.painter.light.lit(second, (0.0, 0.2, 0.0), 0.5)
        if self.beside:
            self._flank(bus, band)
        if self.eye[0] > half:
            screen = mix(self.glass, self.painter.light.haze, 0.2)
            for low, high in self._decks():
                self.plate(half + 0.01, -w * 0.92, w * 0.92, low - 0.1, high + 0.1, screen, Material.GLASS)
            self._destination(half + 0.02)
        elif self.eye[0] < -half:
            self._rear(bus, band)

    def _decks(self) -> tuple[tuple[float, float], ...]:
        """Return bottom and top of the windows of each deck."""
        top = self.shape.height
        return ((1.35, 2.05), (2.75, top - 0.45)) if top > 3.5 else ((1.35, top - 0.55),)

    def _flank(self, bus: bool, band: Color) -> None:
        half, z = self.half, self.side * (self.w + 0.01)
        self.panel(z, 0.1 - half, half - 0.1, 0.6, self.rng.uniform(0.75, 1.2), band)
        first = -half + 0.4 if bus else half - 1.7
        panes = max(1, round((half - 0.3 - first) / 1.4))
        step = (half - 0.3 - first) / panes
        for low, high in self._decks():
            for k in range(panes):
                x = first + k * step
                self.panel(z, x, x + step - 0.12, low, high, self.glass, Material.GLASS)
        if not bus and self.fine:
            for k in range(self.rng.integer(3, 7)):
                self.panel(z, 0.4 - half + 0.5 * k, 0.75 - half + 0.5 * k, 1.6, self.rng.uniform(1.9, 2.3), band)

    def _rear(self, bus: bool, band: Color) -> None:
        """Paint the rear: windows, a grille and an advertisement of a bus, or the doors of a box."""
        x, w, top = -self.half - 0.01, self.w, self.shape.height
        self.plate(x, -w * 0.95, w * 0.95, 0.55, self.rng.uniform(0.8, 1.15), band)
        if not bus:
            self.plate(x, -0.03, 0.03, 0.6, top - 0.1, scale(self.lit((-1.0, 0.0, 0.0)), 0.5))
            return
        for low, high in self._decks():
            self.plate(x, -w * 0.8, w * 0.8, low, high, self.glass, Material.GLASS)
        self.plate(x, -w * 0.6, w * 0.6, 0.6, 1.0, scale(self.dark, 0.9), Material.METAL)
        if top > 3.5:
            self.plate(x, -w * 0.7, w * 0.7, 2.15, 2.65, band)

    def _destination(self, x: float) -> None:
        """Paint the lit letters above the windshield."""
        top = self.shape.height
        self.plate(x, -self.w * 0.7, self.w * 0.7, top - 0.42, top - 0.12, self.dark)
        for k in range(6):
            self.plate(x, -0.8 + 0.26 * k, -0.64 + 0.26 * k, top - 0.36, top - 0.2, (0.95, 0.65, 0.15))


def _unit(x: float, y: float, z: float) -> Point:
    length = math.sqrt(x * x + y * y + z * z)
    return (x / length, y / length, z / length)


def _part(corners: Sequence[Point], a0: float, a1: float, b0: float, b1: float) -> list[Point]:
    """Return the part of a quadrilateral between shares a0, a1 of its base and b0, b1 of its height."""
    p, q, r, s = corners

    def at(a: float, b: float) -> Point:
        x, y, z = ((p[i] + (q[i] - p[i]) * a) * (1 - b) + (s[i] + (r[i] - s[i]) * a) * b for i in range(3))
        return x, y, z

    return [at(a0, b0), at(a1, b0), at(a1, b1), at(a0, b1)]
