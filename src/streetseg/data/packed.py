"""Colors as one number each, red * 65536 + green * 256 + blue, which sorts and looks up faster than three."""

import numpy as np
from numpy.typing import NDArray

from streetseg.labels.space import Color


def packed(rgb: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return the number of each color, int32 (...), of uint8 (..., 3)."""
    numbers = rgb[..., 0].astype(np.int32)  # channel by channel, as all three as int32 would take four times the memory
    for channel in (1, 2):
        numbers <<= 8
        numbers |= rgb[..., channel]
    return numbers


def unpacked(numbers: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Return the color of each number, uint8 (N, 3)."""
    return np.stack([numbers >> 16, numbers >> 8 & 255, numbers & 255], axis=-1).astype(np.uint8)


def packed_color(color: Color) -> int:
    """Return the number of a color."""
    return color[0] << 16 | color[1] << 8 | color[2]


def unpacked_color(number: int) -> Color:
    """Return the color of a number."""
    return number >> 16, number >> 8 & 255, number & 255
