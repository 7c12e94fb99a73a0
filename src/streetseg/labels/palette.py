"""Colours for classes that nobody gave one."""

import colorsys
from collections.abc import Iterable, Iterator
from itertools import count

from streetseg.labels.space import Color

_GOLDEN = 0.618034  # steps of this share of the circle never come close to an earlier one soon


def fresh_colors(taken: Iterable[Color]) -> Iterator[Color]:
    """Endless colours that differ from each other and from those taken, always the same ones in the same order."""
    used = set(taken)
    for i in count():
        red, green, blue = colorsys.hsv_to_rgb(i * _GOLDEN % 1, 0.85 - i // 7 % 3 * 0.25, 0.95 - i // 21 % 3 * 0.25)
        color = round(red * 255), round(green * 255), round(blue * 255)
        if color not in used:
            used.add(color)
            yield color
