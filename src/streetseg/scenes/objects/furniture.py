"""Street furniture by name: posts, signs, and bins, which belong to no class."""

from streetseg.scenes.canvas import IGNORE
from streetseg.scenes.light import Color
from streetseg.scenes.objects.posts import Bollard, Lamp, Mast, Post, TrafficLight
from streetseg.scenes.objects.signs import Board, SignPost
from streetseg.scenes.painter import Painter
from streetseg.scenes.palette import BLUES, BROWNS, DARKS, GREENS, GREYS, POLES, REDS, YELLOWS, choose, scale
from streetseg.scenes.rng import Dice
from streetseg.scenes.street import Shade
from streetseg.scenes.texture import Material


class Bin(Post):
    """A bin: a thing of the street that no class of street-11 names."""

    def details(self, painter: Painter) -> None:
        """Body and lid."""
        body, r, top = self.lit(painter, self.color), self.thickness, self.height
        sides = ((-r, 0.1), (r, 0.1), (r * 1.15, top), (-r * 1.15, top))
        painter.polygon([self.at(a, y) for a, y in sides], body, IGNORE, Material.PAINT)
        lid = ((-r * 1.2, top), (r * 1.2, top), (r * 0.9, top + 0.12), (-r * 0.9, top + 0.12))
        painter.polygon([self.at(a, y) for a, y in lid], scale(body, 0.6), IGNORE, Material.PAINT)


Range = tuple[float, float]

# name -> class, heights, radii of the upright, colours
_KINDS: dict[str, tuple[type[Post], Range, Range, tuple[Color, ...]]] = {
    "lamp": (Lamp, (4.5, 8.5), (0.07, 0.12), POLES),
    "mast": (Mast, (6.5, 9.0), (0.11, 0.16), BROWNS + GREYS),
    "bollard": (Bollard, (0.75, 1.1), (0.06, 0.11), POLES + REDS),
    "traffic light": (TrafficLight, (2.9, 4.2), (0.06, 0.09), POLES),
    "sign": (SignPost, (2.2, 3.2), (0.035, 0.06), POLES),
    "board": (Board, (2.4, 3.4), (0.06, 0.06), GREYS),
    "bin": (Bin, (0.9, 1.2), (0.25, 0.45), DARKS + GREENS + GREYS + BLUES + BROWNS + YELLOWS),
}


def draw_furniture(kind: str, side: int, t: float, s: float, dice: Dice, shade: Shade) -> Post:
    """A piece of street furniture of a kind at (t, s); its measures and colour are drawn."""
    made, heights, radii, colors = _KINDS[kind]
    height, thickness = dice.uniform(*heights), dice.uniform(*radii)
    return made(side, t, s, height, thickness, choose(dice, colors), dice.child(), shade)
