"""Reading one picture: bytes in, uint8 RGB out, by one rule for every way pictures are stored."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from streetseg.data.files import FileError, read_bytes

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "PPM", "GIF")  # as Pillow calls them

MAX_PIXELS = 89_000_000  # about where Pillow begins to suspect a decompression bomb: a quarter of a GiB as RGB

WIDE_GREY = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N"})  # Pillow's modes of one channel above 8 bits

_ORIENTATION = 0x0112  # EXIF tag


def read_picture(place: str, *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """The picture as uint8 RGB (H, W, 3), turned upright as its EXIF orientation says.

    Grey becomes three equal channels, 16 bits become 8 by scaling 0..65535 to 0..255, palettes are looked up,
    transparency is dropped, CMYK and YCbCr are converted without a colour profile.

    Args:
        place: a path or archive member.
        max_pixels: larger pictures are refused from their header, before anything is decoded.

    Raises:
        FileError: if the file is missing, empty, damaged, no picture, or too large.
    """
    with opened(place, max_pixels) as image:
        ImageOps.exif_transpose(image, in_place=True)
        if image.mode in WIDE_GREY:
            return np.repeat(_eight_bits(np.asarray(image), place)[..., None], 3, axis=2)
        if image.mode == "F":
            raise FileError(place, "picture has floating-point pixels", "expected 8 or 16 bits a channel")
        image.info.pop("transparency", None)
        return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def stored_as(place: str) -> tuple[str, tuple[int, int]]:
    """How a picture or mask is stored, read from its header: words such as "RGB PNG", and its raw (height, width).

    Raises FileError.
    """
    with opened(place) as image:
        words = f"{'16-bit grey' if image.mode in WIDE_GREY else image.mode} {image.format}"
        # A PNG may keep its EXIF behind the pixels; looking for it would decode them.
        if image.format != "PNG" and image.getexif().get(_ORIENTATION, 1) != 1:
            words += ", turned by EXIF"
        return words, (image.height, image.width)


@contextmanager
def opened(place: str, max_pixels: int | None = None) -> Iterator[Image.Image]:
    """An image whose header has been read and whose size is allowed; the body decodes it.

    Raises FileError for whatever goes wrong on the way, in the body too.
    """
    data = read_bytes(place)
    if max_pixels is not None and max_pixels > MAX_PIXELS:  # asked for, so Pillow's own limit must give way
        Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS or 0, max_pixels)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if max_pixels is not None and image.width * image.height > max_pixels:
                raise _too_large(place, image.width * image.height, max_pixels)
            yield image
    except FileError:
        raise
    except Image.DecompressionBombError as failure:  # names the number of pixels first
        pixels = re.search(r"\d+", str(failure))
        raise _too_large(place, int(pixels[0]) if pixels else 2 * MAX_PIXELS, max_pixels or MAX_PIXELS) from None
    except UnidentifiedImageError:
        raise FileError(place, "file is no picture", _nature(data)) from None
    # What a decoder meets in a damaged file, it says with an exception of its own choice.
    except Exception as failure:
        raise FileError(place, "file is damaged", str(failure) or type(failure).__name__) from failure


def _eight_bits(values: NDArray[np.generic], place: str) -> NDArray[np.uint8]:
    """0..65535 scaled to 0..255 and rounded."""
    wide = values.astype(np.int64)
    if wide.min() < 0 or wide.max() > 65535:
        raise FileError(place, "picture has more than 16 bits", f"values {wide.min()} to {wide.max()}")
    return ((wide * 255 + 32767) // 65535).astype(np.uint8)


def _too_large(place: str, pixels: int, max_pixels: int) -> FileError:
    return FileError(
        place,
        f"picture is larger than {max_pixels / 1e6:g} megapixels",
        f"{pixels / 1e6:,.0f} by its header",
        hint="data.max_megapixels=N raises the limit",
    )


def _nature(data: bytes) -> str:
    """What a file that is no picture seems to be."""
    start = data[:512].lstrip().lower()
    if not data:
        return "0 bytes"
    if start.startswith((b"<!doctype", b"<html", b"<head", b"<?xml")):
        return "an HTML page, as a failed download leaves behind"
    if start.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, the file itself was not fetched"
    return f"{len(data):,} bytes of another kind"
