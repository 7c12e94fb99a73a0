"""Read one mask as labels: by its ids, or by its colors through a lookup table. Values are never guessed or clipped.

The values of a mask with one channel are read as follows:

- Classes without colors: the value is the id. In a mask with a palette, the value is the index.
- Classes defined by color only (CamVid's 32 colors, Cityscapes' `color`): the color of the palette entry, or of the
  gray value, decides.
- Classes with colors and ids: if the ids are not written down, so that they only follow the order of the classes, the
  colors decide, provided that every value in the mask has the color of a class; otherwise the ids decide. A palette
  that contradicts its indices is an error if both readings are possible.

Many tools save color masks without loss as a palette image and number the colors in any order. So a palette with the
colors of the classes takes precedence over ids that are not written down.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from streetseg.data.files import FileError, read_bytes
from streetseg.data.images import MAX_PIXELS, WIDE_GRAY, ImageFacts, opened, raw_mode
from streetseg.data.unknown import NEAR, ids_in_a_channel, unknown_colors, unknown_ids
from streetseg.labels.space import IGNORE_INDEX, Color, LabelSpace

_UNKNOWN = -1  # in a lookup table: neither a class nor ignored
_SPREAD = {"L;4": 17, "L;2": 85}  # gray of few bits -> the factor by which Pillow scales it to 0..255
_SAMPLE_FORMAT, _SIGNED = 339, 2  # TIFF tag, and its value for signed integers

Reading = Literal["", "id", "color", "either"]


@dataclass(frozen=True)
class MaskCode:
    """Encoding of the class of a pixel in the masks of a data set.

    Args:
        space: the classes.
        ids: value on disk -> class id or 255, for masks with one channel; empty if the classes have no ids.
        colors: color on disk -> class id or 255, for RGB masks; empty if the classes have no colors.
        ids_only: RGB masks are errors, and `colors` only serve to find palettes that contradict their indices.
        ids_written: the user or the layout specifies the ids; otherwise they follow the order of the classes.
        asks_255: 255 is ignored by default only, as the data set does not say what it means.
    """

    space: LabelSpace
    ids: Mapping[int, int] = field(default_factory=dict)
    colors: Mapping[Color, int] = field(default_factory=dict)
    ids_only: bool = False
    ids_written: bool = True
    asks_255: bool = False

    @classmethod
    def of(cls, space: LabelSpace, *, ignored: tuple[int, ...] = ()) -> "MaskCode":
        """Return the code in which values are class ids and colors are those of the label space.

        A color that several classes share means the first of them.

        Args:
            space: the classes.
            ignored: values on disk that are ignored besides 255.
        """
        ids = {value: value for value in range(space.num_classes)}
        colors = {color: value for value, color in reversed(list(enumerate(space.colors)))}
        return cls(space, ids | dict.fromkeys((*ignored, IGNORE_INDEX), IGNORE_INDEX), colors)


@dataclass(frozen=True)
class MaskFacts:
    """Properties of a mask besides its labels.

    Args:
        reading: how its values were read: "id", "color", or "either" if both give the same labels; "" if the labels
            come from no file.
        transparent: number of pixels that are ignored because they are not opaque.
        binary: the values of the mask if the data set does not say what 255 means: "0/1", "0/255", "1-bit", or "more"
            for others; "" if the meaning of 255 is known or the mask holds only 0.
        palette: index -> color of the indices that occur, if a palette was read by index; otherwise empty.
    """

    reading: Reading = ""
    transparent: int = 0
    binary: str = ""
    palette: Mapping[int, Color] = field(default_factory=dict)


@dataclass(frozen=True)
class Mask:
    """A decoded mask: its labels uint8 (H, W), how it is stored, and its other properties."""

    labels: NDArray[np.uint8]
    stored: ImageFacts
    facts: MaskFacts


@dataclass(frozen=True)
class _Channel:
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


def read_mask(place: str, code: MaskCode, *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Return the labels of a mask, uint8 (H, W), ids 0..C-1 of `code.space` or 255.

    A mask with one channel (gray, palette or black and white, up to 32 bits, also signed or whole floating-point
    numbers) is read by the rules at the top of this file. RGB is decoded by `code.colors`. Pixels that are not fully
    opaque are ignored. An EXIF orientation is not applied.

    Raises:
        FileError: the file cannot be read, is stored with loss (JPEG, lossy WEBP), has several frames, or holds
            values or colors that are not in `code` or contradict each other.
    """
    return decode_mask(place, code, max_pixels=max_pixels).labels


