"""Read one image file as uint8 RGB, with one rule for each way in which images are stored."""

import io
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from streetseg.arrays import Size
from streetseg.data.files import FileError, read_bytes
from streetseg.data.formats import FORMATS, UNREAD, nature
from streetseg.recipe.reading import AS_USUAL, FULL, ImageReading

MAX_PIXELS = 100_000_000  # 0.3 GB as RGB

WIDE_GRAY = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N"})  # Pillow's modes of one channel with more than 8 bits

_BAND = 16  # rows, few enough to stay in the cache of the processor

_ORIENTATION = 0x0112  # EXIF tag
_SIDEWAYS = (5, 6, 7, 8)  # its values for images that are turned by a quarter
_SAMPLES, _EXTRA_SAMPLES = 277, 338  # TIFF tags: number of channels, and the kinds of the channels beyond the colors
_DEPTHS = (1023, 4095, 16383, 65535)  # largest values of cameras with 10, 12, 14 and 16 bits

Values = tuple[int, int]  # lowest and highest value


@dataclass(frozen=True)
class ImageFacts:
    """Facts of how an image or mask is stored.

    Args:
        description: mode and format, e.g. "RGB PNG" or "16-bit gray TIFF", and the bands that are dropped.
        size: height and width before any rotation.
        turned: whether the EXIF orientation turns or mirrors the image.
        values: the lowest and highest value of a decoded 16-bit image; None for other images. In colors read by
            their high byte, the values are only known up to a multiple of 256.
    """

    description: str
    size: tuple[int, int]
    turned: bool = False
    values: Values | None = None

    @classmethod
    def of(cls, image: Image.Image) -> "ImageFacts":
        """Return the facts of an image whose pixels are not loaded yet."""
        mode = "16-bit gray" if image.mode in WIDE_GRAY else image.mode
        if ";16" in raw_mode(image) and image.mode not in WIDE_GRAY:
            mode = f"16-bit {raw_mode(image).partition(';')[0]}"
        turned = image.getexif().get(_ORIENTATION, 1) not in (0, 1)
        return cls(f"{mode} {image.format}{_dropped_bands(image)}", (image.height, image.width), turned)


def raw_mode(image: Image.Image) -> str:
    """Return the layout of the pixels in a PNG, TIFF, BMP or PPM file ("RGB;16B", "L;4"), before they are loaded."""
    tiles = getattr(image, "tile", ())
    args = tiles[0].args if tiles else ""
    first = args[0] if isinstance(args, tuple) and args else args
    return first if isinstance(first, str) else ""


class TooLargeError(FileError):
    """The error of an image with more pixels than the limit, which the user may raise."""


class NoImageError(FileError):
    """The error of a file that is no image, or one in a format that is not supported."""


def read_image(place: str, *, max_pixels: int = MAX_PIXELS, reading: ImageReading = AS_USUAL) -> NDArray[np.uint8]:
    """Return the image as uint8 RGB (H, W, 3), turned upright by its EXIF orientation.

    Gray becomes three equal channels. 16-bit gray is scaled from 0..65535 to 0..255; 16-bit colors keep their high
    byte. Palettes are resolved to colors. Transparency is dropped. CMYK and YCbCr are converted without a color
    profile.

    Args:
        place: a path or archive member.
        max_pixels: the largest allowed number of pixels, tested by the header before anything is decoded.
        reading: the rules for EXIF orientation and 16-bit values.

    Raises:
        FileError: the file is missing, empty, damaged, no image, or too large.
    """
    return decode_image(place, max_pixels=max_pixels, reading=reading)[0]


def decode_image(
    place: str, *, max_pixels: int = MAX_PIXELS, reading: ImageReading = AS_USUAL
) -> tuple[NDArray[np.uint8], ImageFacts]:
    """Return the image as `read_image` does, and how it is stored. Raise FileError for the same reasons."""
    with opened(place, max_pixels) as image:
        return to_rgb(image, place, reading)


