"""Read one mask as labels: by its ids, or by its colors through a lookup table. Values are never guessed or clipped."""

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from streetseg.data.files import FileError, read_bytes
from streetseg.data.formats import ARRAY
from streetseg.data.images import MAX_PIXELS, ImageFacts, opened, raw_mode, require_few_pixels
from streetseg.data.mask_channel import Channel, gray, one_channel, opaque_pixels, require_exact, whole_numbers
from streetseg.data.mask_code import UNKNOWN, MaskCode
from streetseg.data.mask_meaning import Reading, meaning
from streetseg.data.packed import packed, packed_color, unpacked
from streetseg.data.polygons import POLYGONS, read_polygons
from streetseg.data.unknown import ids_in_a_channel, unknown_colors, unknown_ids
from streetseg.labels.space import IGNORE_INDEX, Color


@dataclass(frozen=True)
class MaskFacts:
    """Properties of a mask besides its labels.

    Args:
        reading: how its values were read: "id", "color", or "either" if both give the same labels; "" if the labels
            come from no file of pixels.
        transparent: number of pixels that are ignored because they are not opaque.
        binary: the values of the mask if the data set does not say what 255 means: "0/1", "0/255", "1-bit", or "more"
            for others; "" if the meaning of 255 is known or the mask holds only 0.
        palette: index -> color of the indices that occur, if a palette was read by index; otherwise empty.
        near: number of pixels whose color is not that of a class, but within the tolerance of one.
        other: number of pixels without a meaning that are ignored because the data set says so.
    """

    reading: Reading = ""
    transparent: int = 0
    binary: str = ""
    palette: Mapping[int, Color] = field(default_factory=dict)
    near: int = 0
    other: int = 0


@dataclass(frozen=True)
class Mask:
    """A decoded mask: its labels uint8 (H, W), its other properties, and how it is stored."""

    labels: NDArray[np.uint8]
    facts: MaskFacts
    stored: ImageFacts