def decode_mask(place: str, code: MaskCode, *, max_pixels: int = MAX_PIXELS) -> Mask:
    """Return the labels as `read_mask` does, with the other facts of the mask. Raise FileError for the same reasons."""
    with opened(place, max_pixels) as image:
        raw, stored = raw_mode(image), ImageFacts.of(image)
        channel = _channel_of(image, raw, place)
        if channel is not None:
            labels, facts = _by_value(channel, code, place)
        else:
            rgb = np.asarray(image)
            labels, facts = _by_color(rgb[..., :3], _opaque(image, rgb), code, place)
        return Mask(labels, stored, facts)


@dataclass(frozen=True)
class MaskValues:
    """The values of a mask before they have a meaning.

    Args:
        form: "gray", "1-bit" or "palette" for one channel; "color" for RGB.
        pixels: value -> number of opaque pixels; a color is the value red * 65536 + green * 256 + blue.
        shown: value -> its color; None for an index outside the palette.
    """

    form: Literal["gray", "1-bit", "palette", "color"]
    pixels: Mapping[int, int]
    shown: Mapping[int, Color | None]


def mask_values(place: str, *, max_pixels: int = MAX_PIXELS) -> MaskValues:
    """Return the values of a mask whose classes are not known yet. Raise FileError if the file cannot be a mask."""
    with opened(place, max_pixels) as image:
        channel = _channel_of(image, raw_mode(image), place)
        if channel is not None:
            return MaskValues(channel.form, _pixels_of(channel.values, channel.opaque), channel.shown)
        rgb = np.asarray(image)
        pixels = _pixels_of(_packed(rgb), _opaque(image, rgb))
        return MaskValues("color", pixels, {value: (value >> 16, value >> 8 & 255, value & 255) for value in pixels})


def _pixels_of(values: NDArray[np.integer], opaque: NDArray[np.bool_] | None) -> dict[int, int]:
    """Return value -> number of opaque pixels. Equal neighbors are counted together, which is fast for masks."""
    visible = values.ravel() if opaque is None else values[opaque]
    starts = np.flatnonzero(np.diff(visible, prepend=visible[:1] + 1))
    present, which = np.unique(visible[starts], return_inverse=True)
    pixels = np.bincount(which, np.diff(starts, append=len(visible)), minlength=len(present))
    return {int(value): int(count) for value, count in zip(present, pixels, strict=True)}


def _channel_of(image: Image.Image, raw: str, place: str) -> _Channel | None:
    """Return the mask as one channel; None if it holds RGB colors. Raise FileError if the file cannot be a mask."""
    _require_exact(image, place)
    if ";16" in raw and image.mode not in WIDE_GRAY:
        description = ImageFacts.of(image).description
        raise FileError(place, "mask has several channels of 16 bits", f"{description}, expected one or 8 bits")
    if image.mode not in ("1", "L", "P", "LA", "PA", "F", "RGB", "RGBA", "RGBX", *WIDE_GRAY):
        raise FileError(place, "mask has neither ids nor RGB colors", f"mode {image.mode}")
    return _one_channel(image, raw, place)


def _require_exact(image: Image.Image, place: str) -> None:
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