def upright_size(place: str, *, max_pixels: int = MAX_PIXELS, reading: ImageReading = AS_USUAL) -> Size:
    """Return height and width of the image that `read_image` returns, from the header of the file.

    Raises:
        FileError: the file is missing, empty, no image, or too large.
    """
    with opened(place, max_pixels) as image:
        on_its_side = image.getexif().get(_ORIENTATION, 1) in _SIDEWAYS and reading.exif == "apply"
        return (image.width, image.height) if on_its_side else (image.height, image.width)


def decode_bytes(data: bytes, place: str, *, max_pixels: int, reading: ImageReading) -> NDArray[np.uint8]:
    """Return the image in the bytes of a file as `read_image` does. Raise FileError, which names `place`."""
    with opened_bytes(data, place, max_pixels) as image:
        return to_rgb(image, place, reading)[0]


def to_rgb(image: Image.Image, place: str, reading: ImageReading) -> tuple[NDArray[np.uint8], ImageFacts]:
    """Convert a Pillow image, loaded or not, to uint8 RGB (H, W, 3). Return it and how it is stored.

    `turned` of the facts says whether the EXIF orientation was applied.

    Raises:
        FileError: the pixels are floating-point or have more than 16 bits, or `reading` does not support them.
    """
    raw, file = raw_mode(image), getattr(image, "fp", None)  # Pillow drops both when it loads the pixels
    stored = ImageFacts.of(image)
    if image.mode in WIDE_GRAY:
        _turn(image, reading)
        values = np.asarray(image)
        stored = replace(stored, values=_value_range(values))
        rgb = np.repeat(_eight_bits(values, reading.limits or _value_range(values), place)[..., None], 3, axis=2)
    elif image.mode == "F":
        raise FileError(place, "image has floating-point pixels", "expected 8 or 16 bits a channel")
    elif ";16" in raw and reading.range != "full":
        _turn(image, reading)
        lower = low_bytes(file, raw, reading, place)
        values = np.asarray(image)[..., :3].astype(np.uint16) << 8 | lower
        stored = replace(stored, values=_value_range(values))
        rgb = _eight_bits(values, reading.limits or _value_range(values), place)
    else:
        _turn(image, reading)
        image.info.pop("transparency", None)
        rgb = _pixels(image if image.mode == "RGB" else image.convert("RGB"))
        if ";16" in raw:
            low, high = _value_range(rgb)
            stored = replace(stored, values=(low << 8, high << 8 | 255))
    return rgb, stored if reading.exif == "apply" else replace(stored, turned=False)


def joined_range(ranges: Sequence[Values]) -> Values:
    """Return the lowest and highest value of one or more images."""
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def range_words(values: Values, reading: ImageReading) -> str | None:
    """Return what 16-bit images with these values lose when they are read with `reading`; None if nothing.

    Values outside the range are clipped. If the values use less than half of the range, each value loses one bit or
    more.
    """
    if reading.limits is None:
        return None
    (low, high), (first, last) = values, reading.limits
    if low < first or high > last:
        return f"use {low}..{high}, of which data.range={reading.range} clips a part"
    if 2 * (high - low) >= last - first or low == high:
        return None
    return f"use {low}..{high} of {first}..{last}"


def range_cure(values: Values) -> str:
    """Return the `data.range` that fits these values: the full range of a 10- to 16-bit camera, or, if the values use
    less than half of it, their own range."""
    low, high = values
    depth = next((most for most in _DEPTHS if high <= most), FULL[1])
    return f"data.range=0..{depth}" if 2 * (high - low) >= depth else f"data.range={low}..{high}"


@contextmanager
def opened(place: str, max_pixels: int) -> Iterator[Image.Image]:
    """Open an image: read its header and test its size. The body of the `with` statement decodes it.

    Raises:
        FileError: the file is no image that can be read, or the body fails to decode it.
    """
    if (cure := UNREAD.get(PurePosixPath(place).suffix.lower())) is not None:
        raise NoImageError(place, "the format is not supported", cure)
    with opened_bytes(read_bytes(place), place, max_pixels) as image:
        yield image