def read_mask(place: str, code: MaskCode, *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Return the labels of a mask, uint8 (H, W), ids 0..C-1 of `code.space` or 255.

    A mask with one channel (gray, palette or black and white, up to 32 bits, also signed or whole floating-point
    numbers) is read by the rules of `mask_meaning`. RGB is decoded by `code.colors`. Pixels that are not fully opaque
    are ignored. An EXIF orientation is not applied. NumPy arrays (.npy) of ids (H, W) or of colors (H, W, 3) and
    polygons in Cityscapes' format (.json) are read, too.

    Raises:
        FileError: the file cannot be read, is stored with loss (JPEG, lossy WEBP), has several frames, or holds
            values or colors that are not in `code` or contradict each other.
    """
    return decode_mask(place, code, max_pixels=max_pixels).labels


def decode_mask(place: str, code: MaskCode, *, max_pixels: int = MAX_PIXELS) -> Mask:
    """Return the labels as `read_mask` does, with the other facts of the mask. Raise FileError for the same reasons."""
    ending = PurePosixPath(place).suffix.lower()
    if ending == POLYGONS:
        labels = read_polygons(place, code.labels, max_pixels)
        return Mask(labels, MaskFacts(), ImageFacts("polygons JSON", (labels.shape[0], labels.shape[1])))
    return _of_array(place, code, max_pixels) if ending == ARRAY else _of_image(place, code, max_pixels)


def _of_image(place: str, code: MaskCode, max_pixels: int) -> Mask:
    with opened(place, max_pixels) as image:
        raw, stored = raw_mode(image), ImageFacts.of(image)
        require_exact(image, place)
        channel = one_channel(image, raw, place, code)
        if channel is not None:
            return Mask(*_by_value(channel, code, place), stored)
        rgb = np.asarray(image)
        return Mask(*_by_color(rgb[..., :3], opaque_pixels(image, rgb), code, place), stored)


def _of_array(place: str, code: MaskCode, max_pixels: int) -> Mask:
    """Return the mask in a NumPy file: whole numbers (H, W) are ids, uint8 (H, W, 3) are colors."""
    data = read_bytes(place)
    try:
        if data.startswith(np.lib.format.MAGIC_PREFIX):
            _require_whole(io.BytesIO(data), len(data))
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except FileError:
        raise
    except Exception as failure:  # a damaged header raises exceptions of many types
        raise FileError(place, "file is no NumPy array", str(failure)) from failure
    if not isinstance(array, np.ndarray):
        raise FileError(place, "file is no NumPy array", "several arrays in an archive (.npz)")
    found = f"{array.dtype} of shape {array.shape}"
    if array.ndim not in (2, 3) or array.size == 0 or array.dtype.kind not in "biuf":
        raise FileError(place, "mask is no array of ids (H, W)", found)
    require_few_pixels(place, array.shape[0] * array.shape[1], max_pixels)
    stored = ImageFacts(f"{array.dtype} NPY", (array.shape[0], array.shape[1]))
    if array.ndim == 3:
        if array.dtype != np.uint8 or array.shape[2] != 3:
            raise FileError(place, "mask is neither ids (H, W) nor colors (H, W, 3) in uint8", found)
        return Mask(*_by_color(array, None, code, place), stored)
    values: NDArray[np.integer] = array.astype(np.uint8) if array.dtype.kind == "b" else array
    if array.dtype.kind == "f":
        values = whole_numbers(array, place)
    return Mask(*_by_value(gray(values, None), code, place), stored)


def _require_whole(file: io.BytesIO, size: int) -> None:
    """Raise ValueError if a NumPy file is shorter than its header says, which may say any number."""
    version = np.lib.format.read_magic(file)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = header(file)
    if math.prod(shape) * dtype.itemsize > size:
        raise ValueError(f"{size:,} bytes, too few for {dtype} of shape {shape}")


def _by_value(channel: Channel, code: MaskCode, place: str) -> tuple[NDArray[np.uint8], MaskFacts]:
    """Return labels and facts of a mask with one channel. Raise FileError for values without a meaning."""
    reading, classes = meaning(channel, code, place)
    others = [value for value in channel.shown if value not in classes]
    if others and not code.others_ignored:
        raise _without_meaning(channel, reading, classes, code, place)
    labels = _labels_of(channel.values, classes)
    if channel.opaque is not None:
        labels[~channel.opaque] = IGNORE_INDEX
    by_index = channel.form == "palette" and reading == "id"
    near = [v for v, color in channel.shown.items() if reading == "color" and v in classes and color not in code.colors]
    return labels, MaskFacts(
        reading,
        _transparent(channel.opaque),
        _binary(channel) if code.asks_255 and reading != "color" else "",
        {value: color for value, color in channel.shown.items() if color is not None} if by_index else {},
        _pixels_of(channel, near),
        _pixels_of(channel, others),
    )


def _without_meaning(
    channel: Channel, reading: Reading, classes: Mapping[int, int], code: MaskCode, place: str
) -> FileError:
    """Return the error for a mask with values that have no meaning."""
    visible = channel.values.ravel() if channel.opaque is None else channel.values[channel.opaque]
    if reading != "color":
        return unknown_ids(place, visible, classes, code.space)
    if channel.form != "palette":
        return FileError(place, "mask holds ids, but this data set's masks are colors", "expected RGB")
    colors = np.zeros((256, 3), np.uint8)
    for value, color in channel.shown.items():
        colors[value] = color or 0
    return unknown_colors(place, colors[visible], code)


def _pixels_of(channel: Channel, values: Sequence[int]) -> int:
    """Return the number of opaque pixels with one of the values."""
    if not values:
        return 0
    held = np.isin(channel.values, values)
    return int(np.count_nonzero(held if channel.opaque is None else held & channel.opaque))


def _labels_of(values: NDArray[np.integer], class_ids: Mapping[int, int]) -> NDArray[np.uint8]:
    """Map values to labels uint8 (H, W). Values without a class id become 255."""
    if values.dtype in (np.uint8, np.uint16):
        table = np.full(np.iinfo(values.dtype).max + 1, IGNORE_INDEX, np.uint8)
        for value, class_id in class_ids.items():
            table[value] = class_id
        return table.take(values)  # takes half the time of table[values]
    present, inverse = np.unique(values, return_inverse=True)
    classes = np.array([class_ids.get(int(value), IGNORE_INDEX) for value in present], np.uint8)
    return classes[inverse].reshape(values.shape)


def _binary(channel: Channel) -> str:
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
    numbers = packed(rgb)
    classes = _color_table(tuple(code.colors.items())).take(numbers)
    if opaque is not None:
        classes[~opaque] = IGNORE_INDEX
    unknown = classes == UNKNOWN
    near = other = 0
    if code.tolerance and unknown.any():
        strays, where = np.unique(numbers[unknown], return_inverse=True)
        classes[unknown] = code.classes_of(unpacked(strays))[where]
        near = int(np.count_nonzero(unknown & (classes != UNKNOWN)))
        unknown = classes == UNKNOWN
    if unknown.any():
        if not code.others_ignored:
            raise unknown_colors(place, visible, code)
        other = int(np.count_nonzero(unknown))
        classes[unknown] = IGNORE_INDEX
    return classes.astype(np.uint8), MaskFacts("color", _transparent(opaque), near=near, other=other)


@lru_cache(maxsize=4)
def _color_table(colors: tuple[tuple[Color, int], ...]) -> NDArray[np.int16]:
    """Return a lookup table (2^24,) int16: packed color -> class id, 255 or `UNKNOWN`."""
    table = np.full(1 << 24, UNKNOWN, np.int16)
    for color, class_id in colors:
        table[packed_color(color)] = class_id
    return table


def _transparent(opaque: NDArray[np.bool_] | None) -> int:
    return 0 if opaque is None else int(np.count_nonzero(~opaque))
