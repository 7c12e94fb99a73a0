"""Street furniture: posts, signs, direction boards, and bins, which belong to no class."""

import math

from streetseg.scenes.canvas import IGNORE, POLE, SIGN
from streetseg.scenes.light import Color
from streetseg.scenes.objects.posts import Beacon, Bollard, Lamp, Mast, Post, TrafficLight
from streetseg.scenes.painter import Painter
from streetseg.scenes.palette import (
    BLUES,
    BROWNS,
    DARKS,
    GRAYS,
    GREENS,
    POLES,
    REDS,
    WHITES,
    YELLOWS,
    choose,
    scale,
    vary,
)
from streetseg.scenes.rng import Rng
from streetseg.scenes.street import Shade
from streetseg.scenes.texture import Material

Outline = list[tuple[float, float]]  # (across, up), 1 is half the size of the plate


class SignPost(Post):
    """A post with one to three signs."""

    def details(self, painter: Painter) -> None:
        """Paint the upright and its signs."""
        self.upright(painter)
        rng = self.rng
        y = self.height - 0.05
        turned = rng.bell(0.0, 0.35)
        for _ in range(rng.pick((1, 1, 2, 3))):
            size = rng.uniform(0.16, 0.48)
            self._plate(painter, y - size, size, turned, back=rng.chance(0.18))
            y -= 2 * size + 0.05
            if y < 1.6:
                break

    def _plate(self, painter: Painter, y: float, size: float, turned: float, back: bool) -> None:
        """Paint one sign: a round, triangular, square or octagonal plate with its symbol, turned about the post."""
        rng = self.rng
        across, deep = math.cos(turned), math.sin(turned)

        def face(points: Outline, color: Color, shrink: float = 1.0, material: Material = Material.PAINT) -> None:
            r = size * shrink
            outline = [self.at(a * r * across, y + b * r, a * r * deep - 0.08) for a, b in points]
            painter.polygon(outline, self.lit(painter, color), SIGN, material)

        kind = rng.pick(
            ("ban", "order", "warning", "stop", "priority", "info", "arrow", "notice"), (4, 3, 3, 1, 1, 3, 2, 4)
        )
        if back:
            shape = _TRIANGLE if kind == "warning" else _SQUARE if kind in ("info", "arrow") else _CIRCLE
            face(shape, vary(rng, (0.6, 0.61, 0.62)), material=Material.METAL)
            return
        red, white = vary(rng, (0.76, 0.10, 0.12)), (0.92, 0.92, 0.9)
        blue, dark, yellow = vary(rng, (0.08, 0.25, 0.62)), (0.1, 0.1, 0.11), (0.95, 0.75, 0.12)
        match kind:
            case "ban":
                face(_CIRCLE, red)
                face(_CIRCLE, white, 0.72)
                face(_BAR if rng.chance(0.6) else _DIGITS, dark if rng.chance(0.6) else red, 0.6)
            case "order":
                face(_CIRCLE, blue)
                face(_ARROW, white, 0.75)
            case "warning":
                face(_TRIANGLE, red)
                face(_TRIANGLE, white if rng.chance(0.7) else yellow, 0.62)
                face(_DIGITS, dark, 0.35)
            case "stop":
                face(_OCTAGON, red)
                face(_BAR, white, 0.75)
            case "priority":
                face(_DIAMOND, white)
                face(_DIAMOND, yellow, 0.7)
            case "info":
                face(_SQUARE, choose(rng, (blue, *GREENS[:2], *WHITES)))
                face(_DIGITS if rng.chance(0.5) else _TRIANGLE, white if rng.chance(0.7) else dark, 0.6)
            case "notice":
                base = choose(rng, WHITES + YELLOWS + GREENS + BLUES + REDS)
                ink = dark if sum(base) > 1.5 else white
                shape = _SQUARE if rng.chance(0.4) else _TALL if rng.chance(0.6) else _WIDE
                face(shape, base)
                for row in range(rng.integer(1, 4)):
                    y = 0.6 - 0.38 * row
                    face([(-0.5, y), (rng.uniform(0.0, 0.5), y), (0.4, y - 0.2), (-0.5, y - 0.2)], ink)
            case "arrow":
                face(_STRIP, choose(rng, (white, yellow, blue, *GREENS[:2])))
                face(_BAR, dark, 0.8)


