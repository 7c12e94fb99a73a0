"""Buildings: walls, roofs, chimneys and dormers."""

from dataclasses import dataclass

from streetseg.scenes.canvas import BUILDING
from streetseg.scenes.objects.facades import Facade, Style
from streetseg.scenes.objects.wall import Wall, WallBrush
from streetseg.scenes.painter import Painter
from streetseg.scenes.palette import scale
from streetseg.scenes.rng import Rng
from streetseg.scenes.street import Lot, Shade
from streetseg.scenes.texture import Material


@dataclass(frozen=True)
class Building:
    """The house on a lot. Its front is `front` meters from the middle of the road; it is `depth` meters deep.

    A house at a corner has a second front along the crossing street.
    """

    lot: Lot
    front: float
    depth: float
    style: Style
    rng: Rng
    shade: Shade

    @property
    def reach(self) -> float:
        """s of its far end, so that it is painted before the things in front of it."""
        return self.lot.last

    def cast(self, painter: Painter) -> None:
        """Paint its shadow."""
        side, first, last, height, *_ = self.lot
        near, far = side * self.front, side * (self.front + min(self.depth, 14.0))
        top, first = height + 0.5 * self.style.pitched, max(first, -25.0)
        painter.cast((t, y, s) for t in (near, far) for y in (0.0, top) for s in (first, last))
        painter.touch(((t, 0.0, s) for t in (near, near - side * 0.5) for s in (first, last)), 0.3)

    def paint(self, painter: Painter) -> None:
        """Paint roof, end wall and front."""
        lot, style, front = self.lot, self.style, self.lot.side * self.front
        side = float(lot.side)
        end_in_view = lot.first > painter.camera.position[2]
        if style.pitched:
            self._roof(painter, end_in_view)
        if end_in_view and lot.beside < lot.height:  # otherwise the neighboring house hides it
            end = Wall(front, lot.first, (side, 0.0), (0.0, -1.0), self.depth, lot.height)
            blank = lot.beside > 0 or (not lot.corner and self.rng.chance(0.7))
            Facade(painter, end, style, self._shaded(end), self.rng).paint(blank)
        street = Wall(front, lot.first, (0.0, 1.0), (-side, 0.0), lot.last - lot.first, lot.height)
        Facade(painter, street, style, self._shaded(street), self.rng).paint(blank=False)

    def _shaded(self, wall: Wall) -> float:
        t, _, s = wall.point(min(wall.length / 2, 8.0), 0.0, 0.3)
        return self.shade.line(t, s)

    def _roof(self, painter: Painter, end_in_view: bool) -> None:
        style, rng, (side, first, last, eaves, *_) = self.style, self.rng, self.lot
        front, ridge = side * self.front, side * (self.front + min(self.depth / 2, 5.0))
        top = eaves + style.pitched
        for _ in range(rng.integer(0, 3)):
            self._chimney(painter, ridge, rng.uniform(first, last), top)
        if end_in_view:
            gable = painter.light.lit(style.base, (0.0, 0.0, -1.0), self.shade.sunshine(front, first, eaves))
            back = side * (self.front + min(self.depth, 10.0))
            triangle = [(front, eaves, first), (ridge, top, first), (back, eaves, first)]
            painter.polygon(triangle, gable, BUILDING, style.material)
        run = abs(ridge - front)
        slope = (run * run + style.pitched * style.pitched) ** 0.5
        tiles = painter.light.lit(style.roof, (-side * style.pitched / slope, run / slope, 0.0))
        edge, low = front - side * 0.35, eaves - 0.15
        surface = [(edge, low, first), (edge, low, last), (ridge, top, last), (ridge, top, first)]
        painter.polygon(surface, tiles, BUILDING, Material.ROOF)
        if style.pitched > 2.4 and rng.chance(0.5):
            self._dormers(painter)

    def _chimney(self, painter: Painter, t: float, s: float, top: float) -> None:
        color = painter.light.lit(scale(self.style.roof, 0.9), (0.0, 0.0, -1.0), 0.6)
        low, high, near = top - 1.0, top + 1.1, t - self.lot.side * 0.4
        face = [(t - 0.4, low, s), (t + 0.4, low, s), (t + 0.4, high, s), (t - 0.4, high, s)]
        for k in range(self.rng.integer(0, 4)):
            pot = (t - 0.25 + 0.2 * k, high, s + 0.2), (t - 0.25 + 0.2 * k, high + 0.45, s + 0.2)
            painter.limb(*pot, (0.09, 0.07), scale(color, 1.2), BUILDING, Material.BRICK)
        cheek = [(near, low, s), (near, low, s + 1.0), (near, high, s + 1.0), (near, high, s)]
        painter.polygon(face, color, BUILDING, Material.BRICK)
        painter.polygon(cheek, scale(color, 0.75), BUILDING, Material.BRICK)

    def _dormers(self, painter: Painter) -> None:
        side, low = float(self.lot.side), self.lot.height + 0.3
        wall = Wall(
            side * (self.front + 0.6), self.lot.first, (0.0, 1.0), (-side, 0.0), self.lot.last - self.lot.first, 2.0
        )
        boxes = [(k * 4.0 + 1.3, k * 4.0 + 2.7, low, low + 1.5) for k in range(int(wall.length / 4.0))]
        brush = WallBrush(painter, wall, BUILDING)
        brush.fill(boxes, painter.light.lit(self.style.trim, wall.facing), Material.PLASTER)
        panes = [(a + 0.25, b - 0.25, y0 + 0.3, y1 - 0.2) for a, b, y0, y1 in boxes]
        brush.fill(panes, painter.light.lit(self.style.glass, wall.facing, 0.0), Material.GLASS)
