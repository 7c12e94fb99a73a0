"""Vehicles: cars, vans, buses and trucks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from streetseg.scenes.canvas import CAR
from streetseg.scenes.light import Color
from streetseg.scenes.objects.bodywork import Bodywork, Cabin, Point, Shape, draw_shape
from streetseg.scenes.objects.pose import Pose
from streetseg.scenes.painter import Painter
from streetseg.scenes.palette import CARS, choose, mix, scale
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
    shape = draw_shape(pose.s > 15.0, rng)
    return Vehicle(pose, shape, choose(rng, CARS, 0.1), driving, rng.child(), shade)


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
        for foot, roof, out in ((cabin.front, cabin.front_roof, 1.0), (cabin.rear, cabin.rear_roof, -1.0)):
            corners = ((foot, low, -w), (foot, low, w), (roof, high, v), (roof, high, -v))
            normal = _unit(out * rise, out * (foot - roof), 0.0)
            if self.seen(corners[0], normal):
                self._window_face(corners, normal, ((0.06, 0.94),), mirrored=0.3)
        side = self.side
        corners = (
            (cabin.rear, low, side * w),
            (cabin.front, low, side * w),
            (cabin.front_roof, high, side * v),
            (cabin.rear_roof, high, side * v),
        )
        normal = _unit(0.0, w - v, side * rise)
        if self.seen(corners[0], normal):
            pillar = 0.5 + self.rng.uniform(-0.05, 0.05)
            self._window_face(corners, normal, ((0.06, pillar - 0.02), (pillar + 0.02, 0.9)), mirrored=0.1)

    def _window_face(
        self, corners: Sequence[Point], normal: Point, spans: Sequence[tuple[float, float]], mirrored: float
    ) -> None:
        """Paint a face with panes in it. The upper part of a pane reflects more of the sky."""
        self.face(corners, self.lit(normal))
        pane = mix(self.glass, self.painter.light.haze, mirrored)
        for a, b in spans:
            self.face(_part(corners, a, b, 0.08, 0.88), pane, Material.GLASS)
            if self.fine:
                self.face(_part(corners, a + 0.03, b - 0.03, 0.6, 0.84), scale(pane, 1.2), Material.GLASS)


class Coach(Bodywork):
    """A bus, or a truck with a plain box behind its cab."""

    def fittings(self) -> None:
        """Paint the windows."""
        half, w, top = self.half, self.w, self.shape.height
        bus = self.rng.chance(0.6)
        if self.beside:
            first = -half + 0.4 if bus else half - 1.7
            panes = max(1, round((half - 0.3 - first) / 1.4))
            step = (half - 0.3 - first) / panes
            for k in range(panes):
                x, z = first + k * step, self.side * (w + 0.01)
                self.panel(z, x, x + step - 0.12, 1.35, top - 0.55, self.glass, Material.GLASS)
        if self.eye[0] > half:
            screen = mix(self.glass, self.painter.light.haze, 0.2)
            self.plate(half + 0.01, -w * 0.92, w * 0.92, 1.25, top - 0.45, screen, Material.GLASS)
        elif self.eye[0] < -half and bus:
            self.plate(-half - 0.01, -w * 0.8, w * 0.8, top - 1.3, top - 0.4, self.glass, Material.GLASS)


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
