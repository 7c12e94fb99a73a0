"""Fences: open railings, guard rails, boards, low walls."""

from dataclasses import dataclass

from streetseg.scenes.canvas import FENCE
from streetseg.scenes.light import Color
from streetseg.scenes.objects.wall import Rectangle, Wall, WallBrush
from streetseg.scenes.painter import Painter
from streetseg.scenes.palette import FENCES, choose, scale
from streetseg.scenes.rng import Rng
from streetseg.scenes.street import Shade
from streetseg.scenes.texture import Material

SECTION = 2.0  # meters from post to post
OPEN = 2.6  # least distance of two bars in canvas pixels; closer bars are painted as one surface


@dataclass(frozen=True)
class Fence:
    """A fence that starts at (t, s) and runs along the street, or across it away from the road.

    `kind` is railing, barrier, guard rail, boards, wall or works; `pitch` is the distance of its bars.
    """

    kind: str
    side: int
    t: float
    s: float
    length: float
    across: bool
    height: float
    pitch: float
    color: Color
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
        h, length = self.height, wall.length
        match self.kind:
            case "railing" | "barrier":
                self._bars(brush, wall, color)
            case "guard rail":
                brush.fill([(0, 0.12, 0, h)], scale(color, 0.7), Material.METAL)
                brush.fill([(0, length, h - 0.32, h)], color, Material.METAL, 0.06)
                brush.fill([(0, length, h - 0.2, h - 0.12)], scale(color, 0.6), Material.METAL, 0.06)
            case "boards":
                boards = max(1, round(length / 0.16))
                shades = [scale(color, self.rng.uniform(0.82, 1.15)) for _ in range(boards)]
                width = length / boards
                planks: list[Rectangle] = [(k * width, (k + 1) * width, 0, h) for k in range(boards)]
                if brush.width(length / 2, width) > 1.5:
                    brush.fill_each(planks, shades, Material.BOARD)
                else:
                    brush.fill([(0, length, 0, h)], color, Material.BOARD)
                brush.fill([(0, 0.1, 0, h + 0.08)], scale(color, 0.7), Material.BOARD)
            case "works":
                for y in (h - 0.3, h - 0.75):
                    count = max(2, round(length / 0.35))
                    stripes: list[Rectangle] = [
                        (k * length / count, (k + 1) * length / count, y, y + 0.25) for k in range(count)
                    ]
                    red, white = (painter.light.lit(c, wall.facing, sun) for c in ((0.75, 0.15, 0.1), (0.9, 0.9, 0.88)))
                    brush.fill_each(stripes, [red if k % 2 else white for k in range(count)], Material.PAINT)
                brush.fill([(0, 0.08, 0, h), (length - 0.08, length, 0, h)], scale(color, 0.8), Material.METAL, 0.02)
            case "wall":
                brush.fill([(0, length, 0, h)], color, Material.BRICK)
                brush.fill([(0, length, h - 0.1, h)], scale(color, 1.25), Material.CONCRETE, 0.04)
                brush.fill([(0, 0.35, 0, h + 0.25)], scale(color, 0.9), Material.BRICK, 0.05)

    def _bars(self, brush: WallBrush, wall: Wall, color: Color) -> None:
        """Paint a post, two rails and upright bars."""
        h, length, pitch = self.height, wall.length, self.pitch
        gap = brush.width(length / 2, pitch)
        thick = pitch * 0.38
        if gap < OPEN:
            brush.fill([(0, length, 0.08, h)], scale(color, 0.9), Material.METAL)
        else:
            bars = [(k * pitch, k * pitch + thick, 0.1, h) for k in range(int(length / pitch) + 1)]
            brush.fill(bars, color, Material.METAL)
        rails: list[Rectangle] = [(0, length, h - 0.08, h), (0, length, 0.1, 0.18)]
        brush.fill(rails, scale(color, 1.1), Material.METAL, 0.02)
        brush.fill([(0, 0.09, 0, h + 0.06)], scale(color, 0.85), Material.METAL, 0.03)


def draw_fence(kind: str, side: int, t: float, s: float, length: float, across: bool, rng: Rng, shade: Shade) -> Fence:
    """Return a fence of a kind with random height, color and bars."""
    low, high = {"guard rail": (0.7, 0.8), "wall": (0.6, 1.5), "boards": (1.0, 1.9)}.get(kind, (0.9, 1.5))
    height, pitch = rng.uniform(low, high), rng.uniform(0.12, 0.3)
    return Fence(kind, side, t, s, length, across, height, pitch, choose(rng, FENCES), rng.child(), shade)
