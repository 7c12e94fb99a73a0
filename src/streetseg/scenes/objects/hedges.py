"""Clipped hedges, and distant woods."""

from dataclasses import dataclass

from streetseg.scenes.canvas import TREE
from streetseg.scenes.light import Color, Vector
from streetseg.scenes.objects.trees import TUFTS
from streetseg.scenes.painter import Painter
from streetseg.scenes.palette import scale
from streetseg.scenes.rng import Rng
from streetseg.scenes.street import Shade
from streetseg.scenes.texture import Material


@dataclass(frozen=True)
class Hedge:
    """A clipped hedge from s = first to last. It begins at t and is `width` meters thick, away from the road."""

    t: float
    first: float
    last: float
    side: int
    width: float
    height: float
    leaf: Color
    rng: Rng
    shade: Shade

    @property
    def reach(self) -> float:
        """s of its far end."""
        return self.last

    def cast(self, painter: Painter) -> None:
        """Paint its shadow."""
        outer = self.t + self.side * self.width
        points = [(t, y, s) for t in (self.t, outer) for y in (0.0, self.height) for s in (self.first, self.last)]
        painter.cast(points)
        painter.touch(((t, 0.0, s) for t in (self.t - self.side * 0.2, outer) for s in (self.first, self.last)), 0.3)

    def paint(self, painter: Painter) -> None:
        """Paint the body as a box, then tufts along its edge and on its face."""
        rng, light = self.rng, painter.light
        outer = self.t + self.side * self.width
        sun = self.shade.sunshine(self.t, (self.first + self.last) / 2, self.height)
        front = light.lit(self.leaf, (-float(self.side), 0.0, 0.0), sun)
        end = light.lit(scale(self.leaf, 0.85), (0.0, 0.0, -1.0), sun)
        a, b, h = self.first, self.last, self.height
        painter.polygon(
            [(self.t, h, a), (outer, h, a), (outer, h, b), (self.t, h, b)],
            light.lit(self.leaf, (0.0, 1.0, 0.0), sun),
            TREE,
            Material.LEAVES,
        )
        painter.polygon([(self.t, 0, a), (self.t, 0, b), (self.t, h, b), (self.t, h, a)], front, TREE, Material.LEAVES)
        painter.polygon([(self.t, 0, a), (outer, 0, a), (outer, h, a), (self.t, h, a)], end, TREE, Material.LEAVES)
        s = b
        while s > a:
            size = rng.uniform(0.12, 0.25)
            y = h if rng.chance(0.6) else rng.uniform(0.2, h)
            color = scale(front, rng.uniform(0.8, 1.2))
            painter.blob((self.t, y, s), size, rng.pick(TUFTS), color, TREE, Material.LEAVES)
            s -= rng.uniform(0.2, 0.6) if s < 25 else 2.0


@dataclass(frozen=True)
class Woods:
    """A ragged line of distant trees that hides the horizon."""

    s: float
    leaf: Color
    rng: Rng

    @property
    def reach(self) -> float:
        """s of the line."""
        return self.s

    def cast(self, painter: Painter) -> None:
        """Paint nothing: the shadow is too far away to be visible."""

    def paint(self, painter: Painter) -> None:
        """Paint one outline across the whole view."""
        rng, wide = self.rng, 500.0
        color = painter.light.lit(self.leaf, (0.0, 0.4, -0.6), 0.6)
        tops: list[Vector] = []
        t, height = -wide, rng.uniform(6.0, 14.0)
        while t < wide:
            tops.append((t, height + rng.uniform(-1.5, 1.5), self.s))
            height = min(18.0, max(4.0, height + rng.bell(0.0, 1.2)))
            t += rng.uniform(3.0, 8.0)
        painter.polygon([(-wide, 0.0, self.s), *tops, (wide, 0.0, self.s)], color, TREE, Material.LEAVES_FAR)
