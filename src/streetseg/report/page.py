"""What every page of streetseg is made with: templates that escape, style sheets and images that go inside."""

import base64
import io
from importlib.resources import files

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from streetseg.png import encode_png
from streetseg.text import one_line

JPEG_QUALITY = 82


def page_environment() -> Environment:
    """Templates of this package; values are escaped and shown as visible text, and a missing one is an error."""
    return Environment(
        loader=PackageLoader("streetseg.report"),
        autoescape=True,
        finalize=_visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page_asset(name: str) -> str:
    """A style sheet or script that lies beside the templates."""
    return files("streetseg.report").joinpath("templates", name).read_text("utf-8")


def _visible(value: object) -> object:
    """Text without control characters: a name can neither turn the text beside it nor spoil the file."""
    return one_line(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def jpeg_uri(image: NDArray[np.uint8]) -> str:
    """Return an image, uint8 RGB (H, W, 3), as a data: URI, colors at full resolution."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, format="jpeg", quality=JPEG_QUALITY, subsampling=0)
    return _data_uri("jpeg", file.getvalue())


def png_uri(image: NDArray[np.uint8] | Image.Image) -> str:
    """Return an image, uint8 RGB (H, W, 3) or of Pillow, as a data: URI without loss."""
    return _data_uri("png", encode_png(image, optimize=True))


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
