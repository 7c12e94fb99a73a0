"""Labels as images, and the files of a prediction: <stem>_ids.png, <stem>_color.png, <stem>_overlay.png."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from streetseg.atomic import atomic_write_bytes
from streetseg.errors import RequestError, first
from streetseg.labels.space import LabelSpace
from streetseg.png import encode_png

KINDS = ("ids", "color", "overlay")
MAKER = "streetseg"  # PNG text "Software" of every file written here
COMPRESSION = 3  # of 9: an overlay takes a third of the time that it takes with the usual 6, and 5 % more room
ImageArray = NDArray[np.uint8]  # RGB (H, W, 3)
Ids = NDArray[np.uint8]  # (H, W)


def result_paths(out: Path, image: Path, *, with_overlay: bool) -> dict[str, Path]:
    """Kind of result -> the file it goes to."""
    kinds = KINDS if with_overlay else KINDS[:2]
    return {kind: out / f"{image.stem}_{kind}.png" for kind in kinds}


def is_result(path: Path) -> bool:
    """Whether an earlier prediction wrote the file."""
    return path.name.endswith(tuple(f"_{kind}.png" for kind in KINDS)) and _is_ours(path)


def require_no_replacement(paths: Iterable[Path]) -> None:
    """Raises RequestError if a file is there that an earlier prediction did not write."""
    foreign = [path for path in paths if path.exists() and not _is_ours(path)]
    if foreign:
        raise RequestError(
            f"{len(foreign)} files are in the way that no earlier prediction wrote",
            where=first(foreign, 5),
            hint="--out DIR writes elsewhere",
        )


def write_results(
    paths: dict[str, Path],
    image: ImageArray,
    ids: Ids,
    space: LabelSpace,
    values: NDArray[np.uint8] | None = None,
) -> None:
    """Writes what `result_paths` names: ids as 8-bit gray of the image's size, colors, image and colors mixed.

    Args:
        paths: kind of result -> its file.
        image: uint8 (H, W, 3).
        ids: uint8 (H, W), ids of `space`.
        space: the classes.
        values: what the file of ids holds for each class, uint8 (C,); None for the ids themselves.
    """
    for kind, path in paths.items():
        match kind:
            case "ids":
                pixels = ids if values is None else values[ids]
            case "color":
                pixels = color_map(ids, space)
            case _:
                pixels = overlay(image, ids, space)
        atomic_write_bytes(path, _png(pixels))


def _png(image: ImageArray | Ids) -> bytes:
    text = PngImagePlugin.PngInfo()
    text.add_text("Software", MAKER)
    return encode_png(image, pnginfo=text, compress_level=COMPRESSION)


def _is_ours(path: Path) -> bool:
    try:
        with Image.open(path, formats=("PNG",)) as image:
            return image.info.get("Software") == MAKER
    except (OSError, UnidentifiedImageError):
        return False


def color_map(ids: Ids, space: LabelSpace) -> ImageArray:
    """Each id in its class's color; ids beyond the classes, ignored ones among them, are black."""
    colors = np.zeros((256, 3), dtype=np.uint8)
    colors[: space.num_classes] = space.colors
    return colors[ids]


def overlay(image: ImageArray, ids: Ids, space: LabelSpace) -> ImageArray:
    """The image, half covered by the colors of its classes."""
    return ((image.astype(np.uint16) + color_map(ids, space)) // 2).astype(np.uint8)
