"""Cars of several shapes, vans and buses: a body, a cabin on top of it, wheels and lamps."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from streetseg.data.scenes.body import Stance
from streetseg.data.scenes.classes import CAR
from streetseg.data.scenes.dice import Dice
from streetseg.data.scenes.light import Color, Vector
from streetseg.data.scenes.painter import Painter
from streetseg.data.scenes.palette import CARS, DARKS, GREYS, WHITES, choose, mix, scale
from streetseg.data.scenes.shade import Shade
from streetseg.data.scenes.texture import Material

Quad = tuple[Vector, Vector, Vector, Vector]


@dataclass(frozen=True)
class Shape:
    """Measures in metres; x runs from the rear (negative) to the front.

    Args:
        length, width, height: of the whole vehicle.
        outline: the body from the side, (x, y) anticlockwise as seen with the front to the right; every edge is a face.
        cabin: (rear foot, rear roof, front roof, front foot) of the cabin, x each; None where the body has it all.
        shoulder: where the cabin begins, y.
        wheels: x of the axles.
        radius: of the wheels.
    """

    length: float
    width: float
    height: float
    outline: tuple[tuple[float, float], ...]
    cabin: tuple[float, float, float, float] | None
    shoulder: float
    wheels: tuple[float, ...]
    radius: float


def draw_shape(dice: Dice) -> Shape:
    """Choose a kind of vehicle and vary its measures."""
    kind = dice.pick(("sedan", "hatchback", "estate", "suv", "small", "van", "pickup", "bus", "truck"),
                     (5, 6, 4, 5, 3, 3, 1.2, 0.8, 0.8))  # fmt: skip
    stretch = dice.uniform(0.94, 1.06)
    if kind in ("bus", "truck"):
        return _box(dice.uniform(8.0, 11.5) if kind == "bus" else dice.uniform(5.5, 8.0), 2.5, dice.uniform(2.7, 3.2))
    length, height, hood, tail, shoulder = {
        #            long  high  hood ends, tail begins (x share of the length)
        "sedan": (4.6, 1.45, 0.20, -0.36, 0.93),
        "hatchback": (4.1, 1.48, 0.22, -0.47, 0.95),
        "estate": (4.7, 1.48, 0.20, -0.485, 0.94),
        "suv": (4.5, 1.72, 0.22, -0.47, 1.08),
        "small": (3.6, 1.52, 0.30, -0.47, 0.95),
        "van": (4.9, 1.98, 0.34, -0.49, 1.12),
        "pickup": (5.1, 1.80, 0.22, -0.08, 1.08),
    }[kind]
    length, height = length * stretch, height * dice.uniform(0.96, 1.05)
    nose = shoulder - dice.uniform(0.12, 0.26)
    clear, half = 0.24, length / 2
    outline = (
        (-half, clear), (half - 0.05, clear), (half, 0.45), (half - 0.04, nose),
        (length * hood, shoulder), (-half + 0.05, shoulder), (-half, shoulder - 0.25),
    )  # fmt: skip
    rake, slope = (0.22, 0.10) if kind == "van" else (dice.uniform(0.45, 0.75), dice.uniform(0.15, 0.6))
    if kind == "sedan":
        slope = dice.uniform(0.5, 0.8)
    rear, front = length * tail, length * hood
    cabin = (rear, rear + slope, front - rake, front + 0.05)
    radius = 0.36 if kind in ("suv", "pickup", "van") else 0.31
    axle = half - dice.uniform(0.78, 0.9)
    return Shape(length, dice.uniform(1.68, 1.9), height, outline, cabin, shoulder, (-axle, axle), radius)


def _box(length: float, width: float, height: float) -> Shape:
    half = length / 2
    outline = ((-half, 0.35), (half, 0.35), (half, 1.2), (half - 0.15, height), (-half, height))
    return Shape(length, width, height, outline, None, 1.2, (-half * 0.6, half * 0.6), 0.48)


@dataclass(frozen=True)
class Vehicle:
    """A vehicle standing or driving in the street."""

    stance: Stance
    shape: Shape
    color: Color
    driving: bool
    dice: Dice
    shade: Shade

    @property
    def reach(self) -> float:
        """s of its middle."""
        return self.stance.s

    def cast(self, painter: Painter) -> None:
        """Its shadow, and the dark under it."""
        shape, point = self.shape, self.stance.point
        half, w = shape.length / 2, shape.width / 2
        ground = [point(x, 0.0, z) for x in (-half, half) for z in (-w, w)]
        rear, front = (shape.cabin[1], shape.cabin[2]) if shape.cabin else (-half, half)
        roof = [point(x, shape.height, z) for x in (rear, front) for z in (-w * 0.75, w * 0.75)]
        painter.cast(ground + [point(x, 0.9, z) for x in (-half, half) for z in (-w, w)] + roof)
        painter.touch((point(x, 0.0, z) for x in (-half - 0.1, half + 0.1) for z in (-w - 0.1, w + 0.1)), 0.72)

    def paint(self, painter: Painter) -> None:
        """Wheels behind, body, cabin, wheels before, lamps."""
        if painter.sees((self.stance.t, 1.0, self.stance.s), self.shape.length / 2 + 0.8):
            Bodywork(painter, self).paint()


class Bodywork:
    """One vehicle on its way to the canvas."""

    def __init__(self, painter: Painter, vehicle: Vehicle) -> None:
        self.painter, self.vehicle, self.shape, self.dice = painter, vehicle, vehicle.shape, vehicle.dice
        self.point = vehicle.stance.point
        self.sun = vehicle.shade.sunshine(vehicle.stance.t, vehicle.stance.s, 1.0)
        eye = painter.camera.position
        stance = vehicle.stance
        at, forward, right = stance.point(0, 0, 0), stance.direction(1, 0, 0), stance.direction(0, 0, 1)
        wx, wy, wz = painter.street.place(at)
        to_eye = (eye[0] - wx, eye[1] - wy, eye[2] - wz)
        # the eye in the vehicle's own coordinates: decides which faces are seen
        self.eye = (
            to_eye[0] * forward[0] + to_eye[2] * forward[2],
            eye[1],
            to_eye[0] * right[0] + to_eye[2] * right[2],
        )
        self.near_side = 1.0 if self.eye[2] > 0 else -1.0
        distance = math.sqrt(to_eye[0] ** 2 + to_eye[2] ** 2)
        self.fine = painter.pixels(1.0, distance) > 30.0
        self.glass = mix(painter.light.lit(DARKS[1], (0, 1, 0), 0.0), painter.light.haze, self.dice.uniform(0.05, 0.3))
        self.tyre = painter.light.lit((0.10, 0.10, 0.105), (0.0, 0.3, 0.0), 0.3)

    def paint(self) -> None:
        shape = self.shape
        w = shape.width / 2
        for x in shape.wheels:
            self._tyre(x, -self.near_side)
            self._tyre(x, self.near_side)
        beside = abs(self.eye[2]) > w
        self._mirror(-self.near_side)
        if not beside:
            self._mirror(self.near_side)
        self._body(w)
        if shape.cabin:
            self._cabin(*shape.cabin)
            if beside:
                self._mirror(self.near_side)
        else:
            self._coach_windows(w)
        self._ends(w)

    # --- body -------------------------------------------------------------------------------------------------------

    def _lit(self, normal: Vector, factor: float = 1.0) -> Color:
        """The paint on a face with this normal in the vehicle's coordinates, with some sky mirrored in it."""
        turned = self.vehicle.stance.direction(*normal)
        color = self.painter.light.lit(scale(self.vehicle.color, factor), turned, self.sun)
        return mix(color, self.painter.light.haze, 0.04 + 0.16 * max(0.0, normal[1]))

    def _face(
        self, points: Sequence[tuple[float, float, float]], color: Color, material: Material = Material.PAINT
    ) -> None:
        self.painter.polygon([self.point(x, y, z) for x, y, z in points], color, CAR, material)

    def _seen(self, at: tuple[float, float, float], normal: Vector) -> bool:
        """Whether a face through `at` with this outward normal looks towards the eye."""
        return sum((e - a) * n for e, a, n in zip(self.eye, at, normal, strict=True)) > 0

    def _body(self, w: float) -> None:
        """The faces of the body that the camera sees; the body is convex, so that none hides another."""
        outline = self.shape.outline
        for (x0, y0), (x1, y1) in zip(outline, outline[1:] + outline[:1], strict=True):
            dx, dy = x1 - x0, y1 - y0
            length = math.sqrt(dx * dx + dy * dy)
            normal = (dy / length, -dx / length, 0.0)
            if normal[1] > -0.9 and self._seen((x0, y0, 0.0), normal):
                self._face([(x0, y0, -w), (x1, y1, -w), (x1, y1, w), (x0, y0, w)], self._lit(normal))
        side = self.near_side
        if abs(self.eye[2]) > w:
            z = side * w
            color = self._lit((0.0, 0.0, side))
            self._face([(x, y, z) for x, y in outline], color)
            low = min(y for _, y in outline)
            half = self.shape.length / 2 - 0.05
            self._face(
                [(-half, low, z), (half, low, z), (half, low + 0.2, z), (-half, low + 0.2, z)], scale(color, 0.62)
            )
            if self.fine and self.shape.cabin:
                self._doors(z, color)
            for x in self.shape.wheels:
                self._wheel(x, z)

    def _mirror(self, side: float) -> None:
        if self.shape.cabin:
            at = self.point(self.shape.cabin[3] - 0.45, self.shape.shoulder + 0.08, side * (self.shape.width / 2 + 0.1))
            self.painter.ball(at, 0.1, self._lit((0, 0, 0), 0.8), CAR, Material.PAINT, 0.7)

    def _doors(self, z: float, color: Color) -> None:
        rear, _, _, front = self.shape.cabin or (0, 0, 0, 0)
        top, dark = self.shape.shoulder, scale(color, 0.5)
        middle = (rear + front) / 2
        for x in (front - 0.35, middle, max(rear + 0.2, self.shape.wheels[0] + 0.4)):
            self._face([(x, 0.4, z), (x + 0.025, 0.4, z), (x + 0.025, top, z), (x, top, z)], dark)
            self._face(
                [
                    (x + 0.06, top - 0.2, z),
                    (x + 0.24, top - 0.2, z),
                    (x + 0.24, top - 0.15, z),
                    (x + 0.06, top - 0.15, z),
                ],
                dark,
            )
        a, b = -self.shape.length * 0.47, self.shape.length * 0.42
        self._face([(a, top - 0.08, z), (b, top - 0.14, z), (b, top - 0.1, z), (a, top - 0.03, z)], scale(color, 1.22))

    # --- cabin ------------------------------------------------------------------------------------------------------

    def _cabin(self, rear: float, rear_roof: float, front_roof: float, front: float) -> None:
        shape = self.shape
        low, high = shape.shoulder, shape.height
        w, v = shape.width / 2 * 0.95, shape.width / 2 * 0.76
        slant = (high - low) / math.sqrt((high - low) ** 2 + (w - v) ** 2)
        lean = (w - v) / math.sqrt((high - low) ** 2 + (w - v) ** 2)
        run_front, run_rear = front - front_roof, rear_roof - rear
        if self._seen((front_roof, high, 0.0), (0.0, 1.0, 0.0)):
            roof = [(rear_roof, high, -v), (front_roof, high, -v), (front_roof, high, v), (rear_roof, high, v)]
            self._face(roof, self._lit((0.0, 1.0, 0.0)))
        side = self.near_side
        faces = (
            ([(front, low, -w), (front, low, w), (front_roof, high, v), (front_roof, high, -v)], (high - low, run_front, 0.0), 0.34),
            ([(rear, low, -w), (rear, low, w), (rear_roof, high, v), (rear_roof, high, -v)], (low - high, run_rear, 0.0), 0.26),
            ([(rear, low, side * w), (front, low, side * w), (front_roof, high, side * v), (rear_roof, high, side * v)],
             (0.0, lean, side * slant), 0.1),
        )  # fmt: skip
        for corners, normal, mirrored in faces:
            if not self._seen(corners[0], normal):
                continue
            length = math.sqrt(sum(n * n for n in normal))
            unit = (normal[0] / length, normal[1] / length, normal[2] / length)
            self._face(corners, self._lit(unit))
            pane = mix(self.glass, self.painter.light.haze, mirrored)
            if normal[2]:
                self._side_windows(corners, pane)
            else:
                self._face(_inset(corners, 0.06, 0.94, 0.08, 0.9), pane, Material.GLASS)
                if self.fine:
                    self._face(_inset(corners, 0.1, 0.9, 0.62, 0.86), scale(pane, 1.25), Material.GLASS)

    def _side_windows(self, corners: list[tuple[float, float, float]], pane: Color) -> None:
        middle = 0.5 + self.dice.uniform(-0.05, 0.05)
        for a, b in ((0.06, middle - 0.02), (middle + 0.02, 0.9)):
            self._face(_inset(corners, a, b, 0.08, 0.86), pane, Material.GLASS)

    def _coach_windows(self, w: float) -> None:
        """Windows of a bus, or the plain box of a truck behind its cab."""
        half, high = self.shape.length / 2, self.shape.height
        z = self.near_side * (w + 0.01)
        bus = self.dice.chance(0.6)
        start = -half + 0.4 if bus else half - 1.7
        if abs(self.eye[2]) > w:
            panes = max(1, round((half - 0.3 - start) / 1.4))
            step = (half - 0.3 - start) / panes
            for k in range(panes):
                x0, x1 = start + k * step, start + (k + 1) * step - 0.12
                self._face(
                    [(x0, 1.35, z), (x1, 1.35, z), (x1, high - 0.55, z), (x0, high - 0.55, z)],
                    self.glass,
                    Material.GLASS,
                )
        if self.eye[0] > half:
            glass = mix(self.glass, self.painter.light.haze, 0.2)
            x = half + 0.01
            self._face(
                [
                    (x, 1.25, -w * 0.92),
                    (x, 1.25, w * 0.92),
                    (x - 0.12, high - 0.5, w * 0.9),
                    (x - 0.12, high - 0.5, -w * 0.9),
                ],
                glass,
                Material.GLASS,
            )
        if self.eye[0] < -half and bus:
            x = -half - 0.01
            self._face(
                [
                    (x, high - 1.3, -w * 0.8),
                    (x, high - 1.3, w * 0.8),
                    (x, high - 0.4, w * 0.8),
                    (x, high - 0.4, -w * 0.8),
                ],
                self.glass,
                Material.GLASS,
            )

    # --- wheels -----------------------------------------------------------------------------------------------------

    def _circle(self, x: float, z: float, radius: float) -> list[tuple[float, float, float]]:
        up = self.shape.radius
        return [(x + radius * c, up + radius * s, z) for c, s in _CIRCLE]

    def _tyre(self, x: float, side: float) -> None:
        """The tread as seen from before or behind."""
        r, z = self.shape.radius, side * self.shape.width / 2
        inner = z - side * 0.2
        end = x + (r * 0.6 if self.eye[0] > x else -r * 0.6)
        self._face([(end, 0.0, inner), (end, 0.0, z), (end, 2 * r, z), (end, 2 * r, inner)], self.tyre, Material.SMOOTH)
        self._face(self._circle(x, z - side * 0.02, r), scale(self.tyre, 0.8), Material.SMOOTH)

    def _wheel(self, x: float, z: float) -> None:
        r = self.shape.radius
        self._face(self._circle(x, z, r * 1.13), scale(self.tyre, 0.55), Material.SMOOTH)
        self._face(self._circle(x, z * 1.005, r), self.tyre, Material.SMOOTH)
        if self.fine:
            rim = self.painter.light.lit(self.dice.pick(GREYS[1:]), (0.0, 0.4, 0.0), self.sun * 0.5)
            self._face(self._circle(x, z * 1.01, r * 0.62), rim, Material.METAL)
            self._face(self._circle(x, z * 1.012, r * 0.2), scale(rim, 0.5), Material.METAL)

    # --- front and rear ---------------------------------------------------------------------------------------------

    def _ends(self, w: float) -> None:
        half, shoulder = self.shape.length / 2, self.shape.shoulder
        light = self.painter.light
        ahead = self.eye[0] > 0
        if abs(self.eye[0]) < half:
            return
        x = half + 0.01 if ahead else -half - 0.01
        low = 0.3 if self.shape.cabin else 0.5

        def patch(
            z0: float, z1: float, y0: float, y1: float, color: Color, material: Material = Material.PAINT
        ) -> None:
            self._face([(x, y0, z0), (x, y0, z1), (x, y1, z1), (x, y1, z0)], color, material)

        dark = light.lit((0.13, 0.13, 0.14), (0.0, 0.2, 0.0), 0.2)
        patch(-w * 0.97, w * 0.97, low - 0.05, low + 0.14, dark)
        if ahead:
            top = shoulder - 0.22
            if self.fine:
                patch(-w * 0.5, w * 0.5, top - 0.2, top - 0.04, dark, Material.METAL)
                patch(-w * 0.7, w * 0.7, low + 0.17, low + 0.26, dark)
            on = self.vehicle.driving and (light.night > 0.1 or light.wet > 0.3 or self.dice.chance(0.3))
            lamp = (1.0, 0.98, 0.9) if on else light.lit((0.8, 0.82, 0.84), (0.0, 0.5, 0.0), 0.5)
            for side in (-1, 1):
                patch(side * w * 0.62, side * w * 0.94, top - 0.17, top, lamp, Material.SMOOTH)
                if on:
                    self.painter.shine(self.point(x, top - 0.08, side * w * 0.78), 0.45, (1.0, 0.95, 0.8))
        else:
            top = shoulder - 0.12
            on = self.vehicle.driving and (light.night > 0.1 or self.dice.chance(0.35))
            lamp = (1.0, 0.12, 0.08) if on else light.lit((0.55, 0.06, 0.06), (0.0, 0.3, 0.0), 0.4)
            if self.fine:
                line = scale(self._lit((-1.0, 0.0, 0.0)), 0.55)
                patch(-w * 0.6, w * 0.6, top - 0.36, top - 0.34, line)
            for side in (-1, 1):
                patch(side * w * 0.68, side * w * 0.96, top - 0.3, top, lamp, Material.SMOOTH)
                if on:
                    self.painter.shine(self.point(x, top - 0.15, side * w * 0.8), 0.35, (1.0, 0.2, 0.1))
        plate = light.lit(WHITES[0] if self.dice.chance(0.7) else (0.85, 0.72, 0.2), (0.0, 0.2, 0.0), 0.5)
        if self.fine:
            patch(-0.26, 0.26, low + 0.15, low + 0.27, plate, Material.SMOOTH)
            patch(-0.18, 0.18, low + 0.18, low + 0.24, scale(plate, 0.45), Material.SMOOTH)


def draw_vehicle(stance: Stance, driving: bool, dice: Dice, shade: Shade) -> Vehicle:
    """A vehicle of any kind and colour."""
    return Vehicle(stance, draw_shape(dice), choose(dice, CARS, 0.1), driving, dice.child(), shade)


def _inset(
    corners: Sequence[tuple[float, float, float]], a0: float, a1: float, b0: float, b1: float
) -> list[tuple[float, float, float]]:
    """The part of a quadrilateral between shares a of its base and b of its height."""
    p, q, r, s = corners

    def at(a: float, b: float) -> tuple[float, float, float]:
        x, y, z = ((p[i] + (q[i] - p[i]) * a) * (1 - b) + (s[i] + (r[i] - s[i]) * a) * b for i in range(3))
        return x, y, z

    return [at(a0, b0), at(a1, b0), at(a1, b1), at(a0, b1)]


_CIRCLE = [(math.cos(k * math.pi / 7), math.sin(k * math.pi / 7)) for k in range(14)]
