"""Pedestrians, walking or standing."""

import math
from dataclasses import dataclass

from streetseg.scenes.canvas import PEDESTRIAN
from streetseg.scenes.light import Color
from streetseg.scenes.objects.figure import Figure, Joint, Outfit, draw_outfit
from streetseg.scenes.objects.pose import Pose
from streetseg.scenes.painter import Painter
from streetseg.scenes.palette import CARS, CLOTHES, DARKS, choose, scale
from streetseg.scenes.rng import Rng
from streetseg.scenes.street import Shade
from streetseg.scenes.texture import Material


@dataclass(frozen=True)
class Pedestrian:
    """A person who walks or stands.

    Args:
        height: height in meters; the coordinates of joints are shares of it.
        stride: 0 (stands) to 1 (walks fast).
        phase: phase of the step, radians.
    """

    pose: Pose
    height: float
    stride: float
    phase: float
    outfit: Outfit
    rng: Rng
    shade: Shade

    @property
    def reach(self) -> float:
        """s of the feet."""
        return self.pose.s

    def cast(self, painter: Painter) -> None:
        """Paint a slim shadow."""
        point, top = self.pose.point, self.height * 0.9
        feet = [point(x, 0.0, 0.0) for x in (-0.15, 0.15)]
        painter.cast(feet + [point(0.0, y, z) for y in (0.02, top) for z in (-0.12, 0.12)])
        painter.touch((point(x, 0.0, z) for x in (-0.3, 0.3) for z in (-0.22, 0.22)), 0.4)

    def paint(self, painter: Painter) -> None:
        """Paint the body from its far side to its near side."""
        if not painter.sees((self.pose.t, 1.0, self.pose.s), 1.2):
            return
        rng, outfit = self.rng, self.outfit
        figure = Figure(painter, self.pose, self.height, PEDESTRIAN, self.shade)
        near, swing = figure.near_side(), 0.5 * self.stride * math.sin(self.phase)
        top, legs, skin = figure.lit(outfit.top), figure.lit(outfit.legs), figure.lit(outfit.skin)
        sleeves = skin if rng.chance(0.25) else top
        clothes = rng.pick(("trousers", "coat", "skirt"), (6, 2, 2))
        leg_color = skin if clothes == "skirt" and rng.chance(0.6) else legs
        self._leg(figure, -near, -swing * near, scale(leg_color, 0.78))
        self._arm(figure, -near, swing * near, scale(top, 0.78), scale(sleeves, 0.78))
        self._leg(figure, near, swing * near, leg_color)
        stout = rng.uniform(0.85, 1.3)
        figure.trunk((0.0, 0.47), (0.01, 0.81), (0.07 * stout, 0.115 * stout), top)
        if clothes == "trousers":
            figure.limb((0.0, 0.5, -0.03), (0.0, 0.5, 0.03), (0.068, 0.068), legs)
        else:
            self._skirts(figure, 0.3, top if clothes == "coat" else legs)
        if rng.chance(0.25):
            figure.limb((-0.1, 0.6, 0.0), (-0.1, 0.76, 0.0), (0.075, 0.065), figure.lit(outfit.extra))
        self._arm(figure, near, -swing * near, top, sleeves)
        figure.head((0.02, 0.925), 0.052, outfit, figure.lit(outfit.extra) if rng.chance(0.25) else None)
        if rng.chance(0.2):
            self._shoulder_bag(figure, near)
        if painter.light.wet > 0.5 and rng.chance(0.35):
            self._umbrella(figure)

    def _leg(self, figure: Figure, side: int, swing: float, color: Color) -> None:
        z = side * 0.05
        knee = (0.25 * math.sin(swing), 0.49 - 0.245 * math.cos(swing), z)
        shin = swing - max(0.0, -swing) * 0.9 - 0.12 * self.stride
        ankle = (knee[0] + 0.23 * math.sin(shin), knee[1] - 0.225 * math.cos(shin), z)
        toe = (ankle[0] + 0.085, max(0.015, ankle[1] - 0.02), z)
        figure.limb((0.0, 0.49, z), knee, (0.058, 0.042), color)
        figure.limb(knee, ankle, (0.042, 0.03), color)
        figure.limb(ankle, toe, (0.028, 0.02), figure.lit(self.outfit.shoes))

    def _arm(self, figure: Figure, side: int, swing: float, color: Color, sleeve: Color) -> None:
        shoulder = (0.01, 0.795, side * 0.115)
        elbow = (0.01 + 0.17 * math.sin(swing), 0.795 - 0.17 * math.cos(swing), side * 0.135)
        bend = swing + 0.25 + 0.3 * self.stride
        hand = (elbow[0] + 0.15 * math.sin(bend), elbow[1] - 0.15 * math.cos(bend), side * 0.13)
        figure.limb(shoulder, elbow, (0.038, 0.03), color)
        figure.limb(elbow, hand, (0.03, 0.022), sleeve)
        figure.ball(hand, 0.024, figure.lit(self.outfit.skin))
        if side > 0 and self.rng.chance(0.25):
            self._bag(figure, hand)

    def _bag(self, figure: Figure, hand: Joint) -> None:
        (x, y, z), color = hand, figure.lit(self.outfit.extra)
        figure.patch(((x - 0.07, y, z), (x + 0.07, y, z), (x + 0.08, y - 0.18, z), (x - 0.08, y - 0.18, z)), color)
        figure.limb((x, y - 0.06, z), (x, y - 0.15, z), (0.035, 0.045), color)

    def _shoulder_bag(self, figure: Figure, side: int) -> None:
        color, z = figure.lit(choose(self.rng, CLOTHES + CARS)), side * 0.15
        figure.limb((0.0, 0.8, side * 0.08), (0.0, 0.5, z), (0.01, 0.01), scale(color, 0.7))
        figure.limb((-0.06, 0.45, z), (0.06, 0.45, z), (0.06, 0.06), color)

    def _skirts(self, figure: Figure, hem: float, color: Color) -> None:
        """Paint cloth from the waist to the hem, as three planes, so that it has a width from every side."""
        flare, waist = 0.1 + 0.06 * self.stride, 0.6
        for out in (-flare, flare):
            figure.patch(((0.0, waist, -0.075), (out, hem, -0.1), (out, hem, 0.1), (0.0, waist, 0.075)), color)
        figure.patch(((-0.05, waist, 0.0), (-flare, hem, 0.0), (flare, hem, 0.0), (0.05, waist, 0.0)), color)

    def _umbrella(self, figure: Figure) -> None:
        figure.limb((0.05, 0.7, 0.08), (0.03, 1.12, 0.05), (0.008, 0.008), figure.lit(DARKS[0]))
        color = figure.lit(choose(self.rng, CLOTHES + CARS))
        dome = [(0.28 * math.cos(k * math.pi / 8), -0.17 * math.sin(k * math.pi / 8)) for k in range(9)]
        figure.painter.blob(figure.at((0.03, 1.0, 0.05)), self.height, dome, color, PEDESTRIAN, Material.CLOTH)


def draw_pedestrian(pose: Pose, rng: Rng, shade: Shade) -> Pedestrian:
    """Return a random child or adult, usually walking."""
    height = rng.uniform(1.05, 1.45) if rng.chance(0.12) else rng.uniform(1.55, 1.9)
    stride = rng.uniform(0.5, 1.0) if rng.chance(0.8) else 0.0
    outfit = draw_outfit(rng)
    return Pedestrian(pose, height, stride, rng.uniform(0, 2 * math.pi), outfit, rng.child(), shade)
