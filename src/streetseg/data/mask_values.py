"""The values of a mask whose classes are not known yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from streetseg.data.images import MAX_PIXELS, opened, raw_mode
from streetseg.data.mask_channel import one_channel, opaque_pixels, require_exact
from streetseg.data.mask_code import MaskCode
from streetseg.data.packed import packed, unpacked_color
from streetseg.labels.space import Color
from streetseg.labels.tables import STREET_11

_IN_COLORS = MaskCode.of(STREET_11)  # classes with colors, so that RGB is no channel of ids


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
        raw = raw_mode(image)
        require_exact(image, place)
        channel = one_channel(image, raw, place, _IN_COLORS)
        if channel is not None:
            return MaskValues(channel.form, _pixels_of(channel.values, channel.opaque), channel.shown)
        rgb = np.asarray(image)
        pixels = _pixels_of(packed(rgb[..., :3]), opaque_pixels(image, rgb))
        return MaskValues("color", pixels, {value: unpacked_color(value) for value in pixels})


def _pixels_of(values: NDArray[np.integer], opaque: NDArray[np.bool_] | None) -> dict[int, int]:
    """Return value -> number of opaque pixels. Equal neighbors are counted together, which is fast for masks."""
    visible = values.ravel() if opaque is None else values[opaque]
    starts = np.flatnonzero(np.diff(visible, prepend=visible[:1] + 1))
    present, which = np.unique(visible[starts], return_inverse=True)
    pixels = np.bincount(which, np.diff(starts, append=len(visible)), minlength=len(present))
    return {int(value): int(count) for value, count in zip(present, pixels, strict=True)}
