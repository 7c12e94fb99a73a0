"""One street scene from its number."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

SCENES_VERSION = 1  # raise it when the same (seed, index) gives another picture


def render(seed: int, index: int, size: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw scene `index` of `seed`: uint8 RGB (H, W, 3) and uint8 labels (H, W) of street-11."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, index))))
    height, width = size
    canvas = Image.new("RGBA", (width, height))
    draw = ImageDraw.Draw(canvas)

    def box(x0: float, y0: float, x1: float, y1: float, label: int) -> None:
        color = tuple(int(v) for v in rng.integers(40, 220, 3))
        draw.rectangle((x0 * width, y0 * height, x1 * width, y1 * height), fill=(*color, label))

    box(0, 0, 1, 1, 0)
    box(0, 0.15, 0.35, 0.7, 1)
    box(0.65, 0.1, 1, 0.7, 1)
    box(0, 0.6, 1, 1, 4)
    box(0.15, 0.6, 0.85, 1, 3)
    for label, w, h in (
        (5, 0.12, 0.4),
        (7, 0.3, 0.15),
        (2, 0.01, 0.5),
        (6, 0.04, 0.08),
        (8, 0.18, 0.2),
        (9, 0.05, 0.25),
    ):
        x = rng.uniform(0, 1 - w)
        box(x, 0.7 - h, x + w, 0.7, label)
    box(0.5, 0.6, 0.58, 0.85, 10)
    pixels = np.asarray(canvas)
    noise = rng.normal(0, 12, pixels.shape[:2] + (1,))
    return np.clip(pixels[..., :3] + noise, 0, 255).astype(np.uint8), pixels[..., 3].copy()
