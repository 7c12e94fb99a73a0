"""Draw the polygons of Cityscapes' JSON files as labels; IDD's files have the same format.

Objects are filled by Pillow in the order of the file, so that later ones cover earlier ones. The publishers' scripts
(cityscapesScripts, AutoNUE) do the same.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from streetseg.data.files import FileError, read_bytes
from streetseg.data.images import require_few_pixels
from streetseg.labels.space import IGNORE_INDEX

POLYGONS = ".json"
_FARTHEST = 1e6  # largest coordinate, in pixels: more is no point of an image
_GROUP = "group"  # the name of a group of objects that are not told apart is the name of one of them and this


def read_polygons(place: str, labels: Mapping[str, int], max_pixels: int) -> NDArray[np.uint8]:
    """Return the labels, uint8 (H, W), of a file of polygons; what no polygon covers is ignored.

    Args:
        place: the file.
        labels: name of an object -> class id or 255.
        max_pixels: the largest allowed number of pixels.

    Raises:
        FileError: the file cannot be read, is no such JSON, or names an object that is not in `labels`.
    """
    try:
        content = json.loads(read_bytes(place))
        height, width = int(content["imgHeight"]), int(content["imgWidth"])
        objects = [one for one in content["objects"] if not one.get("deleted")]
        if height < 1 or width < 1:
            raise ValueError(f"an image of {height}x{width}")
        require_few_pixels(place, height * width, max_pixels)
        image = Image.new("L", (width, height), IGNORE_INDEX)
        for one in objects:
            _draw(ImageDraw.Draw(image), one, labels, place)
    except FileError:
        raise
    # A file of another format lacks keys or has values of other types.
    except (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError) as failure:
        problem = "file holds no polygons in Cityscapes' format"
        raise FileError(place, problem, f"{type(failure).__name__}: {failure}") from failure
    return np.asarray(image)


def _draw(drawing: ImageDraw.ImageDraw, thing: Mapping[str, Any], labels: Mapping[str, int], place: str) -> None:
    name = str(thing["label"])
    name = name if name in labels else name.removesuffix(_GROUP)
    if name not in labels:
        hint = f"known are {', '.join(labels)}" if labels else "masks: names files of pixels"
        raise FileError(place, "file names an object that the label space lacks", thing["label"], hint=hint)
    points = [(float(x), float(y)) for x, y in thing["polygon"]]
    if not all(abs(value) <= _FARTHEST for point in points for value in point):
        raise ValueError("a point far outside the image")
    if len(points) > 1:
        drawing.polygon(points, fill=labels[name])
