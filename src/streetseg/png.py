"""PNG files as bytes."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def encode_png(image: NDArray[np.uint8] | Image.Image, **options: Any) -> bytes:
    """Return an image as a PNG file.

    Args:
        image: uint8 gray (H, W) or RGB (H, W, 3), or a Pillow image of any mode that PNG has.
        options: of Pillow's PNG writer, e.g. `compress_level`.
    """
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, format="PNG", **options)
    return file.getvalue()
