"""Fences: railings one can see through, guard rails, boards, low walls."""

from dataclasses import dataclass

from streetseg.data.scenes.classes import FENCE
from streetseg.data.scenes.dice import Dice
from streetseg.data.scenes.light import Color
from streetseg.data.scenes.painter import Painter
from streetseg.data.scenes.palette import scale
from streetseg.data.scenes.shade import Shade
from streetseg.data.scenes.texture import Material
from streetseg.data.scenes.wall import Rectangle, Wall, WallBrush

SECTION = 2.0  # metres from post to post
OPEN = 2.6  # canvas pixels between two bars from which on one sees through; nearer together they are one surface


@dataclass(frozen=True)
class Fence:
    """A fence along the street at t from s = first to last.

    `kind` is railing, guard rail, boards, wall or pedestrian barrier; `side` is the side of the street it stands on.
    """

    kind: str
    side: int
    t: float
    first: float
    last: float
    height: float
    color: Color
    dice: Dice
    shade: Shade

    @property
    def reach(self) -> float:
        """s of its far end."""
        return self.last

    def cast(self, painter: Painter) -> None:
        """Its shadow: of the whole fence where it is solid, else of its rails."""
        heights = (0.0, self.height) if self.kind in ("boards", "wall") else (self.height * 0.85, self.height)
        painter.cast((self.t, y, s) for y in heights for s in (self.first, self.last))
        painter.touch(((self.t + a, 0.0, s) for a in (-0.12, 0.12) for s in (self.first, self.last)), 0.25)

    def paint(self, painter: Painter) -> None:
        """Section by section from the far end."""
        sections = max(1, round((self.last - self.first) / SECTION))
        length = (self.last - self.first) / sections
        for k in reversed(range(sections)):
            start = self.first + k * length
            wall = Wall(self.t, start, (0.0, 1.0), (-float(self.side), 0.0), length, self.height)
            self._section(painter, wall)

    def _section(self, painter: Painter, wall: Wall) -> None:
        brush = WallBrush(painter, wall, FENCE)
        if not brush.visible:
            return
        sun = self.shade.sunshine(self.t, wall.s, self.height / 2)
        color = painter.light.lit(self.color, wall.facing, sun)
        h, length = self.height, wall.length
        match self.kind:
            case "railing" | "barrier":
                self._bars(brush, wall, color, pitch=0.14 if self.kind == "railing" else 0.2)
            case "guard rail":
                brush.fill([(0, 0.12, 0, h)], scale(color, 0.7), Material.METAL)
                brush.fill([(0, length, h - 0.32, h)], color, Material.METAL, 0.06)
                brush.fill([(0, length, h - 0.2, h - 0.12)], scale(color, 0.6), Material.METAL, 0.06)
            case "boards":
                boards = max(1, round(length / 0.16))
                shades = [scale(color, self.dice.uniform(0.82, 1.15)) for _ in range(boards)]
                width = length / boards
                planks: list[Rectangle] = [(k * width, (k + 1) * width, 0, h) for k in range(boards)]
                if brush.width(length / 2, width) > 1.5:
                    brush.fill_each(planks, shades, Material.BOARD)
                else:
                    brush.fill([(0, length, 0, h)], color, Material.BOARD)
                brush.fill([(0, 0.1, 0, h + 0.08)], scale(color, 0.7), Material.BOARD)
            case "wall":
                brush.fill([(0, length, 0, h)], color, Material.BRICK)
                brush.fill([(0, length, h - 0.1, h)], scale(color, 1.25), Material.CONCRETE, 0.04)
                brush.fill([(0, 0.35, 0, h + 0.25)], scale(color, 0.9), Material.BRICK, 0.05)

    def _bars(self, brush: WallBrush, wall: Wall, color: Color, pitch: float) -> None:
        """Posts, two rails and upright bars."""
        h, length = self.height, wall.length
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
