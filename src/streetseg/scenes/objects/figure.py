"""The human figure: limbs, head and clothes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from streetseg.scenes.light import Color, Vector
from streetseg.scenes.objects.pose import Pose
from streetseg.scenes.painter import Painter
from streetseg.scenes.palette import BLUES, BROWNS, CLOTHES, DARKS, GRAYS, HAIR, SKINS, WHITES, choose, scale
from streetseg.scenes.rng import Rng
from streetseg.scenes.street import Shade
from streetseg.scenes.texture import Material

Joint = tuple[float, float, float]  # x ahead, y up, z to the right, in units of the figure


@dataclass(frozen=True)
class Outfit:
    """The colors of a person."""

    skin: Color
    hair: Color
    top: Color
    legs: Color
    shoes: Color
    extra: Color


def draw_outfit(rng: Rng) -> Outfit:
    """Return random colors of a person. Many wear dark clothes; a few wear a luminous jacket."""
    clothes = _SOMBER if rng.chance(0.4) else CLOTHES
    return Outfit(
        skin=choose(rng, SKINS),
        hair=choose(rng, HAIR),
        top=choose(rng, LUMINOUS if rng.chance(0.07) else clothes, 0.1),
        legs=choose(rng, clothes if rng.chance(0.5) else CLOTHES[:16], 0.1),
        shoes=choose(rng, DARKS + BROWNS + WHITES),
        extra=choose(rng, CLOTHES),
    )


_SOMBER = DARKS + GRAYS[:2] + BLUES[:1] + BROWNS[:1]
LUMINOUS: tuple[Color, ...] = ((0.78, 0.9, 0.15), (0.95, 0.5, 0.12))


class Figure:
    """Paints the parts of one person, or of a bicycle in the same units.

    Args:
        unit: length of one unit of the joints, meters.
        class_id: the class of everything that is painted.
        shade: the shade of the buildings.
    """

    def __init__(self, painter: Painter, pose: Pose, unit: float, class_id: int, shade: Shade) -> None:
        self.painter, self.pose, self.unit, self.class_id = painter, pose, unit, class_id
        self.sun = shade.sunshine(pose.t, pose.s, 1.2)

    def at(self, joint: Joint) -> Vector:
        """Return the street coordinates of a joint."""
        x, y, z = joint
        return self.pose.point(x * self.unit, y * self.unit, z * self.unit)

    def lit(self, color: Color) -> Color:
        """Return the display color of a color in the light of the scene."""
        return self.painter.light.lit(color, (0.0, 0.25, -0.75), self.sun)

    def limb(
        self, a: Joint, b: Joint, radii: tuple[float, float], color: Color, material: Material = Material.CLOTH
    ) -> None:
        """Paint a rounded stick from joint to joint."""
        thick, thin = radii
        ends = (thick * self.unit, thin * self.unit)
        self.painter.limb(self.at(a), self.at(b), ends, color, self.class_id, material)

    def patch(self, corners: Sequence[Joint], color: Color) -> None:
        """Paint a flat piece of cloth."""
        self.painter.polygon([self.at(c) for c in corners], color, self.class_id, Material.CLOTH)

    def ball(self, center: Joint, radius: float, color: Color, squash: float = 1.0) -> None:
        """Paint a ball; `squash` is its height over its width."""
        self.painter.ball(self.at(center), radius * self.unit, color, self.class_id, Material.SMOOTH, squash)

    def near_side(self) -> int:
        """Return the side of the body that is nearer to the camera: -1 left, +1 right."""
        left, right = (self.painter.view(self.at((0.0, 0.5, z)))[2] for z in (-0.1, 0.1))
        return 1 if right < left else -1

    def trunk(
        self, hips: tuple[float, float], chest: tuple[float, float], breadth: tuple[float, float], color: Color
    ) -> None:
        """Paint the trunk between hips and chest, (x, y) each; `breadth` is half the width of each."""
        (hx, hy), (cx, cy), (narrow, broad) = hips, chest, breadth
        self.patch(((hx, hy, -narrow), (cx, cy, -broad), (cx, cy, broad), (hx, hy, narrow)), color)
        self.limb((hx, hy, 0.0), (cx, cy - 0.25 * broad, 0.0), (narrow, 0.7 * broad), color)

    def head(self, center: tuple[float, float], radius: float, outfit: Outfit, cap: Color | None) -> None:
        """Paint neck, head, and hair, or a cap or helmet in the color `cap`."""
        (x, y), skin, hair = center, self.lit(outfit.skin), self.lit(outfit.hair)
        neck = (0.6 * radius, 0.6 * radius)
        self.limb((x - 0.2 * radius, y - 2 * radius, 0.0), (x, y - 0.4 * radius, 0.0), neck, scale(skin, 0.8))
        from_behind = math.cos(self.pose.heading) > 0.3
        self.ball((x, y, 0.0), radius, hair if from_behind else skin, 1.25)
        self.ball((x - 0.15 * radius, y + 0.55 * radius, 0.0), 1.08 * radius, cap or hair, 0.75)
