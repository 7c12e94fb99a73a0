"""The parts that all vehicles share: dimensions, faces, wheels, lamps, number plates."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from streetseg.scenes.canvas import CAR
from streetseg.scenes.light import Color
from streetseg.scenes.objects.pose import Pose
from streetseg.scenes.painter import Painter
from streetseg.scenes.palette import DARKS, GRAYS, WHITES, mix, scale
from streetseg.scenes.rng import Rng
from streetseg.scenes.texture import Material

Point = tuple[float, float, float]  # vehicle coordinates: x ahead, y up, z to the right of its middle

FINE = 30.0  # least canvas pixels per meter at which seams, grilles and rims are painted


class Cabin(NamedTuple):
    """The cabin on a body, as x of four points: foot and roof, at rear and front."""

    rear: float
    rear_roof: float
    front_roof: float
    front: float


@dataclass(frozen=True)
class Shape:
    """Dimensions of a vehicle in meters; x runs from the rear (negative) to the front, y up.

    Args:
        length, width, height: of the whole vehicle.
        outline: the body from the side, (x, y) counterclockwise with the front to the right; convex.
        cabin: the cabin on the body; None if the body has the full height.
        shoulder: y at which cabin or windows begin.
        bumper: y of the middle of the bumper.
        wheels: x of the axles.
        radius: radius of the wheels.
        closed: whether its sides have no windows behind the doors.
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
    closed: bool = False


# kind -> weight; (length, height, x of the end of the hood and of the foot of the rear window as shares of the length,
# shoulder)
_CARS = {
    "saloon": (5.0, (4.6, 1.45, 0.20, -0.36, 0.93)),
    "hatchback": (6.0, (4.1, 1.48, 0.22, -0.47, 0.95)),
    "estate": (4.0, (4.7, 1.48, 0.20, -0.485, 0.94)),
    "suv": (5.0, (4.5, 1.72, 0.22, -0.47, 1.08)),
    "small": (3.0, (3.6, 1.52, 0.30, -0.47, 0.95)),
    "van": (4.0, (4.9, 1.98, 0.34, -0.49, 1.12)),
    "pickup": (1.2, (5.1, 1.80, 0.22, -0.08, 1.08)),
}


def draw_shape(large: bool, rng: Rng) -> Shape:
    """Return random dimensions of a random kind of vehicle; a bus or a truck only if `large` is True."""
    if rng.chance(0.09) and large:
        return _coach(rng.uniform(5.5, 11.5), rng.uniform(4.0, 4.4) if rng.chance(0.5) else rng.uniform(2.6, 3.3))
    kind = rng.pick(tuple(_CARS), [weight for weight, _ in _CARS.values()])
    length, height, hood, tail, shoulder = _CARS[kind][1]
    length, height = length * rng.uniform(0.94, 1.06), height * rng.uniform(0.96, 1.05)
    half, front, nose = length / 2, length * hood, shoulder - rng.uniform(0.12, 0.26)
    bottom = ((-half, 0.24), (half - 0.05, 0.24), (half, 0.45), (half - 0.04, nose))
    top = ((front, shoulder), (0.05 - half, shoulder), (-half, shoulder - 0.25))
    rake, slope = rng.uniform(0.45, 0.75), rng.uniform(0.15, 0.6)
    if kind == "van":
        rake, slope = 0.22, 0.10
    elif kind == "saloon":
        slope = rng.uniform(0.5, 0.8)
    cabin = Cabin(length * tail, length * tail + slope, front - rake, front + 0.05)
    axle = half - rng.uniform(0.78, 0.9)
    radius = 0.36 if kind in ("suv", "pickup", "van") else 0.31
    width, wheels = rng.uniform(1.6, 1.9), (-axle, axle)
    closed = kind == "van" and rng.chance(0.7)
    bumper = rng.uniform(0.28, 0.45)
    return Shape(length, width, height, bottom + top, cabin, shoulder, bumper, wheels, radius, closed)


def _coach(length: float, height: float) -> Shape:
    half = length / 2
    outline = ((-half, 0.35), (half, 0.35), (half, 1.2), (half - 0.15, height), (-half, height))
    return Shape(length, 2.5, height, outline, None, 1.2, 0.5, (-half * 0.6, half * 0.6), 0.48)


