"""Pedestrians with limbs that walk, and riders on bicycles."""

import math
from dataclasses import dataclass

from streetseg.data.scenes.body import Stance
from streetseg.data.scenes.classes import BICYCLIST, PEDESTRIAN
from streetseg.data.scenes.dice import Dice
from streetseg.data.scenes.light import Color, Vector
from streetseg.data.scenes.painter import Painter
from streetseg.data.scenes.palette import BROWNS, CARS, CLOTHES, DARKS, HAIR, SKINS, WHITES, choose, scale
from streetseg.data.scenes.shade import Shade
from streetseg.data.scenes.texture import Material

TOWARDS: Vector = (0.0, 0.25, -0.75)


@dataclass(frozen=True)
class Outfit:
    """What someone wears."""

    skin: Color
    hair: Color
    top: Color
    legs: Color
    shoes: Color
    extra: Color


def draw_outfit(dice: Dice) -> Outfit:
    """Choose clothes."""
    return Outfit(
        skin=choose(dice, SKINS),
        hair=choose(dice, HAIR),
        top=choose(dice, CLOTHES, 0.1),
        legs=choose(dice, CLOTHES if dice.chance(0.5) else CLOTHES[:16], 0.1),
        shoes=choose(dice, DARKS + BROWNS + WHITES),
        extra=choose(dice, CLOTHES),
    )


class Figure:
    """Paints the limbs of one person; all lengths are shares of the body height."""

    def __init__(self, painter: Painter, stance: Stance, height: float, label: int, sun: float) -> None:
        self.painter, self.stance, self.height, self.label, self.sun = painter, stance, height, label, sun

    def at(self, x: float, y: float, z: float) -> Vector:
        """x ahead, y up, z to the right, in body heights."""
        h = self.height
        return self.stance.point(x * h, y * h, z * h)

    def lit(self, color: Color, factor: float = 1.0) -> Color:
        """A cloth in the light."""
        return self.painter.light.lit(scale(color, factor), TOWARDS, self.sun)

    def limb(
        self, a: Vector, b: Vector, ra: float, rb: float, color: Color, material: Material = Material.CLOTH
    ) -> None:
        """A limb between two joints, radii in body heights."""
        self.painter.limb(a, b, (ra * self.height, rb * self.height), color, self.label, material)

    def nearer(self) -> int:
        """Which side of the body is nearer to the camera: -1 left, +1 right."""
        left, right = (self.painter.view(self.at(0, 0.5, z))[2] for z in (-0.1, 0.1))
        return 1 if right < left else -1

    def torso(self, hips: tuple[float, float], chest: tuple[float, float], color: Color, breadth: float) -> None:
        """Trunk from the hips (x, y) to the chest (x, y)."""
        (hx, hy), (cx, cy) = hips, chest
        corners = [(hx, hy, -0.07), (cx, cy, -breadth), (cx, cy, breadth), (hx, hy, 0.07)]
        self.painter.polygon([self.at(*c) for c in corners], color, self.label, Material.CLOTH)
        self.limb(self.at(hx, hy, 0), self.at(cx, cy - 0.03, 0), 0.068, 0.08, color)

    def head(self, x: float, y: float, outfit: Outfit, cap: Color | None) -> None:
        """Neck, head, hair; or a cap or helmet."""
        skin, hair = self.lit(outfit.skin), self.lit(outfit.hair)
        self.limb(self.at(x - 0.01, y - 0.1, 0), self.at(x, y - 0.02, 0), 0.03, 0.03, scale(skin, 0.8), Material.SMOOTH)
        radius = 0.052 * self.height
        away = math.cos(self.stance.heading) > 0.3  # one sees the back of the head
        self.painter.ball(self.at(x, y, 0), radius, hair if away else skin, self.label, Material.SMOOTH, 1.25)
        crown = cap or hair
        self.painter.ball(self.at(x - 0.008, y + 0.028, 0), radius * 1.08, crown, self.label, Material.CLOTH, 0.75)


