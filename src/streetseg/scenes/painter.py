"""The painter: projects shapes in street coordinates to strokes on the canvas, with haze by distance."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from PIL import Image, ImageDraw

from streetseg.scenes.camera import NEAR, Camera, clip_near
from streetseg.scenes.canvas import OVERSAMPLING, Canvas, Ink, Path, mark
from streetseg.scenes.light import Color, Light, Vector, haziness
from streetseg.scenes.street import Street
from streetseg.scenes.texture import Material


class Lamp(NamedTuple):
    """A light source: center and radius on the canvas, its color, and the value of the pixel at its center."""

    x: float
    y: float
    radius: float
    color: Color
    paint: Ink | None


class Painter:
    """Paints things of a street as a camera sees them in some light.

    Attributes:
        shadow: shadow map (H, W) of the ground, 255 in shadow; complete before the ground is lit.
        lamps: light sources that were painted.
        contact: shadow map (H, W) of the ground under things that stand on it.
    """

    def __init__(self, canvas: Canvas, camera: Camera, light: Light, street: Street) -> None:
        self.canvas, self.camera, self.light, self.street = canvas, camera, light, street
        self.sunny = max(light.sun) > 0.0
        self._axes, self._eye, self._bend = camera.axes, camera.position, street.bend
        self._slopes = (camera.width / 2 / camera.focal, camera.height / 2 / camera.focal)
        self.lamps: list[Lamp] = []
        self.shadow = Image.new("L", (canvas.width, canvas.height))
        self.contact = Image.new("L", (canvas.width, canvas.height))
        self._shadow_draw, self._contact_draw = ImageDraw.Draw(self.shadow), ImageDraw.Draw(self.contact)
        self.center = (camera.width / 2, camera.height / 2)

    # --- projection -------------------------------------------------------------------------------------------------

    def view(self, point: Vector) -> Vector:
        """Convert street coordinates to camera coordinates (meters right, down, ahead)."""
        t, y, s = point
        px, py, pz = self._eye
        ahead = s if s > 0.0 else 0.0
        x, y, z = (
            t + self._bend * ahead * ahead - px,
            y - py,
            s - pz,
        )  # `Street.place` inlined, as this is called most often
        (ax, ay, az), (bx, by, bz), (cx, cy, cz) = self._axes
        return (x * ax + y * ay + z * az, x * bx + y * by + z * bz, x * cx + y * cy + z * cz)

    def sees(self, center: Vector, radius: float) -> bool:
        """Return whether a part of a ball may be in the image."""
        x, y, z = self.view(center)
        if z < NEAR - radius:
            return False
        reach = 1.2 * radius + max(z, 0.0) * self._slopes[0]  # 1.2: the planes of the view frustum are oblique
        return abs(x) < reach and abs(y) < 1.2 * radius + max(z, 0.0) * self._slopes[1]

    def pixels(self, meters: float, distance: float) -> float:
        """Return the number of canvas pixels that a length covers at a distance."""
        return self.camera.focal * meters / max(distance, NEAR)

    def path(self, points: Iterable[Vector]) -> tuple[Path, float] | None:
        """Return outline in canvas pixels and mean distance; None if it is behind the camera or outside the image."""
        view = [self.view(p) for p in points]
        depths = [v[2] for v in view]
        if min(depths) < NEAR:
            view = [(v[0], v[1], v[2]) for v in clip_near([list(v) for v in view])]
            depths = [v[2] for v in view]
            if len(view) < 3:
                return None
        (mx, my), focal = self.center, self.camera.focal
        xs = [mx + focal * x / z for x, _, z in view]
        ys = [my + focal * y / z for _, y, z in view]
        if max(xs) < 0 or max(ys) < 0 or min(xs) > self.camera.width or min(ys) > self.camera.height:
            return None
        path = [0.0] * (2 * len(view))
        path[::2], path[1::2] = xs, ys
        return path, sum(depths) / len(depths)

    def ink(self, color: Color, class_id: int, material: Material, distance: float) -> Ink:
        """Return the ink of a display color seen through haze at a distance."""
        light = self.light
        air = haziness(distance / light.visibility)
        (red, green, blue), (hazy_red, hazy_green, hazy_blue) = color, light.haze
        return (
            min(255, int((red + (hazy_red - red) * air) * 255.0 + 0.5)),
            min(255, int((green + (hazy_green - green) * air) * 255.0 + 0.5)),
            min(255, int((blue + (hazy_blue - blue) * air) * 255.0 + 0.5)),
            mark(class_id, material if air < 0.75 else Material.SMOOTH),  # grain is invisible in haze
        )

    @staticmethod
    def raw_ink(color: Color, class_id: int, material: Material) -> Ink:
        """Return the ink of a color without haze."""
        return _byte(color[0]), _byte(color[1]), _byte(color[2]), mark(class_id, material)

    # --- strokes ----------------------------------------------------------------------------------------------------

    def polygon(self, points: Iterable[Vector], color: Color, class_id: int, material: Material) -> None:
        """Fill a flat polygon given by its corners."""
        seen = self.path(points)
        if seen:
            path, distance = seen
            self.canvas.polygon(path, self.ink(color, class_id, material, distance))

    def limb(
        self, start: Vector, end: Vector, radii: tuple[float, float], color: Color, class_id: int, material: Material
    ) -> None:
        """Paint a rounded stick with a radius at each end, meters."""
        a, b = self.view(start), self.view(end)
        if a[2] < NEAR or b[2] < NEAR:
            return
        ax, ay = self._image(a)
        bx, by = self._image(b)
        ra, rb = self.pixels(radii[0], a[2]), self.pixels(radii[1], b[2])
        ink = self.ink(color, class_id, material, (a[2] + b[2]) / 2)
        if max(ra, rb) < 1.0:
            self.canvas.line([ax, ay, bx, by], ink, ra + rb)
            return
        dx, dy = bx - ax, by - ay
        length = math.sqrt(dx * dx + dy * dy) or 1.0
        nx, ny = -dy / length, dx / length
        outline = [ax + nx * ra, ay + ny * ra, bx + nx * rb, by + ny * rb]
        outline += [bx - nx * rb, by - ny * rb, ax - nx * ra, ay - ny * ra]
        self.canvas.polygon(outline, ink)
        if ra > 1.5:
            self.canvas.ellipse(ax, ay, ra, ra, ink)
        if rb > 1.5:
            self.canvas.ellipse(bx, by, rb, rb, ink)

    def ball(
        self, center: Vector, radius: float, color: Color, class_id: int, material: Material, squash: float = 1.0
    ) -> None:
        """Paint a ball of this radius, meters; `squash` is its height over its width."""
        x, y, z = self.view(center)
        if z < NEAR:
            return
        u, v = self._image((x, y, z))
        r = self.pixels(radius, z)
        self.canvas.ellipse(u, v, r, r * squash, self.ink(color, class_id, material, z))

    def blob(
        self,
        center: Vector,
        radius: float,
        outline: Sequence[tuple[float, float]],
        color: Color,
        class_id: int,
        material: Material,
    ) -> None:
        """Paint a ragged ball. The outline, as the camera sees it, is given in radii around its center."""
        x, y, z = self.view(center)
        if z < NEAR:
            return
        u, v = self._image((x, y, z))
        r = self.pixels(radius, z)
        path = [c for across, down in outline for c in (u + across * r, v + down * r)]
        self.canvas.polygon(path, self.ink(color, class_id, material, z))

    def wire(self, points: Iterable[Vector], thickness: float, color: Color, class_id: int, material: Material) -> None:
        """Paint a polyline of this thickness, meters, at least one canvas pixel wide."""
        view = [self.view(p) for p in points]
        if min(v[2] for v in view) < NEAR:
            return
        distance = sum(v[2] for v in view) / len(view)
        path = [c for v in view for c in self._image(v)]
        self.canvas.line(path, self.ink(color, class_id, material, distance), self.pixels(thickness, distance))

    def shine(self, center: Vector, radius: float, color: Color) -> None:
        """Record a lamp. It glows in the final image if nothing is painted over it."""
        x, y, z = self.view(center)
        if z > NEAR:
            u, v = self._image((x, y, z))
            self.lamps.append(Lamp(u, v, self.pixels(radius, z), color, self.canvas.pixel(u, v)))

    def claim(self, outlines: Iterable[Iterable[Vector]], class_id: int) -> None:
        """Give everything within these outlines to a class.

        People who label images outline an open thing as a whole: the sky between bare branches belongs to the tree,
        the ground behind the bars of a railing to the fence.
        """
        seen = [path for path in map(self.path, outlines) if path]
        if seen:
            self.canvas.claim([path for path, _ in seen], class_id)

    # --- shadows on the ground --------------------------------------------------------------------------------------

    def cast(self, points: Iterable[Vector]) -> None:
        """Paint the shadow of the hull of these points on the ground, if the sun shines."""
        if not self.sunny:
            return
        sx, sy, sz = self.light.to_sun
        thrown = [(t - y * sx / sy, 0.0, s - y * sz / sy) for t, y, s in points]
        self._darken(self._shadow_draw, hull([(t, s) for t, _, s in thrown]), 255)

    def cast_disc(self, center: Vector, radius: float) -> None:
        """Paint the shadow of a horizontal disc."""
        t, y, s = center
        sx, sy, sz = self.light.to_sun
        self.cast_spot(t - y * sx / sy, s - y * sz / sy, radius)

    def cast_spot(self, t: float, s: float, radius: float) -> None:
        """Paint a round shadow at a spot on the ground; it has no effect if the sun is hidden."""
        self._darken(self._shadow_draw, [(t + radius * c, s + radius * d) for c, d in _CIRCLE], 255)

    def touch(self, points: Iterable[Vector], strength: float) -> None:
        """Darken the ground under the hull of these points: little sky light reaches the ground under a thing."""
        self._darken(self._contact_draw, hull([(t, s) for t, _, s in points]), round(255 * strength))

    def _darken(self, draw: ImageDraw.ImageDraw, outline: list[tuple[float, float]], value: int) -> None:
        seen = self.path((t, 0.0, s) for t, s in outline) if len(outline) >= 3 else None
        if seen:
            draw.polygon([c / OVERSAMPLING for c in seen[0]], fill=value)

    def _image(self, view: Vector) -> tuple[float, float]:
        scale = self.camera.focal / view[2]
        return self.center[0] + view[0] * scale, self.center[1] + view[1] * scale


_CIRCLE = [(math.cos(k * math.pi / 4), math.sin(k * math.pi / 4)) for k in range(8)]


def hull(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the convex hull of points (Andrew's monotone chain, 1979)."""
    ordered = sorted(set(points))

    def chain(path: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
        kept: list[tuple[float, float]] = []
        for x, y in path:
            while len(kept) > 1:
                (ax, ay), (bx, by) = kept[-2:]
                if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                    break
                kept.pop()
            kept.append((x, y))
        return kept

    return chain(ordered)[:-1] + chain(reversed(ordered))[:-1]


def _byte(value: float) -> int:
    return min(255, int(value * 255.0 + 0.5))
