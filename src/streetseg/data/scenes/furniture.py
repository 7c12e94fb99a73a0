"""Poles: lamps, masts, bollards, traffic lights; sign posts; bins and benches, which belong to no class."""

import math
from dataclasses import dataclass

from streetseg.data.scenes.classes import IGNORE, POLE, SIGN
from streetseg.data.scenes.dice import Dice
from streetseg.data.scenes.light import Color, Vector
from streetseg.data.scenes.painter import Painter
from streetseg.data.scenes.palette import (
    BLUES,
    BROWNS,
    DARKS,
    GREENS,
    GREYS,
    POLES,
    REDS,
    WHITES,
    YELLOWS,
    choose,
    scale,
    vary,
)
from streetseg.data.scenes.shade import Shade
from streetseg.data.scenes.texture import Material

TOWARDS: Vector = (0.0, 0.1, -1.0)  # normal of what faces the camera


@dataclass(frozen=True)
class Furniture:
    """Something slim at (t, s) on the pavement of a side; `kind` says what."""

    kind: str
    side: int
    t: float
    s: float
    height: float
    thickness: float
    color: Color
    dice: Dice
    shade: Shade

    @property
    def reach(self) -> float:
        """s of its foot."""
        return self.s

    def cast(self, painter: Painter) -> None:
        """A thin shadow."""
        r = self.thickness
        painter.cast((self.t + a, y, self.s + b) for a in (-r, r) for b in (-r, r) for y in (0.0, self.height))
        foot = max(0.18, 2.5 * r)
        painter.touch(((self.t + a, 0.0, self.s + b) for a in (-foot, foot) for b in (-foot, foot)), 0.35)

    def paint(self, painter: Painter) -> None:
        """Paint it."""
        if not painter.sees((self.t, self.height / 2, self.s), self.height / 2 + 3.0):
            return
        match self.kind:
            case "lamp":
                self._lamp(painter)
            case "mast":
                self._mast(painter)
            case "bollard":
                self._bollard(painter)
            case "traffic light":
                self._traffic_light(painter)
            case "sign":
                self._sign_post(painter)
            case "board":
                self._board(painter)
            case "bin":
                self._bin(painter)

    def _lit(self, painter: Painter, color: Color) -> Color:
        return painter.light.lit(color, TOWARDS, 0.7 * self.shade.sunshine(self.t, self.s, 1.5))

    def _at(self, dt: float, y: float, ds: float = 0.0) -> Vector:
        return (self.t + dt, y, self.s + ds)

    def _post(self, painter: Painter, height: float, taper: float = 0.8) -> None:
        """The upright, with a lit edge so that it looks round."""
        color, r = self._lit(painter, self.color), self.thickness
        distance = painter.view(self._at(0, 1))[2]
        r = max(r, 0.9 / max(painter.pixels(1.0, distance), 1e-6))  # never thinner than two canvas pixels
        painter.limb(self._at(0, 0), self._at(0, height), (r, r * taper), color, POLE, Material.METAL)
        if painter.pixels(r, distance) > 2.5:
            edge = 1 if painter.light.to_sun[0] > 0 else -1
            bright, dark = scale(color, 1.3), scale(color, 0.65)
            for at, tint in ((edge * 0.55, bright), (-edge * 0.6, dark)):
                foot, top = self._at(at * r, 0), self._at(at * r * taper, height)
                painter.limb(foot, top, (r * 0.35, r * 0.3), tint, POLE, Material.METAL)

    def _lamp(self, painter: Painter) -> None:
        self._post(painter, self.height, 0.6)
        color, r = self._lit(painter, self.color), self.thickness
        arm = -self.side * self.dice.uniform(0.9, 2.4)
        top = self.height
        if self.dice.chance(0.25):
            self._lantern(painter, self._at(0, top + 0.2), 0.28, 1.0)
            return
        painter.limb(self._at(0, top - 0.1), self._at(arm, top + 0.35), (r * 0.6, r * 0.5), color, POLE, Material.METAL)
        head = [self._at(arm * 0.9, top + 0.3), self._at(arm * 1.3, top + 0.4), self._at(arm * 1.3, top + 0.25)]
        painter.polygon([*head, self._at(arm * 0.9, top + 0.12)], scale(color, 0.85), POLE, Material.METAL)
        self._lantern(painter, self._at(arm * 1.1, top + 0.18), 0.14, 0.5)

    def _lantern(self, painter: Painter, center: Vector, radius: float, squash: float) -> None:
        on = painter.light.night > 0.2
        glass = (1.0, 0.93, 0.7) if on else self._lit(painter, (0.75, 0.75, 0.7))
        painter.ball(center, radius, glass, POLE, Material.SMOOTH, squash)
        if on:
            painter.shine(center, 2.5 * radius, (1.0, 0.8, 0.45))

    def _mast(self, painter: Painter) -> None:
        """A wooden mast with a crossbar."""
        self._post(painter, self.height)
        color = self._lit(painter, scale(self.color, 0.9))
        for y in (0.4, 1.1):
            bar = self._at(-0.9, self.height - y), self._at(0.9, self.height - y)
            painter.limb(*bar, (0.07, 0.07), color, POLE, Material.BARK)

    def _bollard(self, painter: Painter) -> None:
        self._post(painter, self.height, 1.0)
        band = self._lit(painter, choose(self.dice, WHITES + REDS + DARKS))
        y = self.height * 0.8
        ends = (self.thickness, self.thickness)
        painter.limb(self._at(0, y - 0.05), self._at(0, y + 0.05), ends, band, POLE, Material.PAINT)

    def _traffic_light(self, painter: Painter) -> None:
        self._post(painter, self.height)
        dice = self.dice
        heads = [(0.0, self.height - 0.3)]
        if dice.chance(0.35):
            arm = -self.side * dice.uniform(2.0, 4.5)
            color = self._lit(painter, self.color)
            painter.limb(
                self._at(0, self.height), self._at(arm, self.height + 0.3), (0.07, 0.05), color, POLE, Material.METAL
            )
            heads.append((arm, self.height + 0.2))
        facing = dice.chance(0.8)
        lamp = dice.integer(0, 2)
        for dt, y in heads:
            self._signal_head(painter, dt, y, lamp if facing else None)

    def _signal_head(self, painter: Painter, dt: float, y: float, lamp: int | None) -> None:
        body = self._lit(painter, choose(self.dice, DARKS * 3 + YELLOWS[:1] + GREENS[3:4]))
        w, ahead = 0.17, -0.1
        if self.dice.chance(0.4):
            box = [
                self._at(dt + a, b, ahead)
                for a, b in ((-0.3, y - 1.1), (0.3, y - 1.1), (0.3, y + 0.12), (-0.3, y + 0.12))
            ]
            painter.polygon(box, scale(body, 0.7), SIGN, Material.PAINT)
        box = [self._at(dt + a, b, ahead) for a, b in ((-w, y - 0.95), (w, y - 0.95), (w, y), (-w, y))]
        painter.polygon(box, body, SIGN, Material.PAINT)
        lenses = ((1.0, 0.16, 0.1), (1.0, 0.68, 0.1), (0.15, 0.95, 0.6))
        for k, lens in enumerate(lenses):
            center = self._at(dt, y - 0.17 - 0.3 * k, ahead - 0.02)
            on = lamp == k
            painter.ball(center, 0.11, lens if on else scale(lens, 0.16), SIGN, Material.SMOOTH)
            if on:
                painter.shine(center, 0.35, lens)

    # --- signs ------------------------------------------------------------------------------------------------------

    def _sign_post(self, painter: Painter) -> None:
        self._post(painter, self.height)
        dice = self.dice
        y = self.height - 0.05
        turned = dice.bell(0.0, 0.35)
        for _ in range(dice.pick((1, 1, 2, 3))):
            size = dice.uniform(0.26, 0.42)
            self._plate(painter, y - size, size, turned, back=dice.chance(0.18))
            y -= 2 * size + 0.05
            if y < 1.6:
                break

    def _plate(self, painter: Painter, y: float, size: float, turned: float, back: bool) -> None:
        """One sign: a round, triangular, square or eight-sided plate with its symbol, turned about the post."""
        dice = self.dice
        across, deep = math.cos(turned), math.sin(turned)

        def face(
            points: list[tuple[float, float]], color: Color, shrink: float = 1.0, material: Material = Material.PAINT
        ) -> None:
            outline = [
                self._at(a * size * shrink * across, y + b * size * shrink, -0.08 + a * size * deep) for a, b in points
            ]
            painter.polygon(outline, self._lit(painter, color), SIGN, material)

        kind = dice.pick(("ban", "order", "warning", "stop", "priority", "info", "arrow"), (4, 3, 3, 1, 1, 3, 2))
        if back:
            shape = _TRIANGLE if kind == "warning" else _SQUARE if kind in ("info", "arrow") else _CIRCLE
            face(shape, vary(dice, (0.6, 0.61, 0.62)), material=Material.METAL)
            return
        red, white = vary(dice, (0.76, 0.10, 0.12)), (0.92, 0.92, 0.9)
        blue, dark, yellow = vary(dice, (0.08, 0.25, 0.62)), (0.1, 0.1, 0.11), (0.95, 0.75, 0.12)
        match kind:
            case "ban":
                face(_CIRCLE, red)
                face(_CIRCLE, white, 0.72)
                face(_BAR if dice.chance(0.6) else _DIGITS, dark if dice.chance(0.6) else red, 0.6)
            case "order":
                face(_CIRCLE, blue)
                face(_ARROW, white, 0.75)
            case "warning":
                face(_TRIANGLE, red)
                face(_TRIANGLE, white if dice.chance(0.7) else yellow, 0.62)
                face(_DIGITS, dark, 0.35)
            case "stop":
                face(_OCTAGON, red)
                face(_BAR, white, 0.75)
            case "priority":
                face(_DIAMOND, white)
                face(_DIAMOND, yellow, 0.7)
            case "info":
                face(_SQUARE, choose(dice, (blue, *GREENS[:2], *WHITES)))
                face(_DIGITS if dice.chance(0.5) else _TRIANGLE, white if dice.chance(0.7) else dark, 0.6)
            case "arrow":
                face(_STRIP, choose(dice, (white, yellow, blue, *GREENS[:2])))
                face(_BAR, dark, 0.8)

    def _board(self, painter: Painter) -> None:
        """A direction board on two posts."""
        dice = self.dice
        wide, high = dice.uniform(1.2, 2.6), dice.uniform(0.8, 1.6)
        color = self._lit(painter, self.color)
        for dt in (-wide * 0.35, wide * 0.35):
            painter.limb(self._at(dt, 0), self._at(dt, self.height), (0.06, 0.06), color, POLE, Material.METAL)
        base = choose(dice, (*BLUES[:2], *GREENS[:2], *WHITES, *YELLOWS[:1], *BROWNS[:1]))
        ink = (0.93, 0.93, 0.92) if sum(base) < 1.7 else (0.1, 0.1, 0.1)
        top, low = self.height + 0.1, self.height + 0.1 - high

        def patch(a: float, b: float, y0: float, y1: float, tint: Color) -> None:
            outline = [self._at(u, y, -0.1) for u, y in ((a, y0), (b, y0), (b, y1), (a, y1))]
            painter.polygon(outline, self._lit(painter, tint), SIGN, Material.PAINT)

        patch(-wide / 2, wide / 2, low, top, ink)
        patch(-wide / 2 + 0.06, wide / 2 - 0.06, low + 0.06, top - 0.06, base)
        for line in range(int(high / 0.4)):
            y = top - 0.32 - 0.4 * line
            a = -wide * 0.4
            while a < wide * dice.uniform(0.1, 0.4):
                letter = dice.uniform(0.08, 0.25)
                patch(a, a + letter, y, y + 0.17, ink)
                a += letter + 0.06

    # --- without a class --------------------------------------------------------------------------------------------

    def _bin(self, painter: Painter) -> None:
        body, r = self._lit(painter, self.color), self.thickness
        sides = [(-r, 0.1), (r, 0.1), (r * 1.15, self.height), (-r * 1.15, self.height)]
        painter.polygon([self._at(a, y) for a, y in sides], body, IGNORE, Material.PAINT)
        lid = [
            (-r * 1.2, self.height),
            (r * 1.2, self.height),
            (r * 0.9, self.height + 0.12),
            (-r * 0.9, self.height + 0.12),
        ]
        painter.polygon([self._at(a, y) for a, y in lid], scale(body, 0.6), IGNORE, Material.PAINT)


