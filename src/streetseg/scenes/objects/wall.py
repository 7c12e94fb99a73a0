"""Flat upright walls, and a brush that paints rectangles on them."""

from collections.abc import Sequence
from dataclasses import dataclass

from streetseg.scenes.camera import NEAR
from streetseg.scenes.light import Color, Vector
from streetseg.scenes.painter import Painter
from streetseg.scenes.texture import Material

Rectangle = tuple[float, float, float, float]  # start and end along the wall; bottom, top


@dataclass(frozen=True)
class Wall:
    """A wall that starts at (t, s) and runs along a unit direction (dt, ds); `normal` points out of its front."""

    t: float
    s: float
    along: tuple[float, float]
    normal: tuple[float, float]
    length: float
    height: float

    def point(self, u: float, y: float, out: float = 0.0) -> Vector:
        """Return the point `u` meters along the wall, `y` high and `out` meters in front of it."""
        (along_t, along_s), (normal_t, normal_s) = self.along, self.normal
        return (self.t + along_t * u + normal_t * out, y, self.s + along_s * u + normal_s * out)

    @property
    def facing(self) -> Vector:
        """The normal in three dimensions."""
        return (self.normal[0], 0.0, self.normal[1])


class WallBrush:
    """Paints rectangles of one class on a wall; fast for hundreds of them.

    A wall is straight even if the road bends, so the corner of a rectangle is origin + u * along + y * up.
    """

    def __init__(self, painter: Painter, wall: Wall, class_id: int) -> None:
        self.painter, self.wall, self.class_id = painter, wall, class_id
        self.visible = painter.path(wall.point(u, y) for u, y in _corners((0.0, wall.length, 0.0, wall.height)))
        self._up = tuple(axis[1] for axis in painter.camera.axes)

    def width(self, u: float, meters: float) -> float:
        """Return the width in canvas pixels of a length of the wall, centered at `u`; 0 behind the camera."""
        a, b = (self.painter.view(self.wall.point(u + d, 1.5)) for d in (-meters / 2, meters / 2))
        if min(a[2], b[2]) < NEAR:
            return 0.0
        return abs(a[0] / a[2] - b[0] / b[2]) * self.painter.camera.focal

    def fill(self, rectangles: Sequence[Rectangle], color: Color, material: Material, out: float = 0.0) -> None:
        """Fill rectangles `out` meters in front of the wall with one display color."""
        self.fill_each(rectangles, [color] * len(rectangles), material, out)

    def fill_each(
        self, rectangles: Sequence[Rectangle], colors: Sequence[Color], material: Material, out: float = 0.0
    ) -> None:
        """Fill rectangles `out` meters in front of the wall, in order, each with its display color."""
        painter, wall, class_id = self.painter, self.wall, self.class_id
        origin, end = painter.view(wall.point(0.0, 0.0, out)), painter.view(wall.point(wall.length, 0.0, out))
        (ox, oy, oz), (ux, uy, uz) = origin, ((b - a) / wall.length for a, b in zip(origin, end, strict=True))
        yx, yy, yz = self._up
        (mx, my), focal = painter.center, painter.camera.focal
        wide, high = painter.camera.width, painter.camera.height
        for (u0, u1, y0, y1), color in zip(rectangles, colors, strict=True):
            ax, ay, az = ox + u0 * ux, oy + u0 * uy, oz + u0 * uz
            bx, by, bz = ox + u1 * ux, oy + u1 * uy, oz + u1 * uz
            z0, z1, z2, z3 = az + y0 * yz, bz + y0 * yz, bz + y1 * yz, az + y1 * yz
            if min(z0, z1, z2, z3) < NEAR:
                outline = (wall.point(u, y, out) for u, y in _corners((u0, u1, y0, y1)))
                painter.polygon(outline, color, class_id, material)
                continue
            f0, f1, f2, f3 = focal / z0, focal / z1, focal / z2, focal / z3
            x0, x1 = mx + (ax + y0 * yx) * f0, mx + (bx + y0 * yx) * f1
            if (x0 < -20 and x1 < -20) or (x0 > wide + 20 and x1 > wide + 20):
                continue
            v0, v1 = my + (ay + y0 * yy) * f0, my + (by + y0 * yy) * f1
            v2, v3 = my + (by + y1 * yy) * f2, my + (ay + y1 * yy) * f3
            if (v0 < 0 and v1 < 0) or (v2 > high and v3 > high):
                continue
            x2, x3 = mx + (bx + y1 * yx) * f2, mx + (ax + y1 * yx) * f3
            ink = painter.ink(color, class_id, material, (z0 + z1) / 2)
            painter.canvas.polygon([x0, v0, x1, v1, x2, v2, x3, v3], ink)


def _corners(rectangle: Rectangle) -> tuple[tuple[float, float], ...]:
    u0, u1, y0, y1 = rectangle
    return (u0, y0), (u1, y0), (u1, y1), (u0, y1)
