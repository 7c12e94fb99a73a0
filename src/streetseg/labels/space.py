"""A label space: names and colors of class ids; and generated colors for classes without one."""

import colorsys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count

Color = tuple[int, int, int]

IGNORE_INDEX = 255
_GOLDEN = 0.618034  # golden ratio: steps of this share of the color circle keep hues far apart


@dataclass(frozen=True)
class LabelSpace:
    """Names and colors of the class ids 0..C-1.

    Args:
        name: name of the space in recipes, bundles and reports, e.g. "street-11".
        names: one name per class, in id order.
        colors: one sRGB triple (0..255) per class, in id order.
        ignore_index: the id of pixels that are neither trained on nor scored.

    Raises:
        ValueError: names and colors differ in number, a name repeats, or there are more classes than ids.
    """

    name: str
    names: tuple[str, ...]
    colors: tuple[Color, ...]
    ignore_index: int = IGNORE_INDEX

    def __post_init__(self) -> None:
        if len(self.names) != len(self.colors):
            raise ValueError(f"{self.name}: {len(self.names)} names but {len(self.colors)} colors")
        if len(set(self.names)) != len(self.names):
            raise ValueError(f"{self.name}: a class name repeats")
        if not 1 <= len(self.names) <= self.ignore_index:
            raise ValueError(f"{self.name}: {len(self.names)} classes, ids 0..{self.ignore_index - 1} are free")

    @classmethod
    def of(cls, name: str, *classes: tuple[str, Color]) -> "LabelSpace":
        """Return the space of (name, color) pairs in id order."""
        return cls(name, tuple(name for name, _ in classes), tuple(color for _, color in classes))

    @property
    def num_classes(self) -> int:
        """C, the number of classes."""
        return len(self.names)


def fresh_colors(taken: Iterable[Color]) -> Iterator[Color]:
    """Yield colors that differ from each other and from `taken`, without end, in a fixed order."""
    used = set(taken)
    for i in count():
        red, green, blue = colorsys.hsv_to_rgb(i * _GOLDEN % 1, 0.85 - i // 7 % 3 * 0.25, 0.95 - i // 21 % 3 * 0.25)
        color = round(red * 255), round(green * 255), round(blue * 255)
        if color not in used:
            used.add(color)
            yield color
