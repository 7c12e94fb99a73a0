"""Labels drawn as images, and the files of a prediction: <name>_ids.png, <name>_color.png, and others by request."""

import io
import json
import zipfile
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from streetseg.atomic import atomic_write_bytes
from streetseg.errors import RequestError, did_you_mean, first
from streetseg.inference.polygons import coco, geojson
from streetseg.labels.space import LabelSpace
from streetseg.png import encode_png_bands

# Kind of result -> how its file is named after the image.
KINDS = {
    "ids": "_ids.png",
    "color": "_color.png",
    "overlay": "_overlay.png",
    "confidence": "_confidence.png",
    "probabilities": "_probabilities.npz",
    "logits": "_logits.npz",
    "coco": "_coco.json",
    "geojson": "_polygons.geojson",
}
USUAL = ("ids", "color")  # written without a request
SCORED = ("confidence", "probabilities", "logits")  # kinds that need the logits, not only the labels
LEGEND = "legend.json"  # beside the colors
MAKER = "streetseg"  # "software" in every file that this module writes; in PNG the text "Software"
COMPRESSION = 3  # zlib level 0..9; an overlay takes a third of the time of the default 6, and is 5 % larger
BAND = 256  # rows that are drawn and encoded at once
ImageArray = NDArray[np.uint8]  # RGB (H, W, 3)
Ids = NDArray[np.uint8]  # (H, W)


def parse_kinds(text: str, known: Collection[str] = tuple(KINDS)) -> tuple[str, ...]:
    """Return the kinds of results, all of `known`, in a list separated by commas. Raises RequestError for another."""
    kinds = tuple(dict.fromkeys(kind.strip() for kind in text.split(",")))
    if unknown := [kind for kind in kinds if kind not in known]:
        hint = did_you_mean(unknown[0], known) or f"one or more of {', '.join(known)}, separated by commas"
        raise RequestError(f"unknown kind of result {unknown[0]!r}", where="--save", hint=hint)
    return kinds


def result_paths(out: Path, name: str, kinds: Sequence[str]) -> dict[str, Path]:
    """Return the path of each kind of result of the image with this name."""
    return {kind: out / f"{name}{KINDS[kind]}" for kind in kinds}


def is_result(path: Path) -> bool:
    """Return whether an earlier prediction wrote the file."""
    return path.name.endswith(tuple(KINDS.values())) and _is_ours(path)


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
    paths: Mapping[str, Path],
    image: ImageArray,
    ids: Ids,
    space: LabelSpace,
    values: NDArray[np.uint8] | None = None,
    scores: Mapping[str, NDArray[np.float16]] | None = None,
) -> None:
    """Write the results of an image, each file in one step.

    Args:
        paths: the path of each kind of result, from `result_paths`.
        image: uint8 (H, W, 3).
        ids: uint8 (H, W), ids of `space`.
        space: the classes.
        values: the pixel value of each class in the file of ids, uint8 (C,); None for the ids themselves.
        scores: the arrays of the kinds in `SCORED`, as `Predictor.scores` returns them.
    """
    scores = scores or {}
    for kind, path in paths.items():
        match kind:
            case "ids":
                data = encode_result(lambda band: ids[band] if values is None else values[ids[band]], len(ids))
            case "color":
                data = encode_result(lambda band: color_map(ids[band], space), len(ids))
            case "overlay":
                data = encode_result(lambda band: overlay(image[band], ids[band], space), len(ids))
            case "confidence":
                data = encode_result(lambda band: _gray(scores["confidence"][band]), len(ids))
            case "coco":
                data = _json(coco(ids, space, path.name.removesuffix(KINDS[kind])))
            case "geojson":
                data = _json(geojson(ids, space))
            case _:
                data = _npz(kind, scores[kind], space)
        atomic_write_bytes(path, data)


def write_legend(out: Path, space: LabelSpace, values: NDArray[np.uint8] | None = None) -> None:
    """Write the class, color and pixel value of each id into OUT/legend.json."""
    rows = [
        {"id": k, "value": k if values is None else int(values[k]), "class": name, "color": list(color)}
        for k, (name, color) in enumerate(zip(space.names, space.colors, strict=True))
    ]
    atomic_write_bytes(out / LEGEND, _json({"space": space.name, "classes": rows}))


def encode_result(draw: Callable[[slice], ImageArray | Ids], height: int) -> bytes:
    """Return the bytes of a PNG file that `is_result` knows as ours.

    Args:
        draw: returns the rows of a slice; it is called for one band of rows after the other, so that no drawn image of
            a large image is in memory as a whole.
        height: the number of rows.
    """
    bands = (draw(slice(top, min(top + BAND, height))) for top in range(0, height, BAND))
    return encode_png_bands(bands, height, text={"Software": MAKER}, level=COMPRESSION)


def _gray(confidence: NDArray[np.float16]) -> Ids:
    """Return probabilities 0..1 as 0..255."""
    return np.rint(confidence.astype(np.float32) * 255).astype(np.uint8)


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps({"software": MAKER, **value}).encode()


def _npz(kind: str, array: NDArray[np.float16], space: LabelSpace) -> bytes:
    file = io.BytesIO()
    arrays: dict[str, Any] = {kind: array, "classes": np.array(space.names), "software": np.array(MAKER)}
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def _is_ours(path: Path) -> bool:
    try:
        match path.suffix:
            case ".npz":
                with np.load(path, allow_pickle=False) as arrays:
                    return "software" in arrays and str(arrays["software"]) == MAKER
            case ".json" | ".geojson":
                return path.read_bytes().startswith(f'{{"software": "{MAKER}"'.encode())
            case _:
                with Image.open(path, formats=("PNG",)) as image:
                    return image.info.get("Software") == MAKER
    except (OSError, ValueError, UnidentifiedImageError, zipfile.BadZipFile):
        return False


def color_map(ids: Ids, space: LabelSpace) -> ImageArray:
    """Return the color of each pixel's class, (H, W) -> (H, W, 3). Other ids, such as ignored pixels, are black."""
    colors = np.zeros((256, 3), dtype=np.uint8)
    colors[: space.num_classes] = space.colors
    return colors[ids]


def overlay(image: ImageArray, ids: Ids, space: LabelSpace) -> ImageArray:
    """Return the mean of the image and the colors of its classes, uint8 (H, W, 3)."""
    return ((image.astype(np.uint16) + color_map(ids, space)) // 2).astype(np.uint8)
