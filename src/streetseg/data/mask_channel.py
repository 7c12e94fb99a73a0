"""The channel of a mask: its values as stored, before they get a meaning."""

import io
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from streetseg.data.files import FileError, read_bytes
from streetseg.data.images import WIDE_GRAY, low_bytes
from streetseg.data.mask_code import MaskCode
from streetseg.labels.space import Color
from streetseg.recipe.reading import ImageReading

_SPREAD = {"L;4": 17, "L;2": 85}  # gray of few bits -> the factor by which Pillow scales it to 0..255
_SAMPLE_FORMAT, _SIGNED = 339, 2  # TIFF tag, and its value for signed integers
_MODES = frozenset({"1", "L", "P", "LA", "PA", "F", "RGB", "RGBA", "RGBX", *WIDE_GRAY})


@dataclass(frozen=True)
class Channel:
    """A mask with one channel.

    Args:
        values: integers (H, W), as stored.
        opaque: bool (H, W), True where a pixel is opaque; None if all are.
        shown: value of opaque pixels -> its color; None for an index outside the palette.
        form: "gray", "1-bit" or "palette".
    """

    values: NDArray[np.integer]
    opaque: NDArray[np.bool_] | None
    shown: Mapping[int, Color | None]
    form: Literal["gray", "1-bit", "palette"]


def require_exact(image: Image.Image, place: str) -> None:
    """Raise FileError for a mask that is stored with loss or has several frames."""
    lossy = image.format in ("JPEG", "MPO", "AVIF", "JPEG2000") or image.info.get("compression") == "jpeg"
    if lossy or (image.format == "WEBP" and not _is_lossless_webp(read_bytes(place))):
        expected = "WEBP with loss, expected PNG" if image.format == "WEBP" else f"{image.format}, expected PNG"
        hint = "export the mask again as PNG or lossless WebP: converting this file does not repair it"
        raise FileError(place, "mask is stored with loss, its ids are blurred", expected, hint=hint)
    if image.format in ("PNG", "GIF") and getattr(image, "n_frames", 1) > 1:
        raise FileError(place, "mask has several frames", f"{getattr(image, 'n_frames', 1)}, expected one image")


def _is_lossless_webp(data: bytes) -> bool:
    """Return whether a WebP file holds one lossless image: a VP8L chunk, no VP8 (lossy) and no ANMF (frame) chunk."""
    chunks, offset = set(), 12
    while offset + 8 <= len(data):
        chunks.add(data[offset : offset + 4])
        size = int.from_bytes(data[offset + 4 : offset + 8], "little")
        offset += 8 + size + size % 2
    return b"VP8L" in chunks and not chunks & {b"VP8 ", b"ANMF"}


def one_channel(image: Image.Image, raw: str, place: str, code: MaskCode) -> Channel | None:
    """Return the mask as one channel; None if it holds RGB colors.

    Three equal channels are gray, unless the classes have colors: a mask in which the same id is in all three.

    Args:
        image: the mask, before its pixels are loaded.
        raw: the layout of its pixels, of `raw_mode`.
        place: the mask, for errors.
        code: how the masks encode the class of a pixel.

    Raises:
        FileError: the mask holds neither ids nor RGB colors, numbers that are not whole, or several channels of 16
            bits, of which `code` names none.
    """
    if image.mode not in _MODES:
        raise FileError(place, "mask has neither ids nor RGB colors", f"mode {image.mode}")
    if code.channel is not None and image.mode in ("RGB", "RGBA", "RGBX", "LA"):
        return _channel_of(image, raw, place, code.channel)
    if ";16" in raw and image.mode not in WIDE_GRAY:
        found = f"16-bit {raw.partition(';')[0]} {image.format}, expected one or 8 bits"
        raise FileError(place, "mask has several channels of 16 bits", found)
    if image.mode in ("RGB", "RGBA", "RGBX"):
        if image.format != "WEBP" and code.colors and not code.ids_only:
            return None
        rgb = np.asarray(image)
        if (rgb[..., :3] != rgb[..., :1]).any():  # WebP has no gray mode: gray is stored as three equal channels
            return None
        return gray(rgb[..., 0], opaque_pixels(image, rgb))
    values = np.asarray(image.getchannel(0) if image.mode in ("LA", "PA") else image)
    if image.mode == "1":
        values = values.astype(np.uint8)
        opaque = opaque_pixels(image, values)
        return Channel(values, opaque, {v: (255 * v,) * 3 for v in _present(values, opaque)}, "1-bit")
    if image.mode in ("P", "PA"):
        return _indexed(values, opaque_pixels(image, values), image)
    if image.mode == "F":
        values = whole_numbers(values, place)
    if raw in _SPREAD:
        values = values // _SPREAD[raw]
        return gray(values, opaque_pixels(image, values), spread=_SPREAD[raw])
    if image.mode == "L" and _SIGNED in np.atleast_1d(getattr(image, "tag_v2", {}).get(_SAMPLE_FORMAT, 0)):
        values = values.view(np.int8)
    return gray(values, opaque_pixels(image, values))


