"""Surface noise: tileable noise fields, and the materials that use them.

The fields are computed with integers (Pillow resizes 8-bit images in fixed point), so that a scene has the same bytes
on every machine.
"""

from enum import IntEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from streetseg.scenes.light import Floats
from streetseg.scenes.rng import Rng

FIELD = 512  # height and width of a field, pixels; fields tile without a seam


class Material(IntEnum):
    """The material of a surface, which determines its noise. The canvas stores the value."""

    SMOOTH = 0
    PLASTER = 1
    BRICK = 2
    CONCRETE = 3
    GLASS = 4
    ROOF = 5
    BARK = 6
    LEAVES_NEAR = 7
    LEAVES = 8
    LEAVES_FAR = 9
    PAINT = 10
    METAL = 11
    CLOTH = 12
    BOARD = 13
    SKY = 14
    GROUND = 15


# material -> (field, gain): noise multiplies the color by 1 + gain * field, with the field in -1..1
_SPECKLE: dict[Material, tuple[str, float]] = {
    Material.SMOOTH: ("mottle", 0.05),
    Material.PLASTER: ("mottle", 0.17),
    Material.BRICK: ("course", 0.26),
    Material.CONCRETE: ("streak", 0.18),
    Material.GLASS: ("patch", 0.20),
    Material.ROOF: ("course", 0.32),
    Material.BARK: ("streak", 0.55),
    Material.LEAVES_NEAR: ("leaf_large", 0.75),
    Material.LEAVES: ("leaf", 0.70),
    Material.LEAVES_FAR: ("grain", 0.55),
    Material.PAINT: ("patch", 0.16),
    Material.METAL: ("streak", 0.22),
    Material.CLOTH: ("mottle", 0.32),
    Material.BOARD: ("streak", 0.45),
    Material.SKY: ("mottle", 0.0),
    Material.GROUND: ("mottle", 0.0),
}


def _octave(rng: Rng, rows: int, columns: int) -> NDArray[np.int32]:
    """Return smooth noise with this many periods down and across, -128..127, (FIELD, FIELD)."""
    grid = np.pad(rng.bytes(rows, columns), 2, mode="wrap")
    box = (2, 2, columns + 2, rows + 2)
    smooth = Image.fromarray(grid).resize((FIELD, FIELD), Image.Resampling.BICUBIC, box=box)
    return np.asarray(smooth).astype(np.int32) - 128


def _normalized(field: NDArray[np.int32]) -> NDArray[np.float32]:
    """Scale a field so that two standard deviations become 1, and clip it to -1..1."""
    centered = field - int(field.sum(dtype=np.int64)) // field.size
    deviation = np.sqrt(float((centered.astype(np.int64) ** 2).sum()) / field.size)
    return np.asarray(np.clip(centered / (2.0 * deviation), -1.0, 1.0), np.float32)


@cache
def fields() -> dict[str, NDArray[np.float32]]:
    """Return the noise fields by name, each float32 (FIELD, FIELD) in -1..1; computed once per process."""
    rng = Rng(20_230_517)

    def layered(*octaves: tuple[int, int, int]) -> NDArray[np.float32]:
        total = np.zeros((FIELD, FIELD), np.int32)
        for rows, columns, weight in octaves:
            total += weight * _octave(rng, rows, columns)
        return _normalized(total)

    return {
        "grain": layered((256, 256, 2), (512, 512, 3)),
        "mottle": layered((8, 8, 4), (24, 24, 4), (80, 80, 4), (256, 256, 4), (512, 512, 2)),
        "patch": layered((12, 12, 4), (40, 40, 3), (128, 128, 2)),
        "streak": layered((6, 128, 4), (20, 256, 3), (128, 256, 2), (512, 512, 2)),
        "course": layered((200, 70, 5), (256, 180, 4), (512, 512, 2), (40, 40, 2)),
        "leaf": layered((110, 110, 5), (220, 220, 4), (30, 30, 2)),
        "leaf_large": layered((60, 60, 5), (120, 120, 4), (240, 240, 3), (20, 20, 2)),
        "cloud": layered((4, 4, 16), (8, 8, 9), (16, 16, 5), (32, 32, 3), (64, 64, 2), (128, 128, 1)),
    }


@cache
def _material_stack() -> NDArray[np.float32]:
    """Return the noise of every material, with its gain: float32 (materials, FIELD, FIELD)."""
    return np.stack([np.float32(gain) * fields()[name] for name, gain in (_SPECKLE[m] for m in Material)])


def speckle(materials: NDArray[np.uint8], strength: float, rng: Rng) -> Floats:
    """Return the factor 1 + strength * noise for each pixel of a material map (H, W), float32; offsets are random."""
    height, width = materials.shape
    rows = (np.arange(height) + rng.integer(0, FIELD - 1)) % FIELD
    columns = (np.arange(width) + rng.integer(0, FIELD - 1)) % FIELD
    flat = materials.astype(np.int32) * (FIELD * FIELD) + (rows[:, None] * FIELD + columns[None, :]).astype(np.int32)
    return 1 + np.float32(strength) * _material_stack().reshape(-1).take(flat)
