"""Reading one mask: the ids as stored, or colours decoded through a table. Nothing is guessed, wrapped or clipped."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from streetseg.data.files import FileError
from streetseg.data.pictures import MAX_PIXELS, WIDE_GREY, Stored, opened, raw_mode
from streetseg.labels.space import IGNORE_INDEX, Color, LabelSpace

_UNKNOWN = -1  # in a lookup table: no class, and not ignored either
_SPREAD = {"L;4": 17, "L;2": 85}  # grey of few bits, which Pillow spreads over 0 to 255
_LISTED = 5  # unknown ids or colours named in one message


@dataclass(frozen=True)
class MaskCode:
    """How the masks of a data set say which class a pixel has.

    Args:
        space: the classes.
        ids: value on disk -> class id or 255, for masks of one channel; empty if the data set has none such.
        colors: colour on disk -> class id or 255, for RGB masks; empty if the data set has none such.
    """

    space: LabelSpace
    ids: Mapping[int, int] = field(default_factory=dict)
    colors: Mapping[Color, int] = field(default_factory=dict)

    @classmethod
    def of(cls, space: LabelSpace, *, ignored: tuple[int, ...] = ()) -> "MaskCode":
        """The code in which ids are written as they are and colours are the space's own.

        Where classes share a colour, it means the first of them.

        Args:
            space: the classes.
            ignored: values on disk, besides 255, that count nowhere.
        """
        ids = {value: value for value in range(space.num_classes)}
        colors = {color: value for value, color in reversed(list(enumerate(space.colors)))}
        return cls(space, ids | dict.fromkeys((*ignored, IGNORE_INDEX), IGNORE_INDEX), colors)


def read_mask(place: str, code: MaskCode, *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """The mask as uint8 (H, W), ids 0..C-1 of `code.space` or 255.

    One channel (grey, palette or black and white, up to 32 bits) is read by value, a palette by index and never by
    colour. RGB is decoded through `code.colors`; an alpha channel is dropped. An EXIF orientation is not applied.

    Raises:
        FileError: if the file cannot be read, is stored with loss (JPEG, WEBP), or holds values or colours that
            `code` does not know.
    """
    return decode_mask(place, code, max_pixels=max_pixels)[0]


def decode_mask(place: str, code: MaskCode, *, max_pixels: int = MAX_PIXELS) -> tuple[NDArray[np.uint8], Stored]:
    """The mask as `read_mask` returns it, and how it is stored. Raises FileError."""
    with opened(place, max_pixels) as image:
        if image.format in ("JPEG", "MPO", "WEBP", "AVIF", "JPEG2000") or image.info.get("compression") == "jpeg":
            raise FileError(place, "mask is stored with loss, its ids are blurred", f"{image.format}, expected PNG")
        raw, stored = raw_mode(image), Stored.of(image)
        if ";16" in raw and image.mode not in WIDE_GREY:
            raise FileError(place, "mask has several channels of 16 bits", f"{stored.words}, expected one or 8 bits")
        if image.mode in ("1", "L", "P", "LA", "PA") or image.mode in WIDE_GREY:
            return _by_value(_one_channel(image, raw), code, place), stored
        if image.mode in ("RGB", "RGBA", "RGBX"):
            return _by_color(np.asarray(image)[..., :3], code, place), stored
        raise FileError(place, "mask has neither ids nor RGB colours", f"mode {image.mode}")


def _one_channel(image: Image.Image, raw: str) -> NDArray[np.integer]:
    values = np.asarray(image.getchannel(0) if image.mode in ("LA", "PA") else image)
    if raw in _SPREAD:
        values = values // _SPREAD[raw]
    return values.astype(np.uint8) if values.dtype == bool else values


def _by_value(values: NDArray[np.integer], code: MaskCode, place: str) -> NDArray[np.uint8]:
    if not code.ids:
        raise FileError(place, "mask holds ids, but this data set's masks are colours", "expected RGB")
    if values.dtype in (np.uint8, np.uint16):
        table = np.full(np.iinfo(values.dtype).max + 1, _UNKNOWN, np.int16)
        for value, class_id in code.ids.items():
            if 0 <= value < len(table):
                table[value] = class_id
        classes: NDArray[np.int16] = table.take(values)  # in half the time of table[values]
    else:
        present, where = np.unique(values, return_inverse=True)
        classes = np.array([code.ids.get(int(value), _UNKNOWN) for value in present], np.int16)[where]
        classes = classes.reshape(values.shape)
    if classes.min() == _UNKNOWN:
        strangers, pixels = np.unique(values[classes == _UNKNOWN], return_counts=True)
        raise FileError(
            place,
            f"mask holds ids outside the label space {code.space.name} (0 to {code.space.num_classes - 1})",
            f"{'ids' if len(strangers) > 1 else 'id'} {_shortened([str(value) for value in strangers])};"
            f" {pixels.sum():,} pixels",
            hint="`ignore:` in a folder:FILE.yaml names ids that count nowhere",
        )
    return classes.astype(np.uint8)


def _by_color(rgb: NDArray[np.uint8], code: MaskCode, place: str) -> NDArray[np.uint8]:
    if not code.colors:
        raise FileError(place, "mask holds colours, but this data set's masks are ids", "expected one channel")
    packed = _packed(rgb)
    classes = _color_table(tuple(code.colors.items())).take(packed)
    if classes.min() == _UNKNOWN:
        strangers, pixels = np.unique(packed[classes == _UNKNOWN], return_counts=True)
        order = np.argsort(-pixels)
        words = [
            f"{_unpacked(strangers[i])} {pixels[i]:,} pixels, nearest {_nearest(_unpacked(strangers[i]), code)}"
            for i in order[:_LISTED]
        ]
        if len(order) > _LISTED:
            words.append(f"and {len(order) - _LISTED} more colours")
        raise FileError(
            place,
            f"mask holds colours outside the label space {code.space.name}",
            "; ".join(words),
            hint="`ignore_color:` in a folder:FILE.yaml names colours that count nowhere",
        )
    return classes.astype(np.uint8)


@lru_cache(maxsize=4)
def _color_table(colors: tuple[tuple[Color, int], ...]) -> NDArray[np.int16]:
    """(2^24,) int16: packed colour -> class id, 255 or unknown."""
    table = np.full(1 << 24, _UNKNOWN, np.int16)
    for (red, green, blue), class_id in colors:
        table[red << 16 | green << 8 | blue] = class_id
    return table


def _packed(rgb: NDArray[np.uint8]) -> NDArray[np.int32]:
    """(H, W) of red * 65536 + green * 256 + blue."""
    packed = rgb[..., 0].astype(np.int32)  # channel by channel: all three at once would be four times the picture
    for channel in (1, 2):
        packed <<= 8
        packed |= rgb[..., channel]
    return packed


def _unpacked(color: int) -> Color:
    return int(color) >> 16, int(color) >> 8 & 255, int(color) & 255


def _nearest(color: Color, code: MaskCode) -> str:
    """Name of the class whose colour is closest."""
    closest = min(code.colors, key=lambda known: sum((a - b) ** 2 for a, b in zip(color, known, strict=True)))
    class_id = code.colors[closest]
    return "the ignored colour" if class_id == IGNORE_INDEX else code.space.names[class_id]


def _shortened(words: list[str]) -> str:
    rest = len(words) - _LISTED
    return ", ".join(words[:_LISTED]) + (f" and {rest} more" if rest > 0 else "")
