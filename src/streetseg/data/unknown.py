"""Errors for masks with unknown values: they name the values, their likely cause, and the cure."""

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from streetseg.data.files import FileError
from streetseg.data.mask_code import CHANNELS, UNKNOWN, MaskCode
from streetseg.data.packed import packed, unpacked
from streetseg.errors import first
from streetseg.labels.space import IGNORE_INDEX, Color, LabelSpace

_LISTED = 5  # unknown ids or colors named in one message
_MANY = 12  # with this many distinct unknown values, a systematic cause is likely
_COMPARED = 300  # largest number of unknown colors to compare, the most frequent first
_MOST = 0.8  # least share of the unknown values that must fit a cause
_BETWEEN = 12.0  # largest RGB distance of a blend of two colors from the line between them
NEAR = 16.0  # largest RGB distance by which lossy compression moves a color
_FEW = 0.001  # largest share of pixels that counts as a few stray pixels

_TOLERANCE = "data.tolerance=N takes each color for the nearest one of a class within that RGB distance"


def unknown_ids(place: str, values: NDArray[np.integer], classes: Mapping[int, int], space: LabelSpace) -> FileError:
    """Return the error of a mask of one channel with unknown ids.

    Args:
        place: the mask.
        values: its values, in any shape.
        classes: value -> class id or 255.
        space: the label space.
    """
    present, pixels = np.unique(values, return_counts=True)
    known = np.array([int(value) in classes for value in present])
    unknown = present[~known]
    details = [
        f"{'ids' if len(unknown) > 1 else 'id'} {', '.join(first(unknown.tolist(), _LISTED))}",
        f"{pixels[~known].sum():,} pixels",
    ]
    hint = "`ignore:` in a folder:FILE.yaml names ids to ignore, and `other: ignore` ignores all others"
    lowest, highest = present[known][[0, -1]] if known.any() else (0, 0)
    if len(unknown) >= _MANY and ((unknown > lowest) & (unknown < highest)).mean() >= _MOST:
        details.append("soft edges, as from resizing with interpolation or drawing with antialiasing")
        hint = "resize masks with nearest neighbor and draw them without antialiasing"
    problem = f"mask holds ids outside the label space {space.name} (0 to {space.num_classes - 1})"
    return FileError(place, problem, "; ".join(details), hint=hint)


def unknown_colors(place: str, colors: NDArray[np.uint8], code: MaskCode) -> FileError:
    """Return the error of an RGB mask with unknown colors.

    Args:
        place: the mask.
        colors: the color of each pixel, uint8 (N, 3).
        code: how the masks encode the class of a pixel.
    """
    classes, space = code.colors, code.space
    present, pixels = _distinct(colors)
    known = code.classes_of(present) != UNKNOWN
    order = np.argsort(-pixels[~known], kind="stable")
    unknown, counts = present[~known][order], pixels[~known][order]
    details = [
        f"{_color(color)} {count:,} pixels, nearest {_nearest(_color(color), classes, space)}"
        for color, count in zip(unknown[:_LISTED], counts, strict=False)
    ]
    if len(order) > _LISTED:
        details.append(f"and {len(order) - _LISTED} more colors")
    cause, hint = _cause(unknown, counts, present, known, len(colors), classes, code.ids)
    problem = f"mask holds colors outside the label space {space.name}"
    return FileError(place, problem, "; ".join([*details, cause] if cause else details), hint=hint)


def ids_in_a_channel(colors: NDArray[np.uint8], ids: Collection[int]) -> tuple[str, str] | None:
    """Return cause and cure if the colors are ids in one channel or the same ids in all three; otherwise None.

    Args:
        colors: the color of each pixel, uint8 (N, 3).
        ids: the values that masks of one channel may hold.
    """
    colors, _ = _distinct(colors)
    used = colors.any(axis=0)
    if not used.any() or not {int(value) for value in colors.max(axis=1)} <= set(ids):
        return None
    if (colors == colors[:, :1]).all():
        return "all three channels hold the same ids", "`channel: red` in a folder:FILE.yaml reads one of them"
    if used.sum() > 1:
        return None
    channel = int(used.argmax())
    name = CHANNELS[channel]
    return (
        f"ids in the {name} channel alone, as CARLA writes them",
        f"`channel: {name}` in a folder:FILE.yaml reads that channel",
    )


