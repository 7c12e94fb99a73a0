"""Encoding of images as PNG files."""

import io
import struct
import zlib
from collections.abc import Iterable, Mapping
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


def encode_png_bands(bands: Iterable[NDArray[np.uint8]], height: int, *, text: Mapping[str, str], level: int) -> bytes:
    """Return the bytes of a PNG file of an image that is never in memory as a whole, which Pillow cannot do.

    Args:
        bands: the rows of the image from the top, uint8 gray (h, W) or RGB (h, W, 3).
        height: the number of rows of all bands.
        text: keyword -> text in Latin-1, kept in the file.
        level: of zlib, 0..9.
    """
    packer = zlib.compressobj(level)
    file = bytearray(b"\x89PNG\r\n\x1a\n")
    above: NDArray[np.uint8] | None = None
    for band in bands:
        rows = band.reshape(len(band), -1)
        if above is None:
            color = 2 if band.ndim == 3 else 0
            file += _chunk(b"IHDR", struct.pack(">IIBBBBB", band.shape[1], height, 8, color, 0, 0, 0))
            for keyword, value in text.items():
                file += _chunk(b"tEXt", f"{keyword}\0{value}".encode("latin-1"))
            above = np.zeros_like(rows[0])
        filtered = np.empty((len(rows), 1 + rows.shape[1]), np.uint8)
        filtered[:, 0] = 2  # the filter "up": each byte less the one above it, modulo 256
        filtered[0, 1:] = rows[0] - above
        np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
        above = rows[-1].copy()
        if data := packer.compress(filtered.data):
            file += _chunk(b"IDAT", data)
    file += _chunk(b"IDAT", packer.flush()) + _chunk(b"IEND", b"")
    return bytes(file)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
