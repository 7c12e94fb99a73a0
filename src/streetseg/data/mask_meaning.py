"""The meaning of the values of a mask with one channel: by id or by color.

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
from typing import Literal

import numpy as np

from streetseg.data.files import FileError
from streetseg.data.mask_channel import Channel, is_gray
from streetseg.data.mask_code import UNKNOWN, MaskCode
from streetseg.data.unknown import NEAR
from streetseg.labels.space import IGNORE_INDEX, Color

Reading = Literal["", "id", "color", "either"]


def meaning(channel: Channel, code: MaskCode, place: str) -> tuple[Reading, dict[int, int]]:
    """Return how the values are read, and value -> class id or 255 without the values that have no meaning.

    Raises:
        FileError: a palette contradicts its indices.
    """
    shown = channel.shown
    by_id = _by_id(shown, code)
    by_color = _by_color(channel, code)
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


def _by_color(channel: Channel, code: MaskCode) -> dict[int, int]:
    """Return value -> class id or 255 of the values that stand for a color with a meaning.

    The tolerance is for palettes only: the grays of ids are no colors that are nearly those of a class.
    """
    shown = {value: color for value, color in channel.shown.items() if color is not None}
    if channel.form != "palette":
        return {value: code.colors[color] for value, color in shown.items() if color in code.colors}
    classes = code.classes_of(np.array(list(shown.values()), np.uint8).reshape(-1, 3))
    return {value: int(class_id) for value, class_id in zip(shown, classes, strict=True) if class_id != UNKNOWN}


def _by_id(shown: Mapping[int, Color | None], code: MaskCode) -> dict[int, int]:
    """Return value -> class id or 255. The values themselves are the ids, or, if only those are ids, their grays.

    PNG optimizers store the grays 0 and 255 in one bit, and few grays in few bits or with a palette.
    """
    by_value = {value: code.ids[value] for value in shown if value in code.ids}
    grays = {value: color[0] for value, color in shown.items() if color is not None and is_gray(color)}
    if len(by_value) == len(shown) or len(grays) < len(shown) or (code.asks_255 and IGNORE_INDEX in grays.values()):
        return by_value
    by_gray = {value: code.ids[gray] for value, gray in grays.items() if gray in code.ids}
    return by_gray if len(by_gray) == len(shown) else by_value


def _is_nearly_the_classes(channel: Channel, code: MaskCode) -> bool:
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


def _require_plain_grays(channel: Channel, code: MaskCode, place: str) -> None:
    """Raise FileError for a palette of grays that are other ids than their indices: a gray mask with new numbers."""
    grays = {value: color[0] for value, color in channel.shown.items() if color is not None and is_gray(color)}
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
    channel: Channel, value: int, by_id: Mapping[int, int], by_color: Mapping[int, int], code: MaskCode, place: str
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
