"""The canvas: one stroke paints color, class and material together, so that they always agree.

The constants SKY to BICYCLIST are the class ids of street-11.
"""

from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from streetseg.labels.space import IGNORE_INDEX
from streetseg.labels.tables import STREET_11
from streetseg.scenes.texture import Material

SKY, BUILDING, POLE, ROAD, PAVEMENT, TREE, SIGN, FENCE, CAR, PEDESTRIAN, BICYCLIST = range(STREET_11.num_classes)
IGNORE = IGNORE_INDEX
OVERSAMPLING = 2  # canvas pixels per image pixel in each direction: color edges are soft, class edges hard

Path = list[float]  # x0, y0, x1, y1, ... in canvas pixels


# The value of a painted pixel: red, green, blue 0..255, and one byte for class and material. The byte is the X of
# Pillow's mode RGBX, which Pillow draws like a color but does not interpret.
Ink = tuple[int, int, int, int]


def mark(class_id: int, material: Material) -> int:
    """Return class and material in one byte. The ignore index 255 becomes 15, which is no class of street-11."""
    return (class_id & 15) << 4 | material


_CLASS_OF_MARK = np.array([IGNORE if m >> 4 == 15 else m >> 4 for m in range(256)], np.uint8)


class Canvas:
    """A canvas for an image of (height, width), at `OVERSAMPLING` times its resolution."""

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height, width
        blank = (0, 0, 0, mark(SKY, Material.SKY))
        self._image = Image.new("RGBX", (width * OVERSAMPLING, height * OVERSAMPLING), blank)
        self._draw = ImageDraw.Draw(self._image)

    def polygon(self, path: Path, ink: Ink) -> None:
        """Fill a polygon."""
        self._draw.polygon(path, ink)

    def line(self, path: Path, ink: Ink, width: float) -> None:
        """Draw a polyline that is at least one canvas pixel wide."""
        pixels = max(1, round(width))
        self._draw.line(path, ink, pixels, "curve" if pixels > 2 else None)

    def ellipse(self, x: float, y: float, rx: float, ry: float, ink: Ink) -> None:
        """Fill an upright ellipse."""
        self._draw.ellipse((x - rx, y - ry, x + rx, y + ry), ink)

    def claim(self, paths: Sequence[Path], class_id: int) -> None:
        """Give all pixels inside any of these polygons to a class. Their colors and materials stay."""
        xs, ys = [x for path in paths for x in path[::2]], [y for path in paths for y in path[1::2]]
        left, top = max(0, int(min(xs))), max(0, int(min(ys)))
        right, bottom = min(self._image.width, int(max(xs)) + 2), min(self._image.height, int(max(ys)) + 2)
        if left >= right or top >= bottom:
            return
        inside = Image.new("L", (right - left, bottom - top))
        draw = ImageDraw.Draw(inside)
        for path in paths:
            draw.polygon([c - (top if k % 2 else left) for k, c in enumerate(path)], fill=255)
        marked = np.asarray(self._image.crop((left, top, right, bottom))).copy()
        marks = marked[..., 3]
        claimed = np.asarray(inside) > 0
        marks[claimed] = marks[claimed] & np.uint8(15) | np.uint8(mark(class_id, Material.SMOOTH))
        self._image.paste(Image.frombuffer("RGBX", inside.size, marked.tobytes(), "raw", "RGBX", 0, 1), (left, top))

    def pixel(self, x: float, y: float) -> Ink | None:
        """Return the current value of a canvas pixel; None outside the canvas."""
        if 0 <= x < self._image.width and 0 <= y < self._image.height:
            return cast(Ink, self._image.getpixel((int(x), int(y))))
        return None

    def colors(self) -> NDArray[np.uint8]:
        """Return the current image, uint8 (H, W, 3): each pixel is the mean of its canvas pixels."""
        return np.asarray(self._image.reduce(OVERSAMPLING))[..., :3]

    def labels(self) -> NDArray[np.uint8]:
        """Return the current labels, uint8 (H, W): each pixel has the class of one of its canvas pixels."""
        return _CLASS_OF_MARK.take(self._marks())

    def materials(self) -> NDArray[np.uint8]:
        """Return the current materials, uint8 (H, W)."""
        return self._marks() & np.uint8(15)

    def recolor(self, image: NDArray[np.uint8]) -> None:
        """Replace all colors by an image (H, W, 3). Classes and materials are kept at the resolution of the image."""
        pixels = np.dstack([image, self._marks()])
        coarse = Image.frombuffer("RGBX", (self.width, self.height), pixels.tobytes(), "raw", "RGBX", 0, 1)
        self._image = coarse.resize(self._image.size, Image.Resampling.NEAREST)
        self._draw = ImageDraw.Draw(self._image)

    def _marks(self) -> NDArray[np.uint8]:
        return np.asarray(self._image.getchannel("X"))[::OVERSAMPLING, ::OVERSAMPLING]