def _one_channel(image: Image.Image, raw: str, place: str) -> _Channel | None:
    """Return the mask as one channel; None if it holds RGB colors."""
    if image.mode in ("RGB", "RGBA", "RGBX"):
        if image.format != "WEBP":
            return None
        rgb = np.asarray(image)
        if (rgb[..., :3] != rgb[..., :1]).any():  # WebP has no gray mode: gray is stored as three equal channels
            return None
        return _gray(rgb[..., 0], _opaque(image, rgb))
    values = np.asarray(image.getchannel(0) if image.mode in ("LA", "PA") else image)
    if image.mode == "1":
        values = values.astype(np.uint8)
        opaque = _opaque(image, values)
        return _Channel(values, opaque, {v: (255 * v,) * 3 for v in _present(values, opaque)}, "1-bit")
    if image.mode in ("P", "PA"):
        return _indexed(values, _opaque(image, values), image)
    if image.mode == "F":
        values = _whole(values, place)
    if raw in _SPREAD:
        values = values // _SPREAD[raw]
        return _gray(values, _opaque(image, values), spread=_SPREAD[raw])
    if image.mode == "L" and _SIGNED in np.atleast_1d(getattr(image, "tag_v2", {}).get(_SAMPLE_FORMAT, 0)):
        values = values.view(np.int8)
    return _gray(values, _opaque(image, values))


def _gray(values: NDArray[np.integer], opaque: NDArray[np.bool_] | None, *, spread: int = 1) -> _Channel:
    return _Channel(values, opaque, {v: (spread * v,) * 3 for v in _present(values, opaque)}, "gray")


def _indexed(values: NDArray[np.uint8], opaque: NDArray[np.bool_] | None, image: Image.Image) -> _Channel:
    """Return a mask with a palette. A GIF whose palette has only grays is read as gray, as GIF has no gray mode."""
    table = np.reshape(image.getpalette("RGB") or [], (-1, 3)).astype(np.uint8)
    shown = {v: _color(table[v]) if v < len(table) else None for v in _present(values, opaque)}
    if image.format == "GIF" and all(color is not None and _is_gray(color) for color in shown.values()):
        grays = np.zeros(256, np.uint8)
        grays[: len(table)] = table[:, 0]
        return _gray(grays.take(values), opaque)
    return _Channel(values, opaque, shown, "palette")


def _whole(values: NDArray[np.floating], place: str) -> NDArray[np.int64]:
    """Convert whole floating-point numbers to integers. Raise FileError if a number is not whole."""
    broken = values[~(np.isfinite(values) & (np.floor(values) == values) & (np.abs(values) < 2**31))]
    if len(broken):
        detail = f"{len(broken):,} pixels, such as {broken[0]:g}"
        raise FileError(place, "mask holds numbers that are no ids", detail, hint="save the mask as integers")
    return values.astype(np.int64)


def _opaque(image: Image.Image, values: NDArray[np.integer]) -> NDArray[np.bool_] | None:
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
    visible = values.ravel() if opaque is None else values[opaque]
    if visible.dtype not in (np.uint8, np.uint16):
        return [int(value) for value in np.unique(visible)]
    present = np.zeros(np.iinfo(visible.dtype).max + 1, bool)  # takes a tenth of the time of np.unique
    present[visible] = True
    return [int(value) for value in np.flatnonzero(present)]


def _by_value(channel: _Channel, code: MaskCode, place: str) -> tuple[NDArray[np.uint8], MaskFacts]:
    """Return labels and facts of a mask with one channel. Raise FileError for values without a meaning."""
    reading, classes = _meaning(channel, code, place)
    if any(value not in classes for value in channel.shown):
        visible = channel.values.ravel() if channel.opaque is None else channel.values[channel.opaque]
        if reading != "color":
            raise unknown_ids(place, visible, classes, code.space)
        if channel.form != "palette":
            raise FileError(place, "mask holds ids, but this data set's masks are colors", "expected RGB")
        colors = np.zeros((256, 3), np.uint8)
        for value, color in channel.shown.items():
            colors[value] = color or 0
        raise unknown_colors(place, colors[visible], code.colors, code.space, code.ids)
    labels = _labels_of(channel.values, classes)
    if channel.opaque is not None:
        labels[~channel.opaque] = IGNORE_INDEX
    by_index = channel.form == "palette" and reading == "id"
    return labels, MaskFacts(
        reading,
        _transparent(channel.opaque),
        _binary(channel) if code.asks_255 and reading != "color" else "",
        {value: color for value, color in channel.shown.items() if color is not None} if by_index else {},
    )


