"""The canvas: one stroke paints color, class and material together, so that they cannot disagree.

The classes are the ids of street-11 by name.
"""

from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from streetseg.labels.space import IGNORE_INDEX
from streetseg.labels.tables import STREET_11
from streetseg.scenes.texture import Material

SKY, BUILDING, POLE, ROAD, PAVEMENT, TREE, SIGN, FENCE, CAR, PEDESTRIAN, BICYCLIST = range(STREET_11.num_classes)
IGNORE = IGNORE_INDEX
OVERSAMPLING = 2  # the canvas is this many times finer than the image: soft color edges, hard label edges

Path = list[float]  # x0, y0, x1, y1, ... in canvas pixels


# What a stroke leaves: red, green, blue 0..255, and class and material in one byte. The byte is the X of Pillow's mode
# RGBX: drawn like a color, but without a meaning to Pillow.
Ink = tuple[int, int, int, int]


def mark(label: int, material: Material) -> int:
    """Class and material in one byte; the ignore index 255 becomes 15, which is no class of street-11."""
    return (label & 15) << 4 | material


_LABEL_OF_MARK = np.array([IGNORE if m >> 4 == 15 else m >> 4 for m in range(256)], np.uint8)


class Canvas:
    """An image of (height, width) in the making, at `OVERSAMPLING` times its resolution."""

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height, width
        blank = (0, 0, 0, mark(SKY, Material.SKY))
        self._image = Image.new("RGBX", (width * OVERSAMPLING, height * OVERSAMPLING), blank)
        self._draw = ImageDraw.Draw(self._image)

    def polygon(self, path: Path, ink: Ink) -> None:
        """Fill a polygon."""
        self._draw.polygon(path, ink)

    def line(self, path: Path, ink: Ink, width: float) -> None:
        """Draw a polyline; at least one canvas pixel wide."""
        whole = max(1, round(width))
        self._draw.line(path, ink, whole, "curve" if whole > 2 else None)

    def ellipse(self, x: float, y: float, rx: float, ry: float, ink: Ink) -> None:
        """Fill an upright ellipse."""
        self._draw.ellipse((x - rx, y - ry, x + rx, y + ry), ink)

    def pixel(self, x: float, y: float) -> Ink | None:
        """What is on a canvas pixel now; None outside the canvas."""
        if 0 <= x < self._image.width and 0 <= y < self._image.height:
            return cast(Ink, self._image.getpixel((int(x), int(y))))
        return None

    def colors(self) -> NDArray[np.uint8]:
        """The image so far, uint8 (H, W, 3): each pixel the mean of its fine pixels."""
        return np.asarray(self._image.reduce(OVERSAMPLING))[..., :3]

    def labels(self) -> NDArray[np.uint8]:
        """Class ids so far, uint8 (H, W): those of one of each pixel's fine pixels, never a mixture."""
        return _LABEL_OF_MARK.take(self._marks())

    def materials(self) -> NDArray[np.uint8]:
        """Materials so far, uint8 (H, W)."""
        return self._marks() & np.uint8(15)

    def recolor(self, image: NDArray[np.uint8]) -> None:
        """Replace all colors by an image (H, W, 3); classes and materials stay, at the image's resolution."""
        pixels = np.dstack([image, self._marks()])
        coarse = Image.frombuffer("RGBX", (self.width, self.height), pixels.tobytes(), "raw", "RGBX", 0, 1)
        self._image = coarse.resize(self._image.size, Image.Resampling.NEAREST)
        self._draw = ImageDraw.Draw(self._image)

    def _marks(self) -> NDArray[np.uint8]:
        return np.asarray(self._image.getchannel("X"))[::OVERSAMPLING, ::OVERSAMPLING]
