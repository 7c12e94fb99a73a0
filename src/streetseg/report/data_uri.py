"""Images inside a page."""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from streetseg.png import encode_png

JPEG_QUALITY = 82


def jpeg_uri(image: NDArray[np.uint8]) -> str:
    """Return an image, uint8 RGB (H, W, 3), as a data: URI, colours at full resolution."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, format="jpeg", quality=JPEG_QUALITY, subsampling=0)
    return _data_uri("jpeg", file.getvalue())


def png_uri(image: NDArray[np.uint8] | Image.Image) -> str:
    """Return an image, uint8 RGB (H, W, 3) or of Pillow, as a data: URI without loss."""
    return _data_uri("png", encode_png(image, optimize=True))


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
