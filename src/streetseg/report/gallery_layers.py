"""The layers of one exhibit: image, ground truth, predicted labels and maps of correct and incorrect pixels.

Large areas carry their class name, so that color is not the only distinction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from streetseg.evaluation.error_maps import dispute_map, error_map
from streetseg.inference.output import Ids, ImageArray
from streetseg.labels.space import LabelSpace
from streetseg.metrics.confusion import confusion
from streetseg.report.page import jpeg_uri, png_uri

SMALLEST = 0.02  # smallest share of the image that a class must cover to be named
RASTER = 96  # longest side of the reduced map in which the position of a name is searched
TAGGED_WIDTH = 304  # the smallest width in pixels at which an image has tags: 19rem in report.css
TAG_CHARACTER, TAG_PADDING, TAG_HEIGHT = 8.0, 12.0, 20.0  # size of a tag in pixels, in the widest of the fonts
WIDEST = 640  # longest side of a shown image in pixels; it keeps the file small


@dataclass(frozen=True)
class Tag:
    """A class name, its center and its half size, in percent of the image from the left and from the top."""

    name: str
    left: float
    top: float
    half_width: float
    half_height: float

    def overlaps(self, other: "Tag") -> bool:
        """Return whether the two cover each other."""
        return (
            abs(self.left - other.left) < self.half_width + other.half_width
            and abs(self.top - other.top) < self.half_height + other.half_height
        )


def tags(ids: NDArray[np.uint8], names: Sequence[str]) -> tuple[Tag, ...]:
    """Return one tag for each class that covers enough of the map (H, W), the largest first.

    A tag stands at the point of its class that is farthest from the border of the class, moved aside where the border
    of the image would cut it. A tag that would cover that of a larger class is left out.
    """
    scale = min(1.0, RASTER / max(ids.shape))
    size = (max(1, round(ids.shape[1] * scale)), max(1, round(ids.shape[0] * scale)))
    small = np.asarray(Image.fromarray(ids).resize(size, Image.Resampling.NEAREST))
    areas = np.bincount(small.ravel(), minlength=256)[: len(names)] / small.size
    placed: list[Tag] = []
    for index in np.argsort(-areas, kind="stable"):
        half_width = 50 * (TAG_CHARACTER * len(names[index]) + TAG_PADDING) / TAGGED_WIDTH
        half_height = 50 * TAG_HEIGHT / TAGGED_WIDTH * size[0] / size[1]
        if areas[index] < SMALLEST or max(half_width, half_height) > 50:
            continue
        row, column = deepest(small == index)
        left = min(max(100 * (column + 0.5) / size[0], half_width), 100 - half_width)
        top = min(max(100 * (row + 0.5) / size[1], half_height), 100 - half_height)
        tag = Tag(names[index], left, top, half_width, half_height)
        if not any(tag.overlaps(other) for other in placed):
            placed.append(tag)
    return tuple(placed)


def deepest(area: NDArray[np.bool_]) -> tuple[int, int]:
    """Return row and column of the point of an area, bool (H, W), that repeated erosion removes last."""
    core = np.pad(area, 1)
    while True:
        inner = core.copy()
        inner[1:-1, 1:-1] &= core[:-2, 1:-1] & core[2:, 1:-1] & core[1:-1, :-2] & core[1:-1, 2:]
        if not inner.any():
            break
        core = inner
    rows, columns = np.nonzero(core)
    middle = len(rows) // 2
    return int(rows[middle]) - 1, int(columns[middle]) - 1


@dataclass(frozen=True)
class Layer:
    """One image of an exhibit, inlined.

    Args:
        title: title of the layer.
        alt: description for screen readers, with the most important numbers.
        uri: the image as a data: URI.
        width, height: size of the image in pixels.
        tags: class names and their positions.
        encoders: indices of the encoders that it shows, in rank order.
    """

    title: str
    alt: str
    uri: str
    width: int
    height: int
    tags: tuple[Tag, ...] = ()
    encoders: tuple[int, ...] = ()


@dataclass(frozen=True)
class MapKey:
    """A pattern of the maps and its meaning."""

    name: str
    uri: str


def layers(
    name: str,
    image: ImageArray,
    ground_truth: Ids,
    predictions: Sequence[Ids],
    space: LabelSpace,
    letters: Sequence[str],
) -> tuple[Layer, ...]:
    """Return all layers of one image, in the aspect ratio of the ground truth, at most WIDEST pixels long.

    The order is: image, ground truth, predictions in rank order, maps of correct pixels in rank order, the first
    encoder against each other one.

    Args:
        name: the name of the sample.
        image: uint8 RGB (H, W, 3).
        ground_truth: uint8 (h, w), ids of `space` or its ignore index.
        predictions: for each encoder labels, uint8, of any size; compared with the ground truth at the size that is
            shown.
        space: the label space.
        letters: the short names of the encoders, in rank order.
    """
    size = height, width = shown_size(ground_truth)
    image = shown_photograph(image, size)
    ground_truth = shown_labels(ground_truth, size)
    predicted = dict(zip(letters, (shown_labels(ids, size) for ids in predictions), strict=True))
    best, *others = letters
    index = {letter: k for k, letter in enumerate(letters)}
    return (
        Layer("Image", f"{name}, the image", jpeg_uri(image), width, height),
        _label_layer("Ground truth", f"{name}, ground truth", ground_truth, space),
        *(
            replace(_label_layer(f"{x} predicts", f"{name}, {x} predicts", predicted[x], space), encoders=(index[x],))
            for x in letters
        ),
        *(
            replace(_error_layer(x, name, image, ground_truth, predicted[x], space), encoders=(index[x],))
            for x in letters
        ),
        *(
            replace(
                _dispute_layer(best, x, name, image, ground_truth, predicted[best], predicted[x], space),
                encoders=(0, index[x]),
            )
            for x in others
        ),
    )


def shown_size(ground_truth: Ids) -> tuple[int, int]:
    """Return height and width at which a ground truth (h, w) is shown."""
    scale = min(1.0, WIDEST / max(ground_truth.shape))
    return max(1, round(ground_truth.shape[0] * scale)), max(1, round(ground_truth.shape[1] * scale))


def shown_photograph(image: ImageArray, size: tuple[int, int]) -> ImageArray:
    """Return an image, uint8 RGB (H, W, 3), at this height and width."""
    return np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.LANCZOS))


def shown_labels(ids: Ids, size: tuple[int, int]) -> Ids:
    """Return labels, uint8 (h, w), at this height and width."""
    return np.asarray(Image.fromarray(ids).resize(size[::-1], Image.Resampling.NEAREST))


def _label_layer(title: str, about: str, ids: Ids, space: LabelSpace) -> Layer:
    shares = np.bincount(ids.ravel(), minlength=256)[: space.num_classes] / ids.size
    largest = [i for i in np.argsort(-shares, kind="stable")[:5] if shares[i] >= 0.01]
    words = ", ".join(f"{space.names[i]} {100 * shares[i]:.0f} %" for i in largest)
    height, width = ids.shape
    return Layer(title, f"{about}: {words}", _label_png(ids, space), width, height, tags(ids, space.names))


def _error_layer(letter: str, name: str, image: ImageArray, ground_truth: Ids, ids: Ids, space: LabelSpace) -> Layer:
    matrix = confusion(ground_truth, ids, space.num_classes, space.ignore_index)
    share = matrix.trace() / max(matrix.sum(), 1)
    alt = f"{name}, where {letter} is correct: on {100 * share:.1f} % of the labeled pixels"
    shown = error_map(image, ground_truth, ids, space)
    return Layer(f"{letter} correct or incorrect", alt, jpeg_uri(shown), ground_truth.shape[1], ground_truth.shape[0])


def _dispute_layer(
    a: str, b: str, name: str, image: ImageArray, ground_truth: Ids, ids_a: Ids, ids_b: Ids, space: LabelSpace
) -> Layer:
    labeled = ground_truth != space.ignore_index
    a_only = (labeled & (ids_a == ground_truth) & (ids_b != ground_truth)).sum() / max(labeled.sum(), 1)
    b_only = (labeled & (ids_b == ground_truth) & (ids_a != ground_truth)).sum() / max(labeled.sum(), 1)
    alt = f"{name}, disputed pixels: only {a} correct on {100 * a_only:.1f} %, only {b} correct on {100 * b_only:.1f} %"
    shown = dispute_map(image, ground_truth, ids_a, ids_b, space)
    return Layer(f"{a} against {b}", alt, jpeg_uri(shown), ground_truth.shape[1], ground_truth.shape[0])


def map_keys(letters: Sequence[str]) -> tuple[MapKey, ...]:
    """Return the patterns of the maps, drawn by the functions that draw the maps."""
    space = LabelSpace("key", ("correct", "incorrect"), ((0, 0, 0), (0, 0, 0)))
    gray = np.full((24, 36, 3), 200, dtype=np.uint8)
    correct, incorrect = np.zeros((24, 36), dtype=np.uint8), np.ones((24, 36), dtype=np.uint8)
    ignored = np.full((24, 36), space.ignore_index, dtype=np.uint8)

    def key(name: str, image: ImageArray) -> MapKey:
        return MapKey(name, png_uri(image))

    several = "; where two are compared: both incorrect" if len(letters) > 1 else ""
    keys = [
        key("correct: the image in dim gray", error_map(gray, correct, correct, space)),
        key(f"incorrect{several}", error_map(gray, correct, incorrect, space)),
    ]
    if len(letters) > 1:
        a, other = letters[0], "the other" if len(letters) > 2 else letters[1]
        keys += [
            key(f"{a} correct, {other} incorrect", dispute_map(gray, correct, correct, incorrect, space)),
            key(f"{other} correct, {a} incorrect", dispute_map(gray, correct, incorrect, correct, space)),
        ]
    return (*keys, key("not labeled, not counted", error_map(gray, ignored, correct, space)))


def _label_png(ids: Ids, space: LabelSpace) -> str:
    """Return labels as a palette image: exact colors in few bytes; ids that are no class are black."""
    image = Image.fromarray(ids)
    palette = np.zeros((256, 3), dtype=np.uint8)
    palette[: space.num_classes] = space.colors
    image.putpalette(palette.tobytes())
    return png_uri(image)
