"""The ground: road, pavements and lawns. First flat colors and classes, then grain, shadows and haze."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from streetseg.scenes.canvas import PAVEMENT, ROAD, TREE
from streetseg.scenes.light import Color, Floats, haziness
from streetseg.scenes.markings import MarkingsPainter
from streetseg.scenes.painter import Painter
from streetseg.scenes.palette import ASPHALTS, LAWNS, PAVINGS, choose, scale, vary
from streetseg.scenes.rng import Rng
from streetseg.scenes.sky import Rays
from streetseg.scenes.street import BEHIND, FAR, Street
from streetseg.scenes.texture import FIELD, Material, fields

SIDEWAYS = 120.0  # length of a crossing street on either side, meters
YARD = 45.0  # depth of a car park or forecourt, meters


class GroundPainter:
    """Paints flat albedo colors on the ground. `light_ground` lights them later, for the whole image at once."""

    def __init__(self, painter: Painter, rng: Rng) -> None:
        self.painter, self.rng, self.street = painter, rng, painter.street
        self.asphalt = choose(rng, ASPHALTS)
        self.paving = vary(rng, self.asphalt, 0.08) if rng.chance(0.3) else choose(rng, PAVINGS)

    def paint(self) -> None:
        """Paint pavement, lawns, roads, curbs, repairs and markings, each over the ones before."""
        street = self.street
        self._strip(-FAR, FAR, BEHIND, FAR, self.paving, PAVEMENT)
        lawn = choose(self.rng, LAWNS)
        green = [street.setback[k] > 1.5 and self.rng.chance(0.7) for k in range(2)]
        for lot in street.lots:
            if lot.green or green[lot.side > 0]:
                inner = street.road + street.pavement[lot.side > 0]
                self._strip(lot.side * inner, lot.side * (inner + 60), lot.first, lot.last, lawn, TREE)
            elif lot.yard:
                inner, asphalt = street.road + street.pavement[lot.side > 0], vary(self.rng, self.asphalt, 0.08)
                self._strip(lot.side * inner, lot.side * (inner + YARD), lot.first, lot.last, asphalt, ROAD)
        for first, last in street.crossings:
            self._strip(-SIDEWAYS, SIDEWAYS, first, last, vary(self.rng, self.asphalt, 0.04), ROAD)
        self._strip(-street.road, street.road, BEHIND, FAR, self.asphalt, ROAD)
        for side in (-1, 1):
            self._verge(side, lawn)
        self._curbs()
        self._repairs()
        self._cracks()
        MarkingsPainter(self.painter, self.asphalt, self.rng.child()).paint()

    def _strip(self, left: float, right: float, first: float, last: float, color: Color, class_id: int) -> None:
        """Paint a strip along the road that follows its bend."""
        if self.street.bend == 0.0 or last - first < 4.0:
            stops = [first, last]
        else:
            pieces = 14
            stops = [first + (last - first) * (k / pieces) ** 2 for k in range(pieces + 1)]
        self._shape([(left, s) for s in stops] + [(right, s) for s in reversed(stops)], color, class_id)

    def _verge(self, side: int, lawn: Color) -> None:
        """Paint, sometimes, a strip of grass or of other slabs on the pavement."""
        street, rng = self.street, self.rng
        wide = street.pavement[side > 0]
        if not rng.chance(0.3):
            return
        color, class_id = (lawn, TREE) if rng.chance(0.35) else (choose(rng, PAVINGS), PAVEMENT)
        inner = rng.uniform(0.2, 0.5) * wide if rng.chance(0.5) else 0.22
        edge = side * (street.road + inner)
        for first, last in street.blocks():
            self._strip(edge, edge + side * rng.uniform(0.25, 0.5) * wide, first, last, color, class_id)

    def _curbs(self) -> None:
        """Paint curb stones (pavement) and the gutter beside them (road). Some are hard to see."""
        street, rng = self.street, self.rng
        stone = scale(vary(rng, self.paving), rng.uniform(0.9, 1.35))
        gutter = scale(self.asphalt, rng.uniform(0.55, 1.0))
        for side in (-1, 1):
            for first, last in street.blocks():
                edge = side * street.road
                self._strip(edge, edge + side * 0.22, first, last, stone, PAVEMENT)
                self._strip(edge - side * 0.10, edge, first, last, gutter, ROAD)
        for first, last in street.crossings:
            for side in (-1, 1):
                near, far = side * (street.road + 0.0), side * SIDEWAYS
                self._strip(near, far, last, last + 0.25, stone, PAVEMENT)
                self._strip(near, far, last - 0.12, last, gutter, ROAD)
                self._strip(near, far, first - 0.2, first, stone, PAVEMENT)

    def _repairs(self) -> None:
        """Paint patches, seams, tire tracks and manholes of an old road."""
        street, rng = self.street, self.rng
        for lane in range(street.lanes):
            middle = (lane + 0.5 - street.lanes / 2) * street.lane
            worn = scale(self.asphalt, rng.uniform(0.86, 1.1))
            for wheel in (-0.75, 0.75):
                self._strip(middle + wheel - 0.25, middle + wheel + 0.25, BEHIND, 150.0, worn, ROAD)
        for _ in range(rng.integer(0, 7)):
            t, s = rng.uniform(-street.road, street.road - 1), rng.uniform(2, 45)
            wide, long = rng.uniform(0.4, 3.0), rng.uniform(1.0, 20.0)
            patch = vary(rng, scale(self.asphalt, rng.uniform(0.65, 1.3)))
            self._strip(t, min(street.road - 0.1, t + wide), s, s + long, patch, ROAD)
        if rng.chance(0.5):
            t = rng.uniform(-0.5, 0.5)
            self._strip(t, t + 0.06, BEHIND, 120.0, scale(self.asphalt, 0.6), ROAD)
        for _ in range(rng.integer(0, 3)):
            t, s = rng.uniform(-street.road + 0.5, street.road - 0.5), rng.uniform(3, 30)
            self._disc(t, s, 0.32, scale(self.asphalt, rng.uniform(0.45, 0.75)), ROAD)
        for _ in range(rng.integer(0, 3)):
            side = rng.pick((-1, 1))
            t, s = side * (street.road + rng.uniform(0.5, 1.6)), rng.uniform(3, 25)
            if not street.crossed(s, 1.0):
                self._disc(t, s, 0.3, scale(self.paving, rng.uniform(0.5, 0.8)), PAVEMENT)

    def _cracks(self) -> None:
        """Paint cracks and sealed joints: thin dark lines that wander along or across the road."""
        rng, road = self.rng, self.street.road
        if not rng.chance(0.45):
            return
        color = scale(self.asphalt, rng.uniform(0.5, 0.8))
        for _ in range(rng.integer(1, 5)):
            t, s, along = rng.uniform(-road, road), rng.uniform(2.0, 25.0), rng.chance(0.6)
            wide = rng.uniform(0.02, 0.07)
            for _ in range(rng.integer(3, 8)):
                dt, ds = (rng.bell(0.0, 0.25), rng.uniform(0.5, 2.0)) if along else (0.7, rng.bell(0.0, 0.3))
                t, s, a, b = t + dt, s + ds, t, s
                if max(abs(t), abs(a)) < road - 0.1:
                    self._shape([(a - wide, b), (a + wide, b + wide), (t + wide, s + wide), (t - wide, s)], color, ROAD)

    def _shape(self, outline: list[tuple[float, float]], color: Color, class_id: int) -> None:
        seen = self.painter.path((t, 0.0, s) for t, s in outline)
        if seen:
            self.painter.canvas.polygon(seen[0], self.painter.raw_ink(color, class_id, Material.GROUND))

    def _disc(self, t: float, s: float, radius: float, color: Color, class_id: int) -> None:
        turns = [k * math.pi / 6 for k in range(12)]
        self._shape([(t + radius * math.cos(a), s + radius * math.sin(a)) for a in turns], color, class_id)


def cast_unseen(painter: Painter, rng: Rng) -> None:
    """Cast shadows of what stands behind or beside the camera: houses, and crowns of trees with gaps."""
    for _ in range(rng.pick((0, 0, 0, 1, 2))):
        t, s, height = rng.uniform(-25.0, 25.0), rng.uniform(-30.0, -2.0), rng.uniform(4.0, 16.0)
        wide, deep = rng.uniform(3.0, 25.0), rng.uniform(3.0, 20.0)
        painter.cast((a, y, b) for a in (t, t + wide) for b in (s, s - deep) for y in (0.0, height))
    if rng.chance(0.2):
        t, s = rng.uniform(-8.0, 8.0), rng.uniform(2.0, 20.0)
        for _ in range(rng.integer(20, 60)):
            painter.cast_spot(t + rng.bell(0.0, 1.5), s + rng.bell(0.0, 2.5), rng.uniform(0.1, 0.6))


def light_ground(
    albedo: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    rays: Rays,
    rows: slice,
    painter: Painter,
    rng: Rng,
) -> Floats:
    """Light the rows of the image that hold ground: apply grain, shadows, light and haze.

    Args:
        albedo: flat ground colors, uint8 (h, W, 3).
        labels: classes, uint8 (h, W).
        rays: directions of the pixels, float32 (h, W) each; pixels above the horizon get arbitrary colors.
        rows: the position of these h rows in the image.

    Returns:
        Display colors 0..1, float32 (3, h, W).
    """
    camera, light, street = painter.camera, painter.light, painter.street
    x, y, z = rays
    depth = np.float32(camera.position[1]) / np.maximum(-y, np.float32(1e-4))
    depth = np.minimum(depth, np.float32(FAR))
    along = np.float32(camera.position[2]) + z * depth
    across = np.float32(camera.position[0]) + x * depth - _offset(street, along)
    road, lawn = labels == ROAD, labels == TREE
    grain = _grain(across, along, depth, road, lawn, rng)
    if rng.chance(0.75):
        slabs = road if rng.chance(0.06) else labels == PAVEMENT  # a road of concrete or setts is rare
        grain *= _slabs(across, along, depth, slabs, rng)
    shadow = _soft(painter.shadow, 0.8, rows)
    contact = _soft(painter.contact, max(1.0, camera.height / 250), rows)
    colors = np.ascontiguousarray(albedo.transpose(2, 0, 1)).astype(np.float32)
    if light.wet:
        grain *= np.where(road, np.float32(1 - 0.35 * light.wet), np.float32(1 - 0.22 * light.wet))
    colors *= grain * np.float32(1 / 255)
    colors = light.lit_ground(np.minimum(colors, 1), 1 - shadow)
    if painter.sunny and light.to_sun[2] > 0.0 and rng.chance(0.6):
        colors += _glare(rays, painter, rng) * (1 - shadow)
    colors *= 1 - contact
    air = haziness(depth / np.float32(light.visibility))
    for channel, haze in zip(colors, light.haze, strict=True):
        channel += (np.float32(haze) - channel) * air
    return colors


def _glare(rays: Rays, painter: Painter, rng: Rng) -> Floats:
    """Return how much light (h, W) of a sun ahead a smooth, flat ground throws toward the camera."""
    x, y, z = rays
    sx, sy, sz = (np.float32(v) for v in painter.light.to_sun)
    toward = np.maximum(x * sx - y * sy + z * sz, 0)
    toward *= toward / (x * x + y * y + z * z)  # squared cosine of the angle to the mirrored sun
    for _ in range(3):
        toward *= toward
    glare: Floats = toward * np.float32(rng.uniform(0.0, 0.6))
    return glare


def _soft(shadows: Image.Image, radius: float, rows: slice) -> Floats:
    """Return rows of a shadow map, blurred, float32 (h, W) in 0..1."""
    blurred = shadows.crop((0, rows.start, shadows.width, shadows.height)).filter(ImageFilter.BoxBlur(radius))
    return np.asarray(blurred).astype(np.float32) * np.float32(1 / 255)


def _offset(street: Street, along: Floats) -> Floats:
    reach = np.maximum(along, 0)
    return np.float32(street.bend) * reach * reach


def _grain(
    across: Floats,
    along: Floats,
    depth: Floats,
    road: NDArray[np.bool_],
    lawn: NDArray[np.bool_],
    rng: Rng,
) -> Floats:
    """Return brightness factors (h, W) fixed to the ground: fine grain that fades with distance, and stains."""
    start = np.float32(rng.uniform(0, FIELD))
    fine = _sample("mottle", across, along, 26.0, start)
    stains = _sample("patch", across, along, 3.0, start)
    roughness = np.where(road, np.float32(rng.uniform(0.04, 0.24)), np.float32(rng.uniform(0.04, 0.24)))
    roughness = np.where(lawn, np.float32(0.5), roughness)
    fading = 1 / (1 + depth / np.float32(25))
    return 1 + roughness * fading * fine + np.float32(rng.uniform(0.03, 0.18)) * stains


def _sample(name: str, across: Floats, along: Floats, density: float, start: np.float32) -> Floats:
    """Return a noise field projected on the ground, with `density` field pixels per meter."""
    column = (across * np.float32(density) + start).astype(np.int32) & (FIELD - 1)
    row = (along * np.float32(density) + start).astype(np.int32) & (FIELD - 1)
    return fields()[name].reshape(-1).take(row * FIELD + column)


def _slabs(
    across: Floats,
    along: Floats,
    depth: Floats,
    pavement: NDArray[np.bool_],
    rng: Rng,
) -> Floats:
    """Return brightness factors (h, W) of paving slabs: dark joints that fade with distance."""
    long, wide = np.float32(rng.pick((0.4, 0.6, 0.9, 1.2))), np.float32(rng.pick((0.4, 0.6, 0.9)))
    rows, columns = along / long, across / wide
    joint = np.minimum(rows - np.floor(rows), columns - np.floor(columns)) < np.float32(0.05)
    strength = np.float32(rng.uniform(0.15, 0.4)) / (1 + depth * depth / np.float32(90))
    shift = np.where((np.floor(rows) + np.floor(columns)).astype(np.int32) & 1, np.float32(0.03), np.float32(-0.03))
    return np.where(pavement, 1 - joint * strength + shift, np.float32(1))
