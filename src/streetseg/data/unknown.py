"""What to say of a mask with values that mean nothing: which they are, what they come from, and the cure."""

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from streetseg.data.files import FileError
from streetseg.errors import first
from streetseg.labels.space import IGNORE_INDEX, Color, LabelSpace

_LISTED = 5  # unknown ids or colors named in one message
_MANY = 12  # distinct unknown values that are no accident
_COMPARED = 300  # of the unknown colors, the most frequent first
_MOST = 0.8  # share of the unknown values that must fit a cause
_BETWEEN = 12.0  # distance in RGB of a mixed color to a line between two others; a little of a third may be in it
NEAR = 16.0  # distance in RGB that storing with loss moves a color
_FEW = 0.001  # share of a mask's pixels that is a slip of the brush

_NO_TOLERANCE = "a tolerance for colors is not supported yet"


def unknown_ids(place: str, values: NDArray[np.integer], meant: Mapping[int, int], space: LabelSpace) -> FileError:
    """The error of a mask of one channel.

    Args:
        place: the mask.
        values: its values, in any shape.
        meant: value -> class id or 255.
        space: the classes.
    """
    present, pixels = np.unique(values, return_counts=True)
    known = np.array([int(value) in meant for value in present])
    strangers = present[~known]
    words = [
        f"{'ids' if len(strangers) > 1 else 'id'} {', '.join(first(strangers.tolist(), _LISTED))}",
        f"{pixels[~known].sum():,} pixels",
    ]
    hint = "`ignore:` in a folder:FILE.yaml names ids that count nowhere"
    lowest, highest = present[known][[0, -1]] if known.any() else (0, 0)
    if len(strangers) >= _MANY and ((strangers > lowest) & (strangers < highest)).mean() >= _MOST:
        words.append("soft edges, as from resizing with interpolation or drawing with antialiasing")
        hint = "resize masks with nearest neighbor and draw them without antialiasing"
    problem = f"mask holds ids outside the label space {space.name} (0 to {space.num_classes - 1})"
    return FileError(place, problem, "; ".join(words), hint=hint)


def unknown_colors(
    place: str, colors: NDArray[np.uint8], meant: Mapping[Color, int], space: LabelSpace, ids: Collection[int]
) -> FileError:
    """The error of a mask of colors.

    Args:
        place: the mask.
        colors: the color of each pixel, uint8 (N, 3).
        meant: color -> class id or 255.
        space: the classes.
        ids: what masks of one channel may hold.
    """
    present, pixels = _distinct(colors)
    known = np.array([_color(color) in meant for color in present])
    order = np.argsort(-pixels[~known], kind="stable")
    strangers, counts = present[~known][order], pixels[~known][order]
    words = [
        f"{_color(color)} {count:,} pixels, nearest {_nearest(_color(color), meant, space)}"
        for color, count in zip(strangers[:_LISTED], counts, strict=False)
    ]
    if len(order) > _LISTED:
        words.append(f"and {len(order) - _LISTED} more colors")
    cause, hint = _cause(strangers, counts, present, known, len(colors), meant, ids)
    problem = f"mask holds colors outside the label space {space.name}"
    return FileError(place, problem, "; ".join([*words, cause] if cause else words), hint=hint)


def ids_in_a_channel(colors: NDArray[np.uint8], ids: Collection[int]) -> tuple[str, str] | None:
    """The cause and the cure, where the colors are nothing but ids in one channel or in all three.

    Args:
        colors: the color of each pixel, uint8 (N, 3).
        ids: what masks of one channel may hold.
    """
    colors, _ = _distinct(colors)
    used = colors.any(axis=0)
    if not used.any() or not {int(value) for value in colors.max(axis=1)} <= set(ids):
        return None
    if (colors == colors[:, :1]).all():
        return "all three channels hold the same ids", "save one channel of the mask alone"
    if used.sum() > 1:
        return None
    channel = int(used.argmax())
    entry = ", ".join("ID" if i == channel else "0" for i in range(3))
    name = ("red", "green", "blue")[channel]
    return (
        f"ids in the {name} channel alone, as CARLA writes them",
        f"give each class `color: [{entry}]` in a folder:FILE.yaml, or save the {name} channel alone",
    )


def _cause(
    strangers: NDArray[np.uint8],
    counts: NDArray[np.integer],
    present: NDArray[np.uint8],
    known: NDArray[np.bool_],
    total: int,
    meant: Mapping[Color, int],
    ids: Collection[int],
) -> tuple[str, str]:
    """What the unknown colors come from, as far as they show it, and the cure."""
    if found := ids_in_a_channel(present, ids):
        return found
    if all(_color(color[::-1]) in meant for color in strangers):
        return (
            "with red and blue exchanged every color is known: the masks were saved in BGR order",
            "save the masks again with red and blue exchanged (OpenCV writes and reads BGR)",
        )
    if len(strangers) >= _MANY:
        classes = np.array(list(meant), np.float64)
        distances = np.linalg.norm(strangers[:_COMPARED, None] - classes[None], axis=-1).min(axis=1)
        if (counts[:_COMPARED] * (distances <= NEAR)).sum() >= 0.9 * counts[:_COMPARED].sum():
            return (
                "colors scattered around those of the classes, as JPEG leaves behind",
                f"export the masks again without loss; {_NO_TOLERANCE}",
            )
        ends = present[known] if known.sum() > 1 else classes
        if (_off_the_lines(strangers[:_COMPARED], ends) <= _BETWEEN).mean() >= _MOST:
            return (
                "soft edges, as from resizing with interpolation or drawing with antialiasing",
                f"resize masks with nearest neighbor and draw them without antialiasing; {_NO_TOLERANCE}",
            )
    if counts.sum() <= _FEW * total:
        return (
            "a few stray pixels",
            f"repaint them, or name their colors in `ignore_color:` of a folder:FILE.yaml; {_NO_TOLERANCE}",
        )
    return "", (
        "`ignore_color:` in a folder:FILE.yaml names colors that count nowhere,"
        " and `color:` takes several colors of one class"
    )


def _off_the_lines(colors: NDArray[np.uint8], ends: NDArray[np.number]) -> NDArray[np.float64]:
    """Distance of each color to the closest line between two of `ends`, float64 (N,)."""
    points = colors.astype(np.float64)[:, None]
    first, second = np.triu_indices(len(ends), 1)
    start = ends.astype(np.float64)[first]
    way = ends.astype(np.float64)[second] - start
    along = ((points - start) * way).sum(axis=-1) / (way**2).sum(axis=-1)
    closest = start + along.clip(0, 1)[..., None] * way
    distances: NDArray[np.float64] = np.linalg.norm(points - closest, axis=-1).min(axis=1)
    return distances


def _nearest(color: Color, meant: Mapping[Color, int], space: LabelSpace) -> str:
    """Name of the class whose color is closest."""
    closest = min(meant, key=lambda known: sum((a - b) ** 2 for a, b in zip(color, known, strict=True)))
    return "the ignored color" if meant[closest] == IGNORE_INDEX else space.names[meant[closest]]


def _distinct(colors: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
    """The colors among uint8 (N, 3), uint8 (M, 3), and the pixels of each. Packed, which sorts 20 times as fast."""
    packed, pixels = np.unique(colors @ np.array([1 << 16, 1 << 8, 1]), return_counts=True)
    return np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=-1).astype(np.uint8), pixels


def _color(values: NDArray[np.uint8]) -> Color:
    red, green, blue = values.tolist()
    return red, green, blue