def draw_furniture(kind: str, side: int, t: float, s: float, dice: Dice, shade: Shade) -> Furniture:
    """A piece of street furniture of a kind."""
    height, thickness, colors = {
        "lamp": ((4.5, 8.5), (0.07, 0.12), POLES),
        "mast": ((6.5, 9.0), (0.11, 0.16), BROWNS + GREYS),
        "bollard": ((0.75, 1.1), (0.06, 0.11), POLES + REDS),
        "traffic light": ((2.9, 4.2), (0.06, 0.09), POLES),
        "sign": ((2.2, 3.2), (0.035, 0.06), POLES),
        "board": ((2.4, 3.4), (0.06, 0.06), GREYS),
        "bin": ((0.9, 1.2), (0.25, 0.45), DARKS + GREENS + GREYS + BLUES + BROWNS + YELLOWS),
    }[kind]
    return Furniture(
        kind, side, t, s, dice.uniform(*height), dice.uniform(*thickness), choose(dice, colors), dice.child(), shade
    )


_CIRCLE = [(math.cos(k * math.pi / 8), math.sin(k * math.pi / 8)) for k in range(16)]
_OCTAGON = [(math.cos((k + 0.5) * math.pi / 4), math.sin((k + 0.5) * math.pi / 4)) for k in range(8)]
_TRIANGLE = [(-1.0, -0.75), (1.0, -0.75), (0.0, 0.95)]
_SQUARE = [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]
_STRIP = [(-1.4, -0.4), (1.2, -0.4), (1.6, 0.0), (1.2, 0.4), (-1.4, 0.4)]
_DIAMOND = [(0.0, -1.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)]
_BAR = [(-1.0, -0.22), (1.0, -0.22), (1.0, 0.22), (-1.0, 0.22)]
_DIGITS = [(-0.6, -0.7), (-0.1, -0.7), (-0.1, 0.2), (0.1, 0.2), (0.1, -0.7), (0.6, -0.7), (0.6, 0.7), (-0.6, 0.7)]
_ARROW = [(-0.2, -0.9), (0.2, -0.9), (0.2, 0.0), (0.6, 0.0), (0.0, 0.9), (-0.6, 0.0), (-0.2, 0.0)]
