"""Reading one picture: bytes in, uint8 RGB out, by one rule for every way pictures are stored."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from streetseg.data.files import FileError, read_bytes

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "PPM", "GIF")  # as Pillow calls them

MAX_PIXELS = 89_000_000  # about where Pillow begins to suspect a decompression bomb: a quarter of a GiB as RGB

WIDE_GREY = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N"})  # Pillow's modes of one channel above 8 bits

_ORIENTATION = 0x0112  # EXIF tag


@dataclass(frozen=True)
class Stored:
    """How a picture or mask lies on disk.

    Args:
        words: mode and format, such as "RGB PNG" or "16-bit grey TIFF".
        size: height and width, before any rotation.
        turned: whether its EXIF orientation turns or mirrors it.
    """

    words: str
    size: tuple[int, int]
    turned: bool = False

    @classmethod
    def of(cls, image: Image.Image) -> "Stored":
        """Of an image whose pixels are not loaded yet."""
        mode = "16-bit grey" if image.mode in WIDE_GREY else image.mode
        if ";16" in raw_mode(image) and image.mode not in WIDE_GREY:
            mode = f"16-bit {raw_mode(image).partition(';')[0]}"
        turned = image.getexif().get(_ORIENTATION, 1) not in (0, 1)
        return cls(f"{mode} {image.format}", (image.height, image.width), turned)


def raw_mode(image: Image.Image) -> str:
    """How the pixels of a PNG, TIFF, BMP or PPM lie in the file ("RGB;16B", "L;4"), before they are loaded."""
    tiles = getattr(image, "tile", ())
    args = tiles[0].args if tiles else ""
    first = args[0] if isinstance(args, tuple) and args else args
    return first if isinstance(first, str) else ""


def read_picture(place: str, *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """The picture as uint8 RGB (H, W, 3), turned upright as its EXIF orientation says.

    Grey becomes three equal channels, 16-bit grey becomes 8 bits by scaling 0..65535 to 0..255, 16-bit colours keep
    their high byte, palettes are looked up, transparency is dropped, CMYK and YCbCr are converted without a colour
    profile.

    Args:
        place: a path or archive member.
        max_pixels: larger pictures are refused from their header, before anything is decoded.

    Raises:
        FileError: if the file is missing, empty, damaged, no picture, or too large.
    """
    return decode_picture(place, max_pixels=max_pixels)[0]


def decode_picture(place: str, *, max_pixels: int = MAX_PIXELS) -> tuple[NDArray[np.uint8], Stored]:
    """The picture as `read_picture` returns it, and how it is stored. Raises FileError."""
    with opened(place, max_pixels) as image:
        stored = Stored.of(image)
        ImageOps.exif_transpose(image, in_place=True)
        if image.mode in WIDE_GREY:
            return np.repeat(_eight_bits(np.asarray(image), place)[..., None], 3, axis=2), stored
        if image.mode == "F":
            raise FileError(place, "picture has floating-point pixels", "expected 8 or 16 bits a channel")
        image.info.pop("transparency", None)
        return np.array(image if image.mode == "RGB" else image.convert("RGB")), stored


@contextmanager
def opened(place: str, max_pixels: int) -> Iterator[Image.Image]:
    """An image whose header has been read and whose size is allowed; the body decodes it.

    Raises FileError for whatever goes wrong on the way, in the body too.
    """
    data = read_bytes(place)
    if max_pixels > MAX_PIXELS:  # asked for, so Pillow's own limit must give way
        Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS or 0, max_pixels)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > max_pixels:
                raise _too_large(place, image.width * image.height, max_pixels)
            yield image
    except FileError:
        raise
    except Image.DecompressionBombError as failure:  # names the number of pixels first
        pixels = re.search(r"\d+", str(failure))
        raise _too_large(place, int(pixels[0]) if pixels else 2 * MAX_PIXELS, max_pixels) from None
    except UnidentifiedImageError:
        raise FileError(place, "file is no picture", _nature(data)) from None
    # What a decoder meets in a damaged file, it says with an exception of its own choice.
    except Exception as failure:
        raise FileError(place, "file is damaged", str(failure) or type(failure).__name__) from failure


def _eight_bits(values: NDArray[np.integer], place: str) -> NDArray[np.uint8]:
    """0..65535 scaled to 0..255 and rounded; through a table, so that no wider copy of the picture is made."""
    if values.min() < 0 or values.max() > 65535:
        raise FileError(place, "picture has more than 16 bits", f"values {values.min()} to {values.max()}")
    table: NDArray[np.uint8] = ((np.arange(65536) * 255 + 32767) // 65535).astype(np.uint8)
    scaled: NDArray[np.uint8] = table[values]
    return scaled


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
