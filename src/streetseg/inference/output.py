"""Labels drawn as images, and the files of a prediction: <stem>_ids.png, <stem>_color.png, <stem>_overlay.png."""

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
MAKER = "streetseg"  # the PNG text "Software" of every file that this module writes
COMPRESSION = 3  # zlib level 0..9; an overlay takes a third of the time of the default 6, and is 5 % larger
ImageArray = NDArray[np.uint8]  # RGB (H, W, 3)
Ids = NDArray[np.uint8]  # (H, W)


def result_paths(out: Path, image: Path, *, with_overlay: bool) -> dict[str, Path]:
    """Return the path of each kind of result of an image."""
    kinds = KINDS if with_overlay else KINDS[:2]
    return {kind: out / f"{image.stem}_{kind}.png" for kind in kinds}


def is_result(path: Path) -> bool:
    """Return whether an earlier prediction wrote the file."""
    return path.name.endswith(tuple(f"_{kind}.png" for kind in KINDS)) and _is_ours(path)


def require_no_replacement(paths: Iterable[Path]) -> None:
    """Raise RequestError if one of the files exists and was not written by an earlier prediction."""
    foreign = [path for path in paths if path.exists() and not _is_ours(path)]
    if foreign:
        raise RequestError(
            f"{len(foreign)} files would be replaced that no earlier prediction wrote",
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
    """Write the results of an image: ids as 8-bit gray, colors, and the overlay of image and colors.

    Args:
        paths: the path of each kind of result, from `result_paths`.
        image: uint8 (H, W, 3).
        ids: uint8 (H, W), ids of `space`.
        space: the classes.
        values: the pixel value of each class in the file of ids, uint8 (C,); None for the ids themselves.
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
    """Return the color of each pixel's class, (H, W) -> (H, W, 3). Other ids, such as ignored pixels, are black."""
    colors = np.zeros((256, 3), dtype=np.uint8)
    colors[: space.num_classes] = space.colors
    return colors[ids]


def overlay(image: ImageArray, ids: Ids, space: LabelSpace) -> ImageArray:
    """Return the mean of the image and the colors of its classes, uint8 (H, W, 3)."""
    return ((image.astype(np.uint16) + color_map(ids, space)) // 2).astype(np.uint8)