def _channel_of(image: Image.Image, raw: str, place: str, index: int) -> Channel:
    """Return one channel of a mask with several, in full depth.

    Gray with alpha stands for two channels, of which the first counts. CARLA and SYNTHIA store the class so; the other
    channels hold the instance.
    """
    if raw.startswith("LA;16"):
        return gray(_first_of_two(read_bytes(place)), None)
    if image.mode == "LA":
        return gray(np.asarray(image.getchannel(0)), None)
    if ";16" in raw:
        low = low_bytes(io.BytesIO(read_bytes(place)), raw, ImageReading(exif="ignore"), place)
        return gray(np.asarray(image)[..., index].astype(np.uint16) << 8 | low[..., index], None)
    pixels = np.asarray(image)
    return gray(pixels[..., index], opaque_pixels(image, pixels))


def _first_of_two(data: bytes) -> NDArray[np.integer]:
    """Return the first channel, integers (H, W), of a PNG of gray with alpha in 16 bits.

    Pillow would drop the low bytes. So the header is changed to 8-bit RGBA, which has as many bytes a pixel: red and
    green are then the two bytes of the first channel.
    """
    header = data[12:24] + bytes([8, 6]) + data[26:29]
    with Image.open(io.BytesIO(data[:12] + header + zlib.crc32(header).to_bytes(4, "big") + data[33:])) as image:
        rgba: NDArray[np.uint8] = np.asarray(image)
    return rgba[..., 0].astype(np.uint16) << 8 | rgba[..., 1]


def gray(values: NDArray[np.integer], opaque: NDArray[np.bool_] | None, *, spread: int = 1) -> Channel:
    """Return the channel of values (H, W); opaque is bool (H, W), or None if all pixels are.

    Args:
        spread: the gray that the value 1 is shown as.
    """
    return Channel(values, opaque, {v: (spread * v,) * 3 for v in _present(values, opaque)}, "gray")


def _indexed(values: NDArray[np.uint8], opaque: NDArray[np.bool_] | None, image: Image.Image) -> Channel:
    """Return a mask with a palette. A GIF whose palette has only grays is read as gray, as GIF has no gray mode."""
    table = np.reshape(image.getpalette("RGB") or [], (-1, 3)).astype(np.uint8)
    shown = {v: _color(table[v]) if v < len(table) else None for v in _present(values, opaque)}
    if image.format == "GIF" and all(color is not None and is_gray(color) for color in shown.values()):
        grays = np.zeros(256, np.uint8)
        grays[: len(table)] = table[:, 0]
        return gray(grays.take(values), opaque)
    return Channel(values, opaque, shown, "palette")


def whole_numbers(values: NDArray[np.floating], place: str) -> NDArray[np.int64]:
    """Convert whole floating-point numbers to integers. Raise FileError if a number is not whole."""
    broken = values[~(np.isfinite(values) & (np.floor(values) == values) & (np.abs(values) < 2**31))]
    if len(broken):
        detail = f"{len(broken):,} pixels, such as {broken[0]:g}"
        raise FileError(place, "mask holds numbers that are no ids", detail, hint="save the mask as integers")
    return values.astype(np.int64)


def opaque_pixels(image: Image.Image, values: NDArray[np.integer]) -> NDArray[np.bool_] | None:
    """Return which pixels are fully opaque, bool (H, W); None if all are."""
    clear = image.info.get("transparency")
    opaque: NDArray[np.bool_]
    if image.mode in ("LA", "PA", "RGBA"):
        opaque = np.asarray(image.getchannel("A")) == 255
    elif clear is None:
        return None
    elif isinstance(clear, bytes):  # the alpha of each palette index
        alphas = np.full(256, 255, np.uint8)
        alphas[: len(clear)] = np.frombuffer(clear, np.uint8)
        opaque = alphas.take(values) == 255
    else:  # the transparent value, index or color
        opaque = (values != clear).any(axis=-1) if isinstance(clear, tuple) else values != clear
    return None if opaque.all() else opaque


def _present(values: NDArray[np.integer], opaque: NDArray[np.bool_] | None) -> list[int]:
    """Return the distinct values of the opaque pixels in ascending order."""
    if values.dtype == np.uint8 and opaque is None:
        return [value for value, pixels in enumerate(Image.fromarray(values).histogram()) if pixels]  # the fastest
    visible = values.ravel() if opaque is None else values[opaque]
    if visible.dtype not in (np.uint8, np.uint16):
        return [int(value) for value in np.unique(visible)]
    present = np.zeros(np.iinfo(visible.dtype).max + 1, bool)  # takes a tenth of the time of np.unique
    present[visible] = True
    return [int(value) for value in np.flatnonzero(present)]


def is_gray(color: Color) -> bool:
    """Return whether red, green and blue are equal."""
    return color[0] == color[1] == color[2]


def _color(values: NDArray[np.uint8]) -> Color:
    red, green, blue = values.tolist()
    return red, green, blue
