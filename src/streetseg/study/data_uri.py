"""Pictures inside a page."""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

JPEG_QUALITY = 82


def jpeg_uri(picture: NDArray[np.uint8]) -> str:
    """A picture uint8 RGB (H, W, 3) as a data: URI, colours at full resolution."""
    return image_uri(Image.fromarray(picture), "jpeg", quality=JPEG_QUALITY, subsampling=0)


def png_uri(picture: NDArray[np.uint8]) -> str:
    """The same without loss."""
    return image_uri(Image.fromarray(picture), "png", optimize=True)


def image_uri(image: Image.Image, kind: str, **options: int) -> str:
    """An image as a data: URI in the format `kind`."""
    file = io.BytesIO()
    image.save(file, format=kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