@contextmanager
def opened_bytes(data: bytes, place: str, max_pixels: int) -> Iterator[Image.Image]:
    """Open the image in the bytes of a file as `opened` does; errors name `place`."""
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS or 0, max_pixels)  # Pillow's own limit must not be lower
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            require_few_pixels(place, image.width * image.height, max_pixels)
            yield image
    except FileError:
        raise
    except Image.DecompressionBombError as failure:  # the first number in its text is the number of pixels
        pixels = re.search(r"\d+", str(failure))
        raise _too_large(place, int(pixels[0]) if pixels else 2 * MAX_PIXELS, max_pixels) from None
    except UnidentifiedImageError:
        raise NoImageError(place, "file is no image", nature(data)) from None
    # Decoders raise exceptions of many types for damaged files.
    except Exception as failure:
        raise FileError(place, "file is damaged", str(failure) or type(failure).__name__) from failure


def _dropped_bands(image: Image.Image) -> str:
    """Return a text on the bands of a TIFF that are neither color nor transparency; "" if there are none."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return ""
    extra = image.tag_v2.get(_SAMPLES, 1) - len(image.getbands())
    # Pillow takes a fourth band as transparency if the file does not say what it is.
    extra += image.mode == "RGBA" and _EXTRA_SAMPLES not in image.tag_v2
    return f" ({extra} more band{'s' if extra > 1 else ''} dropped)" if extra > 0 else ""


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    """Return the pixels of an RGB image, uint8 (H, W, 3). It is copied in bands: Pillow makes three copies at once."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for top in range(0, image.height, _BAND):
        bottom = min(top + _BAND, image.height)
        pixels[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)))
    return pixels


def _turn(image: Image.Image, reading: ImageReading) -> None:
    if reading.exif == "apply":
        ImageOps.exif_transpose(image, in_place=True)


def low_bytes(file: IO[bytes] | None, raw: str, reading: ImageReading, place: str) -> NDArray[np.uint8]:
    """Return the low bytes of 16-bit colors, uint8 (H, W, 3).

    Args:
        file: the image file, before the pixels are loaded.
        raw: the layout of the pixels, of `raw_mode`.
        reading: whether the image is turned.
        place: the file, for the error.

    Raises:
        FileError: the colors are neither RGB nor RGBA.

    Pillow unpacks only the high bytes. With the opposite byte order in the raw mode, it unpacks the low bytes instead.
    """
    if not raw.startswith(("RGB;", "RGBA;", "RGBX;")):
        raise FileError(
            place, f"data.range={reading.range} is for 16-bit gray and RGB", f"found {raw}", hint="save it as RGB"
        )
    big = raw.endswith("B") or (raw.endswith("N") and sys.byteorder == "big")
    swapped = raw[:-1] + ("L" if big else "B")
    assert file is not None  # because the pixels are not loaded yet
    file.seek(0)
    with Image.open(file, formats=FORMATS) as image:
        image.tile = [
            tile._replace(args=(swapped, *tile.args[1:]) if isinstance(tile.args, tuple) else swapped)
            for tile in image.tile
        ]
        _turn(image, reading)
        return np.asarray(image)[..., :3]


def _eight_bits(values: NDArray[np.integer], limits: Values, place: str) -> NDArray[np.uint8]:
    """Scale `limits` to 0..255 and round. A lookup table avoids a wider copy of the image."""
    if values.min() < 0 or values.max() > 65535:
        raise FileError(place, "image has more than 16 bits", f"values {values.min()} to {values.max()}")
    low, span = limits[0], max(1, limits[1] - limits[0])
    table = ((np.arange(65536).clip(*limits) - low) * 255 + span // 2) // span
    scaled: NDArray[np.uint8] = table.astype(np.uint8)[values]
    return scaled


def _value_range(values: NDArray[np.integer]) -> Values:
    return int(values.min()), int(values.max())


def require_few_pixels(place: str, pixels: int, max_pixels: int) -> None:
    """Raise TooLargeError if an image has more pixels than the limit, by its header or by a file that describes it."""
    if pixels > max_pixels:
        raise _too_large(place, pixels, max_pixels)


def _too_large(place: str, pixels: int, max_pixels: int) -> TooLargeError:
    return TooLargeError(
        place,
        f"image is larger than {max_pixels / 1e6:g} megapixels",
        f"{pixels / 1e6:,.0f} by its header",
        hint="data.max_megapixels=N raises the limit",
    )