class Bodywork:
    """Paints one vehicle as the camera of `painter` sees it.

    Args:
        color: color of its paint.
        sun: share of sunlight that reaches it.
        driving: whether its lamps may be on.
    """

    def __init__(
        self, painter: Painter, pose: Pose, shape: Shape, color: Color, sun: float, driving: bool, rng: Rng
    ) -> None:
        self.painter, self.pose, self.shape, self.rng = painter, pose, shape, rng
        self.color, self.sun, self.driving = color, sun, driving
        self.half, self.w = shape.length / 2, shape.width / 2
        self.eye = self._eye()
        self.side = 1.0 if self.eye[2] > 0 else -1.0  # the side that is nearer to the camera
        self.beside = abs(self.eye[2]) > self.w
        self.fine = painter.pixels(1.0, math.sqrt(self.eye[0] ** 2 + self.eye[2] ** 2)) > FINE
        self.glass = mix(painter.light.lit(DARKS[1], (0, 1, 0), 0.0), painter.light.haze, rng.uniform(0.0, 0.4))
        self.dark = painter.light.lit((0.13, 0.13, 0.14), (0.0, 0.2, 0.0), 0.2)
        self.tire = painter.light.lit((0.10, 0.10, 0.105), (0.0, 0.3, 0.0), 0.3)

    def _eye(self) -> Point:
        """Return the position of the camera in vehicle coordinates. It determines which faces are visible."""
        (px, py, pz), (x, _, z) = self.painter.camera.position, self.painter.street.place(self.pose.point(0, 0, 0))
        ahead, right = self.pose.direction(1, 0, 0), self.pose.direction(0, 0, 1)
        dx, dz = px - x, pz - z
        return (dx * ahead[0] + dz * ahead[2], py, dx * right[0] + dz * right[2])

    def paint(self) -> None:
        """Paint wheels, body, fittings, and the end that faces the camera."""
        for x in self.shape.wheels:
            for side in (-self.side, self.side):
                self._tread(x, side)
        self._body()
        self.fittings()
        if abs(self.eye[0]) > self.half:
            self._end()

    def fittings(self) -> None:
        """Paint the parts on the body of this kind of vehicle."""

    # --- faces ------------------------------------------------------------------------------------------------------

    def lit(self, normal: Point) -> Color:
        """Return the color of the paint on a face with this unit normal, with a reflection of the sky."""
        light = self.painter.light
        color = light.lit(self.color, self.pose.direction(*normal), self.sun)
        return mix(color, light.haze, 0.04 + 0.16 * max(0.0, normal[1]))

    def seen(self, at: Point, normal: Point) -> bool:
        """Return whether a face through `at` with this outward normal faces the camera."""
        return sum((e - a) * n for e, a, n in zip(self.eye, at, normal, strict=True)) > 0

    def face(self, points: Sequence[Point], color: Color, material: Material = Material.PAINT) -> None:
        """Paint a flat polygon."""
        self.painter.polygon([self.pose.point(x, y, z) for x, y, z in points], color, CAR, material)

    def panel(
        self, z: float, x0: float, x1: float, y0: float, y1: float, color: Color, material: Material = Material.PAINT
    ) -> None:
        """Paint an upright rectangle along the vehicle."""
        self.face(((x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)), color, material)

    def plate(
        self, x: float, z0: float, z1: float, y0: float, y1: float, color: Color, material: Material = Material.PAINT
    ) -> None:
        """Paint an upright rectangle across the vehicle."""
        self.face(((x, y0, z0), (x, y0, z1), (x, y1, z1), (x, y1, z0)), color, material)

    def _body(self) -> None:
        """Paint the faces of the body that face the camera. The body is convex, so none of them hides another."""
        outline, w = self.shape.outline, self.w
        for (x0, y0), (x1, y1) in zip(outline, outline[1:] + outline[:1], strict=True):
            dx, dy = x1 - x0, y1 - y0
            length = math.sqrt(dx * dx + dy * dy)
            normal = (dy / length, -dx / length, 0.0)
            if normal[1] > -0.9 and self.seen((x0, y0, 0.0), normal):
                self.face(((x0, y0, -w), (x1, y1, -w), (x1, y1, w), (x0, y0, w)), self.lit(normal))
        if self.beside:
            z, color = self.side * w, self.lit((0.0, 0.0, self.side))
            self.face([(x, y, z) for x, y in outline], color)
            low = min(y for _, y in outline)
            self.panel(z, 0.05 - self.half, self.half - 0.05, low, low + 0.2, scale(color, 0.62))
            for x in self.shape.wheels:
                self._wheel(x, z)

    # --- wheels -----------------------------------------------------------------------------------------------------

    def _disc(self, x: float, z: float, radius: float, color: Color, material: Material = Material.SMOOTH) -> None:
        up = self.shape.radius
        circle = _CIRCLE if self.fine else _CIRCLE[::2]
        self.face([(x + radius * c, up + radius * s, z) for c, s in circle], color, material)

    def _tread(self, x: float, side: float) -> None:
        """Paint a tire as seen from the front or rear."""
        r, z = self.shape.radius, side * self.w
        end = x + (r * 0.6 if self.eye[0] > x else -r * 0.6)
        self.plate(end, z - side * 0.2, z, 0.0, 2 * r, self.tire, Material.SMOOTH)
        if self.fine:
            self._disc(x, z - side * 0.02, r, scale(self.tire, 0.8))

    def _wheel(self, x: float, z: float) -> None:
        r = self.shape.radius
        if self.fine:
            self._disc(x, z, r * 1.13, scale(self.tire, 0.55))
        self._disc(x, z * 1.005, r, self.tire)
        if self.fine:
            rim = self.painter.light.lit(self.rng.pick(GRAYS[1:]), (0.0, 0.4, 0.0), self.sun * 0.5)
            self._disc(x, z * 1.01, r * 0.62, rim, Material.METAL)
            self._disc(x, z * 1.012, r * 0.2, scale(rim, 0.5), Material.METAL)

    # --- front and rear ---------------------------------------------------------------------------------------------

    def _end(self) -> None:
        """Paint the end that faces the camera: rounded corners, bumper, lamps, number plate."""
        w, low = self.w, self.shape.bumper
        front = self.eye[0] > 0
        x = self.half + 0.01 if front else -self.half - 0.01
        nose = min(y for a, y in self.shape.outline if y > 0.46)
        body = self.lit((1.0 if front else -1.0, 0.0, 0.0))
        if self.fine:
            for side in (-w, w):
                self.plate(x, side * 0.86, side, 0.26, nose, scale(body, self.rng.uniform(0.7, 1.1)))
        bumper = self.dark if self.rng.chance(0.5) else scale(body, self.rng.uniform(0.8, 1.15))
        self.plate(x, -w * 0.97, w * 0.97, low - 0.07, low + 0.14, bumper)
        self.plate(x, -w * 0.93, w * 0.93, 0.2, low - 0.06, scale(self.dark, 0.8))
        if front:
            self._headlamps(x, self.shape.shoulder - 0.22)
        else:
            self._tail_lamps(x, self.shape.shoulder - 0.12)
        if self.fine:
            self._number_plate(x, low + 0.15 if front or self.rng.chance(0.5) else self.shape.shoulder - 0.42, front)

    def _number_plate(self, x: float, low: float, front: bool) -> None:
        """Paint a number plate with its characters: yellow at many rears, otherwise white."""
        yellow = self.rng.chance(0.1 if front else 0.55)
        albedo = (0.88, 0.72, 0.15) if yellow else WHITES[0] if self.rng.chance(0.9) else DARKS[0]
        color = self.painter.light.lit(albedo, (0.0, 0.2, 0.0), 0.5)
        half = self.rng.uniform(0.2, 0.28)
        self.plate(x, -half, half, low, low + 0.12, color, Material.SMOOTH)
        count = self.rng.integer(5, 7)
        ink = scale(color, 0.25) if sum(albedo) > 1.0 else WHITES[0]
        for k in range(count):
            if k != count // 2:
                a = -half + 0.03 + k * (2 * half - 0.06) / count
                self.plate(x, a, a + 0.04, low + 0.025, low + 0.095, ink, Material.SMOOTH)

    def _headlamps(self, x: float, top: float) -> None:
        light, w = self.painter.light, self.w
        if self.fine:
            self.plate(x, -w * 0.5, w * 0.5, top - 0.2, top - 0.04, self.dark, Material.METAL)
        on = self.driving and (light.night > 0.1 or light.wet > 0.3 or self.rng.chance(0.3))
        lamp = (1.0, 0.98, 0.9) if on else light.lit((0.8, 0.82, 0.84), (0.0, 0.5, 0.0), 0.5)
        for side in (-w, w):
            self.plate(x, side * 0.62, side * 0.94, top - 0.17, top, lamp, Material.SMOOTH)
            if on:
                self.painter.shine(self.pose.point(x, top - 0.08, side * 0.78), 0.45, (1.0, 0.95, 0.8))

    def _tail_lamps(self, x: float, top: float) -> None:
        """Paint the rear lamps, in one of several forms, and the seam of the trunk lid."""
        light, w, rng = self.painter.light, self.w, self.rng
        if self.fine:
            seam = scale(self.lit((-1.0, 0.0, 0.0)), 0.55)
            low = rng.uniform(0.34, 0.55)
            self.plate(x, -w * 0.7, w * 0.7, top - low - 0.02, top - low, seam)
            self.plate(x, -w * 0.12, w * 0.12, top - 0.2, top - 0.14, scale(seam, rng.uniform(0.6, 3.0)))
        on = self.driving and (light.night > 0.1 or rng.chance(0.35))
        lamp = (1.0, 0.12, 0.08) if on else light.lit((0.55, 0.06, 0.06), (0.0, 0.3, 0.0), 0.4)
        inner, outer, low, high = rng.pick(
            (
                (0.68, 0.96, top - 0.3, top),
                (0.5, 0.97, top - 0.22, top - 0.04),
                (0.8, 0.98, top - 0.35, top + 0.1),
                (0.84, 0.98, top - 0.1, self.shape.height - 0.2),
            )
        )
        for side in (-w, w):
            self.plate(x, side * inner, side * outer, low, high, lamp, Material.SMOOTH)
            if self.fine:
                amber = light.lit(rng.pick(((0.9, 0.5, 0.1), (0.85, 0.85, 0.83))), (0.0, 0.3, 0.0), 0.4)
                middle = low + (high - low) * rng.uniform(0.3, 0.6)
                self.plate(x, side * inner, side * outer, middle, middle + (high - low) * 0.22, amber, Material.SMOOTH)
            if on:
                self.painter.shine(self.pose.point(x, (low + high) / 2, side * 0.8), 0.35, (1.0, 0.2, 0.1))


_CIRCLE = [(math.cos(k * math.pi / 7), math.sin(k * math.pi / 7)) for k in range(14)]
