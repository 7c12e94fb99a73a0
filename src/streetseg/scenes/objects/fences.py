"""Fences: open railings, mesh, guard rails, boards, and garden walls, which belong to the buildings."""

from dataclasses import dataclass

from streetseg.scenes.canvas import BUILDING, FENCE
from streetseg.scenes.light import Color
from streetseg.scenes.objects.wall import Rectangle, Wall, WallBrush
from streetseg.scenes.painter import Painter
from streetseg.scenes.palette import BRICKS, DARKS, FENCES, GRAYS, STONES, WHITES, choose, scale
from streetseg.scenes.rng import Rng
from streetseg.scenes.street import Shade
from streetseg.scenes.texture import Material

SECTION = 2.0  # meters from post to post
OPEN = 2.6  # least distance of two bars in canvas pixels; closer bars are painted as one surface

# kind -> the ways to make it, one of which is picked
_MAKES = {
    "railing": ("bars", "bars", "spears", "mesh"),
    "barrier": ("bars", "rails", "mesh"),
    "boards": ("upright", "upright", "slats", "panel"),
    "wall": ("plain", "plain", "railing", "boards"),
    "works": ("stripes", "mesh"),
    "guard rail": ("plain",),
}


@dataclass(frozen=True)
class Fence:
    """A fence that starts at (t, s) and runs along the street, or across it away from the road.

    `kind` is railing, barrier, guard rail, boards, wall or works; `make` tells how it is made, for a wall what is on
    top of it; `pitch` is the distance of its bars.
    """

    kind: str
    make: str
    side: int
    t: float
    s: float
    length: float
    across: bool
    height: float
    pitch: float
    color: Color
    material: Material
    rng: Rng
    shade: Shade

    @property
    def reach(self) -> float:
        """s of its far end."""
        return self.s if self.across else self.s + self.length

    def _wall(self, start: float, length: float) -> Wall:
        """Return the upright plane of a part of the fence."""
        if self.across:
            side = float(self.side)
            return Wall(self.t + side * start, self.s, (side, 0.0), (0.0, -1.0), length, self.height)
        return Wall(self.t, self.s + start, (0.0, 1.0), (-float(self.side), 0.0), length, self.height)

    def cast(self, painter: Painter) -> None:
        """Paint its shadow: of the whole fence if it is solid, otherwise of its rails."""
        heights = (0.0, self.height) if self.kind in ("boards", "wall") else (self.height * 0.85, self.height)
        wall = self._wall(0.0, self.length)
        painter.cast(wall.point(u, y) for u in (0.0, self.length) for y in heights)
        painter.touch((wall.point(u, 0.0, out) for u in (0.0, self.length) for out in (-0.12, 0.12)), 0.25)

    def paint(self, painter: Painter) -> None:
        """Paint its sections from the far end to the near one."""
        ends = [painter.view(self._wall(0.0, self.length).point(u, 0.5)) for u in (0.0, self.length)]
        nearest = min(end[2] for end in ends)
        if max(end[2] for end in ends) < 0:
            return
        sections = max(1, round(self.length / (SECTION if nearest < 35.0 else 4 * SECTION)))
        length = self.length / sections
        for k in reversed(range(sections)):
            self._section(painter, self._wall(k * length, length))

    def _section(self, painter: Painter, wall: Wall) -> None:
        brush = WallBrush(painter, wall, FENCE)
        if not brush.visible:
            return
        sun = self.shade.sunshine(self.t, wall.s, self.height / 2)
        color = painter.light.lit(self.color, wall.facing, sun)
        match self.kind:
            case "wall":
                self._masonry(brush, wall, color)
            case "guard rail":
                self._guard_rail(brush, wall, color)
            case "boards":
                self._boards(brush, (0.0, self.height), wall, color)
            case "works" if self.make == "stripes":
                self._stripes(brush, wall, color, sun)
            case _:
                self._open(brush, (0.1, self.height), wall, color)

    def _masonry(self, brush: WallBrush, wall: Wall, color: Color) -> None:
        """Paint a wall with its coping and a pillar, and what is on top of it."""
        h, length = self.height, wall.length
        top = h if self.make == "plain" else h * 0.5
        solid = WallBrush(brush.painter, wall, BUILDING)
        solid.fill([(0, length, 0, top)], color, self.material)
        solid.fill([(0, length, top - 0.1, top)], scale(color, 1.25), Material.CONCRETE, 0.04)
        upper = brush.painter.light.lit(choose(self.rng, DARKS + GRAYS), wall.facing, 0.4)
        if self.make == "railing":
            self._open(brush, (top, h), wall, upper)
        elif self.make == "boards":
            self._boards(brush, (top, h), wall, upper)
        solid.fill([(0, 0.35, 0, top + 0.25)], scale(color, 0.9), self.material, 0.05)

    def _guard_rail(self, brush: WallBrush, wall: Wall, color: Color) -> None:
        h, length = self.height, wall.length
        brush.fill([(0, 0.12, 0, h)], scale(color, 0.7), Material.METAL)
        brush.fill([(0, length, h - 0.32, h)], color, Material.METAL, 0.06)
        brush.fill([(0, length, h - 0.2, h - 0.12)], scale(color, 0.6), Material.METAL, 0.06)

    def _boards(self, brush: WallBrush, span: tuple[float, float], wall: Wall, color: Color) -> None:
        """Paint upright boards, slats or a panel between two heights, and a post."""
        (low, high), length = span, wall.length
        brush.fill([(0, length, low, high)], color, Material.BOARD)
        slats = self.make == "slats"
        boards = max(1, round((high - low if slats else length) / 0.16))
        width = (high - low if slats else length) / boards
        if self.make != "panel" and brush.width(length / 2, width) > 1.5:
            planks: list[Rectangle] = [(k * width, (k + 1) * width, low, high) for k in range(boards)]
            if slats:
                planks = [(0, length, low + k * width, low + (k + 0.85) * width) for k in range(boards)]
            brush.fill_each(planks, [scale(color, self.rng.uniform(0.82, 1.15)) for _ in planks], Material.BOARD)
        brush.fill([(0, 0.1, low, high + 0.08)], scale(color, 0.7), Material.BOARD)

    def _stripes(self, brush: WallBrush, wall: Wall, color: Color, sun: float) -> None:
        """Paint the striped planks of roadworks."""
        h, length = self.height, wall.length
        for y in (h - 0.3, h - 0.75):
            count = max(2, round(length / 0.35))
            stripes: list[Rectangle] = [
                (k * length / count, (k + 1) * length / count, y, y + 0.25) for k in range(count)
            ]
            lit = brush.painter.light.lit
            red, white = (lit(c, wall.facing, sun) for c in ((0.75, 0.15, 0.1), (0.9, 0.9, 0.88)))
            brush.fill_each(stripes, [red if k % 2 else white for k in range(count)], Material.PAINT)
        brush.fill([(0, 0.08, 0, h), (length - 0.08, length, 0, h)], scale(color, 0.8), Material.METAL, 0.02)

    def _open(self, brush: WallBrush, span: tuple[float, float], wall: Wall, color: Color) -> None:
        """Paint a post, rails, and bars or mesh between two heights. All that is seen through it is fence."""
        (low, high), length, pitch = span, wall.length, self.pitch
        gap = brush.width(length / 2, pitch)
        thick = min(0.03, pitch * 0.3)
        bars = [
            (k * pitch, k * pitch + thick, low, high + 0.12 * (self.make == "spears"))
            for k in range(int(length / pitch) + 1)
        ]
        match self.make:
            case "mesh":
                self._mesh(brush, span, wall, color)
            case "rails":
                middle = (low + high) / 2
                brush.fill([(0, length, middle - 0.04, middle + 0.04)], color, Material.METAL)
            case _ if gap < OPEN:
                brush.fill([(0, length, low, high)], scale(color, 0.9), Material.METAL)
            case _:
                brush.fill(bars, color, Material.METAL)
        brush.painter.claim(
            [[wall.point(u, y) for u, y in ((0, low), (length, low), (length, high), (0, high))]], FENCE
        )
        rails: list[Rectangle] = [(0, length, high - 0.08, high), (0, length, low, low + 0.06)]
        brush.fill(rails, scale(color, 1.1), Material.METAL, 0.02)
        brush.fill([(0, 0.09, 0, high + 0.06)], scale(color, 0.85), Material.METAL, 0.03)

    def _mesh(self, brush: WallBrush, span: tuple[float, float], wall: Wall, color: Color) -> None:
        """Paint crossed wires."""
        (low, high), length = span, wall.length
        if brush.width(length / 2, 0.2) < OPEN:
            return
        rise = high - low
        for k in range(-int(rise / 0.2), int(length / 0.2) + 1):
            for start, end in ((0.2 * k, 0.2 * k + rise), (0.2 * k + rise, 0.2 * k)):
                if min(start, end) >= 0.0 and max(start, end) <= length:
                    ends = wall.point(start, low), wall.point(end, high)
                    brush.painter.wire(ends, 0.012, color, FENCE, Material.METAL)


def draw_fence(kind: str, side: int, t: float, s: float, length: float, across: bool, rng: Rng, shade: Shade) -> Fence:
    """Return a fence of a kind with random make, height, color and bars."""
    make = rng.pick(_MAKES[kind])
    low, high = {"guard rail": (0.7, 0.8), "wall": (0.6, 1.9), "boards": (1.0, 2.0)}.get(kind, (0.9, 1.7))
    height, pitch = rng.uniform(low, high), rng.uniform(0.11, 0.28)
    color, material = choose(rng, FENCES), Material.METAL
    if kind == "wall":
        color = choose(rng, BRICKS * 3 + STONES * 2 + GRAYS + WHITES)
        material = rng.pick((Material.BRICK, Material.BRICK, Material.CONCRETE, Material.PLASTER))
    return Fence(kind, make, side, t, s, length, across, height, pitch, color, material, rng.child(), shade)