@dataclass(frozen=True)
class Pedestrian:
    """Someone who walks or stands."""

    stance: Stance
    height: float
    stride: float  # 0 stands, 1 walks fast
    phase: float
    outfit: Outfit
    dice: Dice
    shade: Shade

    @property
    def reach(self) -> float:
        """s of the feet."""
        return self.stance.s

    def cast(self, painter: Painter) -> None:
        """A slim shadow."""
        point, h = self.stance.point, self.height
        painter.cast(
            [point(0, y, z) for y in (0.02, h * 0.9) for z in (-0.12, 0.12)] + [point(0.15, 0, 0), point(-0.15, 0, 0)]
        )
        painter.touch((point(x, 0.0, z) for x in (-0.3, 0.3) for z in (-0.22, 0.22)), 0.4)

    def paint(self, painter: Painter) -> None:
        """From the far side to the near side."""
        if not painter.sees((self.stance.t, 1.0, self.stance.s), 1.2):
            return
        dice, outfit = self.dice, self.outfit
        figure = Figure(
            painter, self.stance, self.height, PEDESTRIAN, self.shade.sunshine(self.stance.t, self.stance.s, 1.2)
        )
        near = figure.nearer()
        top, legs = figure.lit(outfit.top), figure.lit(outfit.legs)
        swing = 0.5 * self.stride * math.sin(self.phase)
        coat, skirt = dice.chance(0.25), dice.chance(0.2)
        bare = figure.lit(outfit.skin) if dice.chance(0.25) else None
        bare_legs = figure.lit(outfit.skin) if skirt and dice.chance(0.6) else legs
        for side in (-near, near):
            tint = 0.78 if side != near else 1.0
            self._leg(figure, side, swing * side, scale(bare_legs, tint), figure.lit(outfit.shoes))
            if side != near:
                self._arm(figure, side, -swing * side, scale(top, 0.78), bare, outfit)
        figure.torso((0.0, 0.47), (0.01, 0.81), top, 0.115)
        if coat or skirt:
            hem, cloth = (0.3, top) if coat else (0.33, legs)
            flare = 0.1 + 0.06 * self.stride
            corners = [(0.0, 0.6, -0.075), (-flare, hem, -0.1), (-flare, hem, 0.1), (0.0, 0.6, 0.075)]
            ahead = [(0.0, 0.6, -0.075), (flare, hem, -0.1), (flare, hem, 0.1), (0.0, 0.6, 0.075)]
            across = [(-0.05, 0.6, 0.0), (-flare, hem, 0.0), (flare, hem, 0.0), (0.05, 0.6, 0.0)]
            for shape in (corners, ahead, across):
                painter.polygon([figure.at(*c) for c in shape], cloth, PEDESTRIAN, Material.CLOTH)
        else:
            figure.limb(figure.at(0, 0.5, -0.03), figure.at(0, 0.5, 0.03), 0.068, 0.068, legs)
        if dice.chance(0.25):
            pack = figure.lit(outfit.extra)
            figure.limb(figure.at(-0.1, 0.6, 0), figure.at(-0.1, 0.76, 0), 0.075, 0.065, pack)
        self._arm(figure, near, -swing * near, top, bare, outfit)
        cap = figure.lit(outfit.extra) if dice.chance(0.25) else None
        figure.head(0.02, 0.925, outfit, cap)
        if painter.light.wet > 0.5 and dice.chance(0.35):
            self._umbrella(figure)

    def _leg(self, figure: Figure, side: int, swing: float, color: Color, shoe: Color) -> None:
        hip = (0.0, 0.49, side * 0.05)
        knee = (0.25 * math.sin(swing), 0.49 - 0.245 * math.cos(swing), side * 0.05)
        bent = swing - max(0.0, -swing) * 0.9 - 0.12 * self.stride
        ankle = (knee[0] + 0.23 * math.sin(bent), knee[1] - 0.225 * math.cos(bent), side * 0.045)
        figure.limb(figure.at(*hip), figure.at(*knee), 0.058, 0.042, color)
        figure.limb(figure.at(*knee), figure.at(*ankle), 0.042, 0.03, color)
        toe = (ankle[0] + 0.085, max(0.015, ankle[1] - 0.02), ankle[2])
        figure.limb(figure.at(*ankle), figure.at(*toe), 0.028, 0.02, shoe)

    def _arm(self, figure: Figure, side: int, swing: float, color: Color, bare: Color | None, outfit: Outfit) -> None:
        shoulder = (0.01, 0.795, side * 0.115)
        elbow = (0.01 + 0.17 * math.sin(swing), 0.795 - 0.17 * math.cos(swing), side * 0.135)
        bend = swing + 0.25 + 0.3 * self.stride
        hand = (elbow[0] + 0.15 * math.sin(bend), elbow[1] - 0.15 * math.cos(bend), side * 0.13)
        figure.limb(figure.at(*shoulder), figure.at(*elbow), 0.038, 0.03, color)
        figure.limb(figure.at(*elbow), figure.at(*hand), 0.03, 0.022, bare or color)
        figure.painter.ball(figure.at(*hand), 0.024 * self.height, figure.lit(outfit.skin), PEDESTRIAN, Material.SMOOTH)
        if side > 0 and self.dice.chance(0.25):
            bag = figure.lit(outfit.extra)
            x, y, z = hand
            corners = [
                (x - 0.07, y - 0.02, z),
                (x + 0.07, y - 0.02, z),
                (x + 0.08, y - 0.18, z),
                (x - 0.08, y - 0.18, z),
            ]
            figure.painter.polygon([figure.at(*c) for c in corners], bag, PEDESTRIAN, Material.CLOTH)
            figure.limb(figure.at(x, y - 0.06, z), figure.at(x, y - 0.15, z), 0.035, 0.045, bag)

    def _umbrella(self, figure: Figure) -> None:
        color = figure.lit(choose(self.dice, CLOTHES + CARS))
        figure.limb(figure.at(0.05, 0.7, 0.08), figure.at(0.03, 1.12, 0.05), 0.008, 0.008, figure.lit(DARKS[0]))
        dome = [(0.28 * math.cos(a * math.pi / 8), 0.17 * math.sin(a * math.pi / 8)) for a in range(9)]
        figure.painter.blob(
            figure.at(0.03, 1.0, 0.05), self.height, [(x, -y) for x, y in dome], color, PEDESTRIAN, Material.CLOTH
        )