class Board(Post):
    """A direction board on two posts."""

    def details(self, painter: Painter) -> None:
        """Paint the posts, the board and its lettering."""
        rng = self.rng
        wide, high = rng.uniform(0.7, 2.6), rng.uniform(0.6, 2.0)
        color = self.lit(painter, self.color)
        for dt in (-wide * 0.35, wide * 0.35):
            painter.limb(self.at(dt, 0), self.at(dt, self.height), (0.06, 0.06), color, POLE, Material.METAL)
        base = choose(rng, (*BLUES[:2], *GREENS[:2], *WHITES, *YELLOWS, *BROWNS[:1], *REDS))
        ink = (0.93, 0.93, 0.92) if sum(base) < 1.7 else (0.1, 0.1, 0.1)
        top, low = self.height + 0.1, self.height + 0.1 - high

        def patch(left: float, right: float, bottom: float, top: float, tint: Color) -> None:
            self.rectangle(painter, (left, right, bottom, top), self.lit(painter, tint), -0.1)

        patch(-wide / 2, wide / 2, low, top, ink)
        patch(-wide / 2 + 0.06, wide / 2 - 0.06, low + 0.06, top - 0.06, base)
        for line in range(int(high / 0.4)):
            y = top - 0.32 - 0.4 * line
            a = -wide * 0.4
            while a < wide * rng.uniform(0.1, 0.4):
                letter = rng.uniform(0.08, 0.25)
                patch(a, a + letter, y, y + 0.17, ink)
                a += letter + 0.06


_CIRCLE = [(math.cos(k * math.pi / 8), math.sin(k * math.pi / 8)) for k in range(16)]
_OCTAGON = [(math.cos((k + 0.5) * math.pi / 4), math.sin((k + 0.5) * math.pi / 4)) for k in range(8)]
_TRIANGLE = [(-1.0, -0.75), (1.0, -0.75), (0.0, 0.95)]
_SQUARE = [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]
_TALL = [(-0.8, -1.3), (0.8, -1.3), (0.8, 0.9), (-0.8, 0.9)]
_WIDE = [(-1.5, -0.8), (1.5, -0.8), (1.5, 0.8), (-1.5, 0.8)]
_STRIP = [(-1.4, -0.4), (1.2, -0.4), (1.6, 0.0), (1.2, 0.4), (-1.4, 0.4)]
_DIAMOND = [(0.0, -1.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)]
_BAR = [(-1.0, -0.22), (1.0, -0.22), (1.0, 0.22), (-1.0, 0.22)]
_DIGITS = [(-0.6, -0.7), (-0.1, -0.7), (-0.1, 0.2), (0.1, 0.2), (0.1, -0.7), (0.6, -0.7), (0.6, 0.7), (-0.6, 0.7)]
_ARROW = [(-0.2, -0.9), (0.2, -0.9), (0.2, 0.0), (0.6, 0.0), (0.0, 0.9), (-0.6, 0.0), (-0.2, 0.0)]


class Bin(Post):
    """A bin. It belongs to no class of street-11 and is ignored."""

    def details(self, painter: Painter) -> None:
        """Paint body and lid."""
        body, r, top = self.lit(painter, self.color), self.thickness, self.height
        sides = ((-r, 0.1), (r, 0.1), (r * 1.15, top), (-r * 1.15, top))
        painter.polygon([self.at(a, y) for a, y in sides], body, IGNORE, Material.PAINT)
        lid = ((-r * 1.2, top), (r * 1.2, top), (r * 0.9, top + 0.12), (-r * 0.9, top + 0.12))
        painter.polygon([self.at(a, y) for a, y in lid], scale(body, 0.6), IGNORE, Material.PAINT)


Range = tuple[float, float]

# name -> Python class, range of heights, range of radii of the upright, colors
_KINDS: dict[str, tuple[type[Post], Range, Range, tuple[Color, ...]]] = {
    "lamp": (Lamp, (4.5, 10.0), (0.05, 0.12), POLES),
    "mast": (Mast, (6.5, 9.0), (0.11, 0.16), BROWNS + GRAYS),
    "bollard": (Bollard, (0.75, 1.1), (0.06, 0.11), POLES + REDS),
    "beacon": (Beacon, (2.4, 3.0), (0.05, 0.08), DARKS + WHITES),
    "traffic light": (TrafficLight, (2.9, 4.2), (0.06, 0.09), POLES),
    "sign": (SignPost, (2.2, 3.2), (0.035, 0.06), POLES),
    "board": (Board, (2.4, 3.4), (0.06, 0.06), GRAYS),
    "bin": (Bin, (0.9, 1.2), (0.25, 0.45), DARKS + GREENS + GRAYS + BLUES + BROWNS + YELLOWS),
}


def draw_furniture(kind: str, side: int, t: float, s: float, rng: Rng, shade: Shade) -> Post:
    """Return a piece of street furniture of a kind at (t, s), with random dimensions and color."""
    post_class, heights, radii, colors = _KINDS["beacon" if kind == "bollard" and rng.chance(0.05) else kind]
    height, thickness = rng.uniform(*heights), rng.uniform(*radii)
    return post_class(side, t, s, height, thickness, choose(rng, colors), rng.child(), shade)
