"""Parts of every HTML page: the template environment, style sheets and inlined images."""

import base64
import hashlib
import io
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from streetseg.errors import RequestError
from streetseg.png import encode_png
from streetseg.text import one_line

JPEG_QUALITY = 82
WEBP_QUALITY = 75


def generator_mark(command: str) -> Markup:
    """Return the line that marks a page as one that `streetseg <command>` wrote, and may replace."""
    return Markup('<meta name="generator" content="streetseg {}">').format(command)


def require_own_page(path: Path, command: str, *, hint: str) -> None:
    """Raise RequestError if there is a file that is not a page of this command."""
    if path.exists() and generator_mark(command) not in path.read_bytes()[:2000].decode("utf-8", "replace"):
        raise RequestError("this file is not a page of this command and is not replaced", where=path, hint=hint)


@cache  # an environment keeps the templates it has compiled: the runs of a study have a report each
def page_environment(**filters: Callable[..., str]) -> Environment:
    """Return the template environment with these filters, besides those of Jinja.

    It escapes values and control characters, and a missing value is an error.
    """
    environment = Environment(
        loader=PackageLoader("streetseg.report"),
        autoescape=True,
        finalize=_visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters
    return environment


def page_asset(name: str) -> str:
    """Return the text of a style sheet or script in the folder of the templates."""
    return files("streetseg.report").joinpath("templates", name).read_text("utf-8")


def source_hash(script: str) -> str:
    """Return the hash by which a Content-Security-Policy allows an inline script (W3C CSP Level 3, section 2.3.1)."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode('ascii')}"


def _visible(value: object) -> object:
    """Escape the control characters of a text: a name cannot change the direction of the text beside it."""
    return one_line(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def jpeg_uri(image: NDArray[np.uint8]) -> str:
    """Return an image, uint8 RGB (H, W, 3), as a data: URI of a JPEG file without color subsampling."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, format="jpeg", quality=JPEG_QUALITY, subsampling=0)
    return _data_uri("jpeg", file.getvalue())


def webp_uri(image: NDArray[np.uint8]) -> str:
    """Return an image, uint8 RGB (H, W, 3), as a data: URI of a WebP file, about half as large as a JPEG file."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, format="webp", quality=WEBP_QUALITY)
    return _data_uri("webp", file.getvalue())


def png_uri(image: NDArray[np.uint8] | Image.Image) -> str:
    """Return an image, uint8 RGB (H, W, 3) or a Pillow image, as a data: URI of a PNG file."""
    return _data_uri("png", encode_png(image, optimize=True))


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