@dataclass(frozen=True)
class Bicyclist:
    """Someone on a bicycle."""

    stance: Stance
    height: float
    phase: float
    outfit: Outfit
    frame: Color
    dice: Dice
    shade: Shade

    @property
    def reach(self) -> float:
        """s of the pedals."""
        return self.stance.s

    def cast(self, painter: Painter) -> None:
        """Shadow of rider and wheels."""
        point = self.stance.point
        painter.cast(point(x, y, z) for x, y in ((-0.2, 0.9), (0.3, 1.7), (0.0, 0.3)) for z in (-0.18, 0.18))
        for x in (-0.48, 0.58):
            painter.cast(point(x + 0.33 * c, 0.34 + 0.33 * s, 0.0) for c, s in _WHEEL[::2])
        painter.cast([point(-0.5, 0.0, -0.03), point(0.6, 0.0, 0.03), point(0.6, 0.0, -0.03), point(-0.5, 0.0, 0.03)])
        painter.touch((point(x, 0.0, z) for x in (-0.8, 0.9) for z in (-0.2, 0.2)), 0.35)

    def paint(self, painter: Painter) -> None:
        """Far leg, bicycle, near leg, rider."""
        if not painter.sees((self.stance.t, 1.0, self.stance.s), 1.3):
            return
        dice, outfit = self.dice, self.outfit
        sun = self.shade.sunshine(self.stance.t, self.stance.s, 1.2)
        figure = Figure(painter, self.stance, 1.0, BICYCLIST, sun)
        near, lean = figure.nearer(), dice.uniform(0.12, 0.42)
        top, legs, shoe = figure.lit(outfit.top), figure.lit(outfit.legs), figure.lit(outfit.shoes)
        size = self.height / 1.75
        hips, chest = (-0.17, 0.98), (-0.17 + lean, 0.98 + 0.52 * size)
        self._leg(figure, hips, -near, self.phase + math.pi, scale(legs, 0.75), shoe)
        self._arm(figure, chest, -near, scale(top, 0.75), outfit)
        self._bicycle(figure, near)
        self._leg(figure, hips, near, self.phase, legs, shoe)
        color = top
        corners = [
            (hips[0], hips[1], -0.12),
            (chest[0], chest[1], -0.2),
            (chest[0], chest[1], 0.2),
            (hips[0], hips[1], 0.12),
        ]
        painter.polygon([figure.at(*c) for c in corners], color, BICYCLIST, Material.CLOTH)
        figure.limb(figure.at(hips[0], hips[1], 0), figure.at(chest[0], chest[1] - 0.05, 0), 0.13, 0.14, color)
        if dice.chance(0.3):
            pack = figure.lit(outfit.extra)
            figure.limb(figure.at(-0.2 + lean * 0.4, 1.22, 0), figure.at(-0.26 + lean, 1.42, 0), 0.13, 0.12, pack)
        self._arm(figure, chest, near, top, outfit)
        helmet = figure.lit(outfit.extra) if dice.chance(0.55) else None
        big = Figure(painter, self.stance, self.height, BICYCLIST, sun)
        big.head((chest[0] + 0.08) / self.height, (chest[1] + 0.2 * size) / self.height, outfit, helmet)

    def _leg(
        self, figure: Figure, hips: tuple[float, float], side: int, turn: float, color: Color, shoe: Color
    ) -> None:
        """Hip, knee and foot on its pedal: two links of known length, the knee ahead."""
        z = side * 0.1
        foot = (0.02 + 0.17 * math.cos(turn), 0.30 + 0.17 * math.sin(turn))
        dx, dy = foot[0] - hips[0], foot[1] - hips[1]
        reach = math.sqrt(dx * dx + dy * dy)
        link = max(0.44, reach / 2 + 0.01)
        bulge = math.sqrt(link * link - reach * reach / 4)
        knee = (hips[0] + dx / 2 - dy / reach * bulge, hips[1] + dy / 2 + dx / reach * bulge)
        figure.limb(figure.at(hips[0], hips[1], z), figure.at(knee[0], knee[1], z), 0.095, 0.07, color)
        figure.limb(figure.at(knee[0], knee[1], z), figure.at(foot[0], foot[1] + 0.05, z), 0.068, 0.045, color)
        figure.limb(
            figure.at(foot[0] - 0.06, foot[1] + 0.02, z), figure.at(foot[0] + 0.14, foot[1], z), 0.04, 0.03, shoe
        )

    def _arm(self, figure: Figure, chest: tuple[float, float], side: int, color: Color, outfit: Outfit) -> None:
        shoulder = (chest[0], chest[1] - 0.02, side * 0.19)
        hand = (0.42, 1.04, side * 0.24)
        elbow = ((shoulder[0] + hand[0]) / 2 - 0.05, (shoulder[1] + hand[1]) / 2 - 0.06, side * 0.27)
        figure.limb(figure.at(*shoulder), figure.at(*elbow), 0.06, 0.05, color)
        figure.limb(figure.at(*elbow), figure.at(*hand), 0.05, 0.035, color)
        figure.painter.ball(figure.at(*hand), 0.045, figure.lit(outfit.skin), BICYCLIST, Material.SMOOTH)

    def _bicycle(self, figure: Figure, near: int) -> None:
        painter, at = figure.painter, figure.at
        dark = figure.lit((0.09, 0.09, 0.1))
        frame = figure.lit(self.frame)
        for x in (-0.48, 0.58):
            rim = [at(x + 0.33 * c, 0.34 + 0.33 * s, 0.0) for c, s in _WHEEL]
            painter.wire([*rim, rim[0]], 0.055, dark, BICYCLIST, Material.SMOOTH)
            painter.limb(at(x, 0.02, 0), at(x, 0.66, 0), (0.022, 0.022), dark, BICYCLIST, Material.SMOOTH)
            for c, s in _WHEEL[::4]:
                spoke = (at(x, 0.34, 0.0), at(x + 0.33 * c, 0.34 + 0.33 * s, 0.0))
                painter.wire(spoke, 0.008, scale(dark, 2.0), BICYCLIST, Material.SMOOTH)
        crank, rear, front = (0.02, 0.30), (-0.48, 0.34), (0.58, 0.34)
        seat, head = (-0.17, 0.9), (0.40, 0.88)
        for (ax, ay), (bx, by) in (
            (crank, seat),
            (crank, head),
            (seat, head),
            (rear, crank),
            (rear, seat),
            (front, head),
        ):
            painter.limb(at(ax, ay, 0), at(bx, by, 0), (0.024, 0.024), frame, BICYCLIST, Material.PAINT)
        painter.limb(at(-0.28, 0.95, 0), at(-0.06, 0.95, 0), (0.05, 0.03), dark, BICYCLIST, Material.SMOOTH)
        painter.limb(at(0.40, 0.88, 0), at(0.42, 1.04, 0), (0.022, 0.022), frame, BICYCLIST, Material.PAINT)
        painter.limb(at(0.42, 1.04, -0.26), at(0.42, 1.04, 0.26), (0.022, 0.022), dark, BICYCLIST, Material.SMOOTH)
        if self.dice.chance(0.4):
            basket = figure.lit(self.outfit.extra)
            painter.limb(
                at(-0.5, 0.6, near * 0.12), at(-0.5, 0.8, near * 0.12), (0.12, 0.12), basket, BICYCLIST, Material.CLOTH
            )


def draw_pedestrian(stance: Stance, dice: Dice, shade: Shade) -> Pedestrian:
    """A child or a grown-up, mostly walking."""
    height = dice.uniform(1.05, 1.45) if dice.chance(0.12) else dice.uniform(1.55, 1.9)
    stride = dice.uniform(0.5, 1.0) if dice.chance(0.8) else 0.0
    return Pedestrian(stance, height, stride, dice.uniform(0, 2 * math.pi), draw_outfit(dice), dice.child(), shade)


def draw_bicyclist(stance: Stance, dice: Dice, shade: Shade) -> Bicyclist:
    """A rider."""
    frame = choose(dice, CARS)
    return Bicyclist(
        stance, dice.uniform(1.6, 1.88), dice.uniform(0, 2 * math.pi), draw_outfit(dice), frame, dice.child(), shade
    )


_WHEEL = [(math.cos(k * math.pi / 12), math.sin(k * math.pi / 12)) for k in range(24)]
