"""Posts: lamps, masts, bollards, traffic lights."""

from dataclasses import dataclass

from streetseg.scenes.canvas import POLE, SIGN
from streetseg.scenes.light import Color, Vector
from streetseg.scenes.painter import Painter
from streetseg.scenes.palette import DARKS, GREENS, REDS, WHITES, YELLOWS, choose, scale
from streetseg.scenes.rng import Rng
from streetseg.scenes.street import Shade
from streetseg.scenes.texture import Material

Rectangle = tuple[float, float, float, float]

TOWARD: Vector = (0.0, 0.1, -1.0)  # normal of a face that faces the camera


@dataclass(frozen=True)
class Post:
    """A slim thing at (t, s) on the left (-1) or right (+1) side of the road; subclasses paint it.

    `thickness` is the radius of its upright, meters.
    """

    side: int
    t: float
    s: float
    height: float
    thickness: float
    color: Color
    rng: Rng
    shade: Shade

    @property
    def reach(self) -> float:
        """s of its foot."""
        return self.s

    def cast(self, painter: Painter) -> None:
        """Paint a thin shadow."""
        r = self.thickness
        painter.cast((self.t + a, y, self.s + b) for a in (-r, r) for b in (-r, r) for y in (0.0, self.height))
        foot = max(0.18, 2.5 * r)
        painter.touch(((self.t + a, 0.0, self.s + b) for a in (-foot, foot) for b in (-foot, foot)), 0.35)

    def paint(self, painter: Painter) -> None:
        """Paint it if it is in the image."""
        if painter.sees(self.at(0.0, self.height / 2), self.height / 2 + 4.5):
            self.details(painter)

    def details(self, painter: Painter) -> None:
        """Paint the upright and everything that is fixed to it."""
        raise NotImplementedError

    def lit(self, painter: Painter, color: Color) -> Color:
        """Return the display color of a color in the light at this spot."""
        return painter.light.lit(color, TOWARD, 0.7 * self.shade.sunshine(self.t, self.s, 1.5))

    def at(self, dt: float, y: float, ds: float = 0.0) -> Vector:
        """Return the point dt to the right of the foot, y up and ds farther along the street."""
        return (self.t + dt, y, self.s + ds)

    def rectangle(self, painter: Painter, sides: Rectangle, color: Color, ds: float) -> None:
        """Paint a plate of class sign symbol across the street; `sides` are left, right, bottom, top."""
        left, right, bottom, top = sides
        corners = ((left, bottom), (right, bottom), (right, top), (left, top))
        painter.polygon([self.at(dt, y, ds) for dt, y in corners], color, SIGN, Material.PAINT)

    def upright(self, painter: Painter, taper: float = 0.8) -> None:
        """Paint the pole, with a lit edge so that it looks round."""
        color, r = self.lit(painter, self.color), self.thickness
        distance = painter.view(self.at(0, 1))[2]
        r = max(r, 0.9 / max(painter.pixels(1.0, distance), 1e-6))  # at least two canvas pixels wide
        painter.limb(self.at(0, 0), self.at(0, self.height), (r, r * taper), color, POLE, Material.METAL)
        rim = r + 1.0 / max(painter.pixels(1.0, distance), 1e-6)  # each pixel that the pole touches is pole
        corners = ((-rim, 0.0), (rim, 0.0), (rim, self.height), (-rim, self.height))
        painter.claim([[self.at(dt, y) for dt, y in corners]], POLE)
        if painter.pixels(r, distance) > 2.5:
            edge = 1 if painter.light.to_sun[0] > 0 else -1
            bright, dark = scale(color, 1.3), scale(color, 0.65)
            for at, tint in ((edge * 0.55, bright), (-edge * 0.6, dark)):
                foot, top = self.at(at * r, 0), self.at(at * r * taper, self.height)
                painter.limb(foot, top, (r * 0.35, r * 0.3), tint, POLE, Material.METAL)


