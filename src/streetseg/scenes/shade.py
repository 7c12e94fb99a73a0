"""Which spots of the street the sun reaches over the roofs."""

from dataclasses import dataclass

from streetseg.scenes.light import Light
from streetseg.scenes.street import Street

Row = tuple[tuple[float, float, float], ...]  # (first s, last s, height) of the buildings on one side


@dataclass(frozen=True)
class Shade:
    """The skyline of both sides against the sun."""

    light: Light
    street: Street
    left: Row
    right: Row

    def line(self, t: float, s: float) -> float:
        """Height up to which the spot (t, s) lies in the shade of the buildings on the sunny side; 0 or below: none."""
        x, y, z = self.light.to_sun
        if max(self.light.sun) <= 0.0:
            return 1000.0
        side = 1 if x > 0 else -1
        away = (side * self.street.front(side) - t) / x if abs(x) > 1e-3 else 1000.0
        if away < 0:
            return 0.0
        there = s + away * z
        row = self.right if side > 0 else self.left
        roof = max((height for first, last, height in row if first <= there <= last), default=0.0)
        return roof - away * y

    def sunshine(self, t: float, s: float, y: float = 0.9) -> float:
        """1 where the sun reaches the spot, else 0."""
        return 0.0 if self.line(t, s) > y else 1.0