def _cause(
    unknown: NDArray[np.uint8],
    counts: NDArray[np.integer],
    present: NDArray[np.uint8],
    known: NDArray[np.bool_],
    total: int,
    classes: Mapping[Color, int],
    ids: Collection[int],
) -> tuple[str, str]:
    """Return the likely cause of the unknown colors, "" if there is none, and the cure.

    Args:
        unknown: the unknown colors, the most frequent first, uint8 (U, 3).
        counts: the pixels of each of them, (U,).
        present: all distinct colors of the mask, uint8 (M, 3).
        known: bool (M,), which of them are known.
        total: the pixels of the mask.
        classes: color -> class id or 255.
        ids: the values that masks of one channel may hold.
    """
    if cause_and_cure := ids_in_a_channel(present, ids):
        return cause_and_cure
    if all(_color(color[::-1]) in classes for color in unknown):
        return (
            "with red and blue exchanged every color is known: the masks were saved in BGR order",
            "save the masks again with red and blue exchanged (OpenCV writes and reads BGR)",
        )
    if len(unknown) >= _MANY:
        class_colors = np.array(list(classes), np.float64)
        distances = np.linalg.norm(unknown[:_COMPARED, None] - class_colors[None], axis=-1).min(axis=1)
        if (counts[:_COMPARED] * (distances <= NEAR)).sum() >= 0.9 * counts[:_COMPARED].sum():
            return (
                "colors scattered around those of the classes, as JPEG leaves behind",
                f"export the masks again without loss; {_TOLERANCE}",
            )
        ends = present[known] if known.sum() > 1 else class_colors
        if (_distances_to_lines(unknown[:_COMPARED], ends) <= _BETWEEN).mean() >= _MOST:
            return (
                "soft edges, as from resizing with interpolation or drawing with antialiasing",
                f"resize masks with nearest neighbor and draw them without antialiasing; {_TOLERANCE}",
            )
    if counts.sum() <= _FEW * total:
        return (
            "a few stray pixels",
            f"repaint them, or name their colors in `ignore_color:` of a folder:FILE.yaml; {_TOLERANCE}",
        )
    return "", (
        "in a folder:FILE.yaml `ignore_color:` names colors to ignore, `other: ignore` ignores all others, and `color:`"
        " takes several colors of one class"
    )


def _distances_to_lines(colors: NDArray[np.uint8], ends: NDArray[np.number]) -> NDArray[np.float64]:
    """Return the distance of each color to the closest line between two of `ends`, float64 (N,)."""
    points = colors.astype(np.float64)[:, None]
    first, second = np.triu_indices(len(ends), 1)
    start = ends.astype(np.float64)[first]
    direction = ends.astype(np.float64)[second] - start
    along = ((points - start) * direction).sum(axis=-1) / (direction**2).sum(axis=-1)
    closest = start + along.clip(0, 1)[..., None] * direction
    distances: NDArray[np.float64] = np.linalg.norm(points - closest, axis=-1).min(axis=1)
    return distances


def _nearest(color: Color, classes: Mapping[Color, int], space: LabelSpace) -> str:
    """Return the name of the class with the closest color."""
    closest = min(classes, key=lambda known: sum((a - b) ** 2 for a, b in zip(color, known, strict=True)))
    return "the ignored color" if classes[closest] == IGNORE_INDEX else space.names[classes[closest]]


def _distinct(colors: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
    """Return the distinct colors of uint8 (N, 3), as uint8 (M, 3), and the pixels of each.

    Each color is packed into one integer, which sorts 20 times as fast.
    """
    numbers, pixels = np.unique(packed(colors), return_counts=True)
    return unpacked(numbers), pixels


def _color(values: NDArray[np.uint8]) -> Color:
    red, green, blue = values.tolist()
    return red, green, blue