def _meaning(channel: _Channel, code: MaskCode, place: str) -> tuple[Reading, dict[int, int]]:
    """Return how the values are read, and value -> class id or 255 without the values that have no meaning.

    Raises:
        FileError: a palette contradicts its indices.
    """
    shown = channel.shown
    by_id = _by_id(shown, code)
    by_color = {v: code.colors[color] for v, color in shown.items() if color is not None and color in code.colors}
    if not code.ids or _is_nearly_the_classes(channel, code):
        return "color", by_color
    if not code.colors or not by_color:
        _require_plain_grays(channel, code, place)
        return "id", by_id
    all_ids = len(by_id) == len(shown)
    all_colors = len(by_color) == len(shown)
    contradictory = [value for value in by_color if not _agree(by_id.get(value), by_color[value], code)]
    if all_ids and not contradictory:
        return "either" if all_colors else "id", by_id
    color_of_255 = (
        code.asks_255 and IGNORE_INDEX in by_color
    )  # 255 is not ignored on purpose, and a class has its color
    if all_colors and not code.ids_only and (color_of_255 or not (all_ids and code.ids_written)):
        return "color", by_color
    if channel.form == "palette" and all_ids and (all_colors or not code.ids_written):
        raise _contradiction(channel, contradictory[0], by_id, by_color, code, place)
    if channel.form == "palette" and not all_ids and not code.ids_written:
        return "color", by_color
    return "id", by_id


def _by_id(shown: Mapping[int, Color | None], code: MaskCode) -> dict[int, int]:
    """Return value -> class id or 255. The values themselves are the ids, or, if only those are ids, their grays.

    PNG optimizers store the grays 0 and 255 in one bit, and few grays in few bits or with a palette.
    """
    by_value = {value: code.ids[value] for value in shown if value in code.ids}
    grays = {value: color[0] for value, color in shown.items() if color is not None and _is_gray(color)}
    if len(by_value) == len(shown) or len(grays) < len(shown) or (code.asks_255 and IGNORE_INDEX in grays.values()):
        return by_value
    by_gray = {value: code.ids[gray] for value, gray in grays.items() if gray in code.ids}
    return by_gray if len(by_gray) == len(shown) else by_value


def _is_nearly_the_classes(channel: _Channel, code: MaskCode) -> bool:
    """Return whether a palette holds the colors of the classes, some slightly changed, at other indices than their ids.

    Color quantizers write such masks. If the ids are not written down, the indices must not be taken for ids.
    """
    colors = [color for color in channel.shown.values() if color is not None]
    if channel.form != "palette" or code.ids_written or not 2 <= len(colors) == len(channel.shown):
        return False
    class_colors = np.array(list(code.colors), np.float64)
    distances = np.linalg.norm(np.array(colors)[:, None] - class_colors[None], axis=-1)
    nearest = [list(code.colors.values())[i] for i in distances.argmin(axis=1)]
    deviations = distances.min(axis=1)
    if not 0 < deviations.max() <= NEAR or len(set(nearest)) < len(nearest):
        return False
    return any(not _agree(code.ids.get(v), class_id, code) for v, class_id in zip(channel.shown, nearest, strict=True))


def _agree(by_id: int | None, by_color: int, code: MaskCode) -> bool:
    """Return whether both are the same class, or classes with the same color."""
    if by_id is None or IGNORE_INDEX in (by_id, by_color):
        return by_id == by_color
    return code.space.colors[by_id] == code.space.colors[by_color]


