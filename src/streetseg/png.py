"""Encoding of images as PNG files."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def encode_png(image: NDArray[np.uint8] | Image.Image, **options: Any) -> bytes:
    """Return the bytes of a PNG file.

    Args:
        image: uint8 gray (H, W) or RGB (H, W, 3), or a Pillow image of any mode that PNG supports.
        options: options of Pillow's PNG writer, e.g. `compress_level`.
    """
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, format="PNG", **options)
    return file.getvalue()
