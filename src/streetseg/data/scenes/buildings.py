"""Buildings: their walls, roofs, chimneys and dormers."""

from dataclasses import dataclass

from streetseg.data.scenes.classes import BUILDING
from streetseg.data.scenes.dice import Dice
from streetseg.data.scenes.facades import Facade, Style
from streetseg.data.scenes.painter import Painter
from streetseg.data.scenes.palette import scale
from streetseg.data.scenes.shade import Shade
from streetseg.data.scenes.texture import Material
from streetseg.data.scenes.wall import Wall, WallBrush


@dataclass(frozen=True)
class Building:
    """A house on the left (side -1) or right (+1), from s = first to last, its front `front` metres from the middle.

    `corner` houses stand where a street crosses: their end wall is a second front, `depth` metres long.
    """

    side: int
    first: float
    last: float
    front: float
    depth: float
    height: float
    corner: bool
    style: Style
    dice: Dice
    shade: Shade

    @property
    def reach(self) -> float:
        """s of its far end: what stands before its front is nearer."""
        return self.last

    def cast(self, painter: Painter) -> None:
        """Its shadow."""
        near, far = self.side * self.front, self.side * (self.front + min(self.depth, 14.0))
        top, first = self.height + 0.5 * self.style.pitched, max(self.first, -25.0)
        painter.cast((t, y, s) for t in (near, far) for y in (0.0, top) for s in (first, self.last))
        painter.touch(((t, 0.0, s) for t in (near, near - self.side * 0.5) for s in (first, self.last)), 0.3)

    def paint(self, painter: Painter) -> None:
        """Roof, end wall, front."""
        side, front = float(self.side), self.side * self.front
        seen_from_end = self.first > painter.camera.position[2]
        if self.style.pitched:
            self._roof(painter, seen_from_end)
        if seen_from_end:
            end = Wall(front, self.first, (side, 0.0), (0.0, -1.0), self.depth, self.height)
            blank = not self.corner and self.dice.chance(0.75)
            Facade(painter, end, self.style, self._shaded(end), self.dice).paint(blank)
        street = Wall(front, self.first, (0.0, 1.0), (-side, 0.0), self.last - self.first, self.height)
        Facade(painter, street, self.style, self._shaded(street), self.dice).paint(blank=False)

    def _shaded(self, wall: Wall) -> float:
        t, _, s = wall.point(min(wall.length / 2, 8.0), 0.0, 0.3)
        return self.shade.line(t, s)

    def _roof(self, painter: Painter, seen_from_end: bool) -> None:
        style, side, dice = self.style, self.side, self.dice
        front, ridge = side * self.front, side * (self.front + min(self.depth / 2, 5.0))
        eaves, top = self.height, self.height + style.pitched
        for _ in range(dice.integer(0, 2)):
            self._chimney(painter, ridge, dice.uniform(self.first, self.last), top)
        if seen_from_end:
            gable = painter.light.lit(style.base, (0.0, 0.0, -1.0), self.shade.sunshine(front, self.first, eaves))
            back = side * (self.front + min(self.depth, 10.0))
            triangle = [(front, eaves, self.first), (ridge, top, self.first), (back, eaves, self.first)]
            painter.polygon(triangle, gable, BUILDING, style.material)
        run = abs(ridge - front)
        slope = (run * run + style.pitched * style.pitched) ** 0.5
        tiles = painter.light.lit(style.roof, (-side * style.pitched / slope, run / slope, 0.0))
        edge, low = front - side * 0.35, eaves - 0.15
        surface = [(edge, low, self.first), (edge, low, self.last), (ridge, top, self.last), (ridge, top, self.first)]
        painter.polygon(surface, tiles, BUILDING, Material.ROOF)
        if style.pitched > 2.4 and dice.chance(0.5):
            self._dormers(painter)

    def _chimney(self, painter: Painter, t: float, s: float, top: float) -> None:
        color = painter.light.lit(scale(self.style.roof, 0.9), (0.0, 0.0, -1.0), 0.6)
        low, high, near = top - 1.0, top + 1.1, t - self.side * 0.4
        face = [(t - 0.4, low, s), (t + 0.4, low, s), (t + 0.4, high, s), (t - 0.4, high, s)]
        cheek = [(near, low, s), (near, low, s + 1.0), (near, high, s + 1.0), (near, high, s)]
        painter.polygon(face, color, BUILDING, Material.BRICK)
        painter.polygon(cheek, scale(color, 0.75), BUILDING, Material.BRICK)

    def _dormers(self, painter: Painter) -> None:
        side, low = float(self.side), self.height + 0.3
        wall = Wall(side * (self.front + 0.6), self.first, (0.0, 1.0), (-side, 0.0), self.last - self.first, 2.0)
        boxes = [(k * 4.0 + 1.3, k * 4.0 + 2.7, low, low + 1.5) for k in range(int(wall.length / 4.0))]
        brush = WallBrush(painter, wall, BUILDING)
        brush.fill(boxes, painter.light.lit(self.style.trim, wall.facing), Material.PLASTER)
        panes = [(a + 0.25, b - 0.25, y0 + 0.3, y1 - 0.2) for a, b, y0, y1 in boxes]
        brush.fill(panes, painter.light.lit(self.style.glass, wall.facing, 0.0), Material.GLASS)