def _require_plain_grays(channel: _Channel, code: MaskCode, place: str) -> None:
    """Raise FileError for a palette of grays that are other ids than their indices: a gray mask with new numbers."""
    grays = {value: color[0] for value, color in channel.shown.items() if color is not None and _is_gray(color)}
    if channel.form != "palette" or not 2 <= len(grays) == len(channel.shown) == len(set(grays.values())):
        return
    if all(value == gray for value, gray in grays.items()):
        return
    if set(grays.values()) == {0, 255}:  # black and white, like one bit
        grays = {value: gray // 255 for value, gray in grays.items()}
    if all(value in code.ids and gray in code.ids for value, gray in grays.items()):
        index = next((value for value, gray in grays.items() if code.ids[value] != code.ids[gray]), None)
        if index is not None:
            detail = f"index {index} stands for gray {channel.shown[index]}"
            hint = "save the masks as gray, without a palette: then the value is the id"
            raise FileError(place, "mask has a palette of grays that contradicts its indices", detail, hint=hint)


def _contradiction(
    channel: _Channel, value: int, by_id: Mapping[int, int], by_color: Mapping[int, int], code: MaskCode, place: str
) -> FileError:
    def name(class_id: int) -> str:
        return "ignored" if class_id == IGNORE_INDEX else code.space.names[class_id]

    detail = f"index {value} is {name(by_id[value])}, its color {channel.shown[value]} is {name(by_color[value])}"
    hint = (
        "if the colors count, save the masks as RGB; if the indices do, save them as gray, without a palette"
        if code.ids_written
        else "if the indices count, give each class its `id:`; if the colors do, save the masks as RGB"
    )
    return FileError(place, "mask has a palette that contradicts its indices", detail, hint=hint)


def _labels_of(values: NDArray[np.integer], class_ids: Mapping[int, int]) -> NDArray[np.uint8]:
    """Map values to labels uint8 (H, W). Values without a class id, which only transparent pixels have, become 255."""
    if values.dtype in (np.uint8, np.uint16):
        table = np.full(np.iinfo(values.dtype).max + 1, IGNORE_INDEX, np.uint8)
        for value, class_id in class_ids.items():
            table[value] = class_id
        return table.take(values)  # takes half the time of table[values]
    present, inverse = np.unique(values, return_inverse=True)
    classes = np.array([class_ids.get(int(value), IGNORE_INDEX) for value in present], np.uint8)
    return classes[inverse].reshape(values.shape)


def _binary(channel: _Channel) -> str:
    """Return the value of `MaskFacts.binary`."""
    present = set(channel.shown)
    if present <= {0}:
        return ""
    if channel.form == "1-bit":
        return "1-bit"
    return "0/1" if present <= {0, 1} else "0/255" if present <= {0, 255} else "more"


def _by_color(
    rgb: NDArray[np.uint8], opaque: NDArray[np.bool_] | None, code: MaskCode, place: str
) -> tuple[NDArray[np.uint8], MaskFacts]:
    """Return labels and facts of an RGB mask. Raise FileError for colors without a meaning."""
    visible = rgb.reshape(-1, 3) if opaque is None else rgb[opaque]
    if not code.colors or code.ids_only:
        cause, hint = ids_in_a_channel(visible, code.ids) or ("", None)
        detail = f"{cause}, expected one channel" if cause else "expected one channel"
        raise FileError(place, "mask holds colors, but this data set's masks are ids", detail, hint=hint)
    classes = _color_table(tuple(code.colors.items())).take(_packed(rgb))
    if opaque is not None:
        classes[~opaque] = IGNORE_INDEX
    if classes.min() == _UNKNOWN:
        raise unknown_colors(place, visible, code.colors, code.space, code.ids)
    return classes.astype(np.uint8), MaskFacts("color", _transparent(opaque))


@lru_cache(maxsize=4)
def _color_table(colors: tuple[tuple[Color, int], ...]) -> NDArray[np.int16]:
    """Return a lookup table (2^24,) int16: packed color -> class id, 255 or `_UNKNOWN`."""
    table = np.full(1 << 24, _UNKNOWN, np.int16)
    for (red, green, blue), class_id in colors:
        table[red << 16 | green << 8 | blue] = class_id
    return table


def _packed(rgb: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return red * 65536 + green * 256 + blue, int32 (H, W)."""
    packed = rgb[..., 0].astype(np.int32)  # channel by channel, as all three as int32 would take four times the memory
    for channel in (1, 2):
        packed <<= 8
        packed |= rgb[..., channel]
    return packed


def _transparent(opaque: NDArray[np.bool_] | None) -> int:
    return 0 if opaque is None else int(np.count_nonzero(~opaque))


def _is_gray(color: Color) -> bool:
    return color[0] == color[1] == color[2]


def _color(values: NDArray[np.uint8]) -> Color:
    red, green, blue = values.tolist()
    return red, green, blue
