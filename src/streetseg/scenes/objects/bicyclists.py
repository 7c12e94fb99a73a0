"""Bicyclists: rider and bicycle, which are one class."""

import math
from dataclasses import dataclass

from streetseg.scenes.canvas import BICYCLIST
from streetseg.scenes.light import Color
from streetseg.scenes.objects.figure import Figure, Outfit, draw_outfit
from streetseg.scenes.objects.pose import Pose
from streetseg.scenes.painter import Painter
from streetseg.scenes.palette import BROWNS, CARS, DARKS, GRAYS, choose, scale
from streetseg.scenes.rng import Rng
from streetseg.scenes.street import Shade
from streetseg.scenes.texture import Material

Spot = tuple[float, float]  # x ahead, y up in the plane of the bicycle, meters

REAR, FRONT, CRANK = (-0.48, 0.34), (0.58, 0.34), (0.02, 0.30)
SADDLE, HEAD, BAR = (-0.17, 0.92), (0.40, 0.88), (0.42, 1.04)
TUBES = ((CRANK, SADDLE), (CRANK, HEAD), (SADDLE, HEAD), (REAR, CRANK), (REAR, SADDLE), (FRONT, HEAD), (HEAD, BAR))


@dataclass(frozen=True)
class Bicyclist:
    """A person on a bicycle.

    Args:
        height: height of the rider, meters.
        phase: angle of the pedals, radians.
        frame: color of the bicycle.
    """

    pose: Pose
    height: float
    phase: float
    outfit: Outfit
    frame: Color
    rng: Rng
    shade: Shade

    @property
    def reach(self) -> float:
        """s of the pedals."""
        return self.pose.s

    def cast(self, painter: Painter) -> None:
        """Paint the shadow of rider and wheels."""
        point = self.pose.point
        painter.cast(point(x, y, z) for x, y in ((-0.2, 0.9), (0.3, 1.7), (0.0, 0.3)) for z in (-0.18, 0.18))
        for x, y in (REAR, FRONT):
            painter.cast(point(x + 0.33 * c, y + 0.33 * s, 0.0) for c, s in _WHEEL[::2])
        painter.cast(point(x, 0.0, z) for x in (-0.5, 0.6) for z in (-0.03, 0.03))
        painter.touch((point(x, 0.0, z) for x in (-0.8, 0.9) for z in (-0.2, 0.2)), 0.35)

    def paint(self, painter: Painter) -> None:
        """Paint far limbs, bicycle, near leg, trunk, near arm and head, in this order."""
        if not painter.sees((self.pose.t, 1.0, self.pose.s), 1.3):
            return
        rng, outfit = self.rng, self.outfit
        figure = Figure(painter, self.pose, 1.0, BICYCLIST, self.shade)
        near, size = figure.near_side(), self.height / 1.75
        lean = rng.uniform(0.06, 0.46)
        stout = rng.uniform(0.85, 1.25)
        hips, chest = (-0.17, 0.98), (-0.17 + lean, 0.98 + 0.52 * size)
        top, legs = figure.lit(outfit.top), figure.lit(outfit.legs)
        self._leg(figure, hips, -near, self.phase + math.pi, scale(legs, 0.75))
        self._arm(figure, chest, -near, scale(top, 0.75))
        self._bicycle(figure)
        self._leg(figure, hips, near, self.phase, legs)
        figure.trunk(hips, chest, (0.12 * stout, 0.2 * stout), top)
        if rng.chance(0.3):
            pack = figure.lit(outfit.extra)
            figure.limb((lean * 0.4 - 0.2, 1.22, 0.0), (lean - 0.26, 1.42, 0.0), (0.13, 0.12), pack)
        self._arm(figure, chest, near, top)
        helmet = figure.lit(outfit.extra) if rng.chance(0.55) else None
        figure.head((chest[0] + 0.08, chest[1] + 0.2 * size), 0.09 * size, outfit, helmet)

    def _leg(self, figure: Figure, hips: Spot, side: int, turn: float, color: Color) -> None:
        """Paint a leg from the hips to its pedal: thigh and shin of equal length, with the knee ahead."""
        z = side * 0.1
        x, y = CRANK[0] + 0.17 * math.cos(turn), CRANK[1] + 0.17 * math.sin(turn)
        dx, dy = x - hips[0], y - hips[1]
        apart = math.sqrt(dx * dx + dy * dy)
        link = max(0.44, apart / 2 + 0.01)
        bulge = math.sqrt(link * link - apart * apart / 4) / apart
        knee = (hips[0] + dx / 2 - dy * bulge, hips[1] + dy / 2 + dx * bulge, z)
        figure.limb((hips[0], hips[1], z), knee, (0.095, 0.07), color)
        figure.limb(knee, (x, y + 0.05, z), (0.068, 0.045), color)
        figure.limb((x - 0.06, y + 0.02, z), (x + 0.14, y, z), (0.04, 0.03), figure.lit(self.outfit.shoes))

    def _arm(self, figure: Figure, chest: Spot, side: int, color: Color) -> None:
        shoulder, hand = (chest[0], chest[1] - 0.02, side * 0.19), (BAR[0], BAR[1], side * 0.24)
        elbow = ((shoulder[0] + hand[0]) / 2 - 0.05, (shoulder[1] + hand[1]) / 2 - 0.06, side * 0.27)
        figure.limb(shoulder, elbow, (0.06, 0.05), color)
        figure.limb(elbow, hand, (0.05, 0.035), color)
        figure.ball(hand, 0.045, figure.lit(self.outfit.skin))

    def _bicycle(self, figure: Figure) -> None:
        dark, frame = figure.lit((0.09, 0.09, 0.1)), figure.lit(self.frame)
        for hub in (REAR, FRONT):
            self._wheel(figure, hub, dark)
        figure.painter.claim(
            [
                *([figure.at((x + 0.33 * c, y + 0.33 * s, 0.0)) for c, s in _WHEEL[::2]] for x, y in (REAR, FRONT)),
                [figure.at((x, y, 0.0)) for x, y in (REAR, CRANK, FRONT, HEAD, SADDLE)],
            ],
            BICYCLIST,
        )
        for (ax, ay), (bx, by) in TUBES:
            figure.limb((ax, ay, 0.0), (bx, by, 0.0), (0.024, 0.024), frame, Material.PAINT)
        figure.limb((-0.28, 0.95, 0.0), (-0.06, 0.95, 0.0), (0.05, 0.03), dark, Material.SMOOTH)
        figure.limb((BAR[0], BAR[1], -0.26), (BAR[0], BAR[1], 0.26), (0.022, 0.022), dark, Material.SMOOTH)
        self._luggage(figure)

    def _luggage(self, figure: Figure) -> None:
        """Paint a bag on the carrier, panniers beside the rear wheel, a basket at the bars, and a rear lamp."""
        rng, color = self.rng, figure.lit(self.outfit.extra)
        if rng.chance(0.3):
            figure.limb((-0.5, 0.6, 0.0), (-0.5, 0.8, 0.0), (0.12, 0.12), color)
        if rng.chance(0.25):
            for z in (-0.16, 0.16):
                figure.limb((-0.5, 0.4, z), (-0.5, 0.58, z), (0.13, 0.13), scale(color, 0.8))
        if rng.chance(0.25):
            basket = figure.lit(choose(rng, BROWNS + DARKS + GRAYS))
            figure.limb((0.62, 0.82, 0.0), (0.62, 1.0, 0.0), (0.14, 0.17), basket)
        if rng.chance(0.5):
            figure.ball((-0.62, 0.7, 0.0), 0.04, (0.9, 0.12, 0.1))

    def _wheel(self, figure: Figure, hub: Spot, color: Color) -> None:
        """Paint tire and spokes, and a stick for the tire seen edge on, which has no width as a circle."""
        (x, y), painter = hub, figure.painter
        rim = [figure.at((x + 0.33 * c, y + 0.33 * s, 0.0)) for c, s in _WHEEL]
        painter.wire([*rim, rim[0]], 0.055, color, BICYCLIST, Material.SMOOTH)
        figure.limb((x, 0.02, 0.0), (x, 0.66, 0.0), (0.022, 0.022), color, Material.SMOOTH)
        for end in rim[::4]:
            painter.wire((figure.at((x, y, 0.0)), end), 0.008, scale(color, 2.0), BICYCLIST, Material.SMOOTH)


def draw_bicyclist(pose: Pose, rng: Rng, shade: Shade) -> Bicyclist:
    """Return a random bicyclist."""
    height, phase, outfit = rng.uniform(1.6, 1.88), rng.uniform(0, 2 * math.pi), draw_outfit(rng)
    return Bicyclist(pose, height, phase, outfit, choose(rng, CARS), rng.child(), shade)


_WHEEL = [(math.cos(k * math.pi / 12), math.sin(k * math.pi / 12)) for k in range(24)]