class Lamp(Post):
    """A street lamp: a lantern on an arm over the road, or a globe on top."""

    def details(self, painter: Painter) -> None:
        """Paint the upright, its wide foot, the arm and the lantern."""
        self.upright(painter, self.rng.uniform(0.5, 1.0))
        if self.rng.chance(0.4):
            foot, knee = self.rng.uniform(1.3, 1.9) * self.thickness, self.at(0, self.rng.uniform(0.8, 1.6))
            painter.limb(self.at(0, 0), knee, (foot, foot), self.lit(painter, self.color), POLE, Material.METAL)
        color, r = self.lit(painter, self.color), self.thickness
        arm = -self.side * self.rng.uniform(0.3, 2.4)
        top = self.height
        if self.rng.chance(0.25):
            self._lantern(painter, self.at(0, top + 0.2), 0.28, 1.0)
            return
        painter.limb(self.at(0, top - 0.1), self.at(arm, top + 0.35), (r * 0.6, r * 0.5), color, POLE, Material.METAL)
        head = [self.at(arm * 0.9, top + 0.3), self.at(arm * 1.3, top + 0.4), self.at(arm * 1.3, top + 0.25)]
        painter.polygon([*head, self.at(arm * 0.9, top + 0.12)], scale(color, 0.85), POLE, Material.METAL)
        self._lantern(painter, self.at(arm * 1.1, top + 0.18), 0.14, 0.5)

    def _lantern(self, painter: Painter, center: Vector, radius: float, squash: float) -> None:
        on = painter.light.night > 0.2
        glass = (1.0, 0.93, 0.7) if on else self.lit(painter, (0.75, 0.75, 0.7))
        painter.ball(center, radius, glass, POLE, Material.SMOOTH, squash)
        if on:
            painter.shine(center, 2.5 * radius, (1.0, 0.8, 0.45))


class Mast(Post):
    """A wooden mast with crossbars."""

    def details(self, painter: Painter) -> None:
        """Paint the upright and the crossbars."""
        self.upright(painter)
        color = self.lit(painter, scale(self.color, 0.9))
        for y in (0.4, 1.1):
            bar = self.at(-0.9, self.height - y), self.at(0.9, self.height - y)
            painter.limb(*bar, (0.07, 0.07), color, POLE, Material.BARK)


class Bollard(Post):
    """A short post with a band."""

    def details(self, painter: Painter) -> None:
        """Paint the upright and the band."""
        self.upright(painter, 1.0)
        band = self.lit(painter, choose(self.rng, WHITES + REDS + DARKS))
        ends = (self.thickness, self.thickness)
        for k in range(self.rng.integer(0, 2)):
            y = self.height * (0.8 - 0.3 * k)
            painter.limb(self.at(0, y - 0.05), self.at(0, y + 0.05), ends, band, POLE, Material.PAINT)


class Beacon(Post):
    """A post in black and white bands with an amber globe, which marks a crossing."""

    def details(self, painter: Painter) -> None:
        """Paint the upright, the bands and the globe."""
        self.upright(painter, 1.0)
        color, r = self.lit(painter, self.rng.pick(WHITES + DARKS[:1])), self.thickness
        band = self.height / 8
        for k in range(0, 8, 2):
            painter.limb(self.at(0, band * k), self.at(0, band * (k + 1)), (r, r), color, POLE, Material.PAINT)
        globe = self.lit(painter, (0.95, 0.62, 0.12))
        painter.ball(self.at(0, self.height + 0.12), 0.17, globe, SIGN, Material.SMOOTH)


class TrafficLight(Post):
    """A post with a signal head (a sign symbol), sometimes with a second one on an arm over the road."""

    def details(self, painter: Painter) -> None:
        """Paint the upright, the arm and the signal heads."""
        self.upright(painter)
        rng = self.rng
        heads = [(0.0, self.height - 0.3)]
        if rng.chance(0.35):
            arm = -self.side * rng.uniform(2.0, 4.5)
            color = self.lit(painter, self.color)
            tip = self.at(arm, self.height + 0.3)
            painter.limb(self.at(0, self.height), tip, (0.07, 0.05), color, POLE, Material.METAL)
            heads.append((arm, self.height + 0.2))
        facing = rng.chance(0.8)
        lamp = rng.integer(0, 2)
        for dt, y in heads:
            self._signal_head(painter, dt, y, lamp if facing else None)

    def _signal_head(self, painter: Painter, dt: float, y: float, lamp: int | None) -> None:
        body = self.lit(painter, choose(self.rng, DARKS * 3 + YELLOWS[:1] + GREENS[3:4]))
        w, ahead = 0.17, -0.1
        if self.rng.chance(0.5):
            if self.rng.chance(0.5):
                white = self.lit(painter, WHITES[0])
                self.rectangle(painter, (dt - 0.34, dt + 0.34, y - 1.14, y + 0.16), white, ahead)
            self.rectangle(painter, (dt - 0.3, dt + 0.3, y - 1.1, y + 0.12), scale(body, 0.7), ahead)
        self.rectangle(painter, (dt - w, dt + w, y - 0.95, y), body, ahead)
        lenses = ((1.0, 0.16, 0.1), (1.0, 0.68, 0.1), (0.15, 0.95, 0.6))
        for k, lens in enumerate(lenses):
            center = self.at(dt, y - 0.17 - 0.3 * k, ahead - 0.02)
            on = lamp == k
            painter.ball(center, 0.11, lens if on else scale(lens, 0.16), SIGN, Material.SMOOTH)
            if on:
                painter.shine(center, 0.35, lens)
