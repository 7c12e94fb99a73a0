"""Images that show where a prediction is incorrect. Incorrect areas have a color and a hatching.

The colors are three of the Okabe-Ito palette (2008), which color-blind readers can distinguish.
"""

import numpy as np
from numpy.typing import NDArray

from streetseg.inference.output import Ids, ImageArray
from streetseg.labels.space import Color, LabelSpace

Mask = NDArray[np.bool_]  # (H, W)

INCORRECT: Color = (213, 94, 0)  # vermilion, crossed strokes: no prediction that is shown is correct
ONLY_B_INCORRECT: Color = (240, 228, 66)  # yellow, strokes like /
ONLY_A_INCORRECT: Color = (0, 114, 178)  # blue, strokes like \
IGNORED: Color = (0, 0, 0)

# Gray levels where the prediction is correct: brighter than the black of ignored pixels, darker than every color.
DARKEST, CONTRAST = 35, 0.35
DISTANCE, WIDTH = 12, 3  # distance between two strokes and width of a stroke, pixels
STROKE = 0.35  # brightness of a stroke as a factor of its color


def error_map(image: ImageArray, ground_truth: Ids, prediction: Ids, space: LabelSpace) -> ImageArray:
    """Return a map of one prediction: correct pixels dim gray, incorrect ones hatched vermilion, ignored ones black.

    Args:
        image: uint8 RGB (H, W, 3).
        ground_truth, prediction: uint8 ids (H, W).
        space: the classes; it names the ignore index.

    Returns:
        uint8 RGB (H, W, 3).
    """
    incorrect = ground_truth != prediction
    rising, falling = _strokes(ground_truth)
    return _marked(image, [(incorrect, INCORRECT, rising | falling)], ground_truth == space.ignore_index)


def dispute_map(image: ImageArray, ground_truth: Ids, a: Ids, b: Ids, space: LabelSpace) -> ImageArray:
    """Return a map of two predictions A and B; arguments and result as for `error_map`.

    Only B incorrect: yellow with strokes like /. Only A incorrect: blue with strokes like \\. Both incorrect: hatched
    vermilion, as in `error_map`. Both correct: dim gray.
    """
    a_incorrect, b_incorrect = ground_truth != a, ground_truth != b
    rising, falling = _strokes(ground_truth)
    areas = [
        (b_incorrect & ~a_incorrect, ONLY_B_INCORRECT, rising),
        (a_incorrect & ~b_incorrect, ONLY_A_INCORRECT, falling),
        (a_incorrect & b_incorrect, INCORRECT, rising | falling),
    ]
    return _marked(image, areas, ground_truth == space.ignore_index)


def _marked(image: ImageArray, areas: list[tuple[Mask, Color, Mask]], ignored: Mask) -> ImageArray:
    """Return a dim gray copy of the image, uint8 (H, W, 3), with colored areas, then black ignored pixels on top.

    Args:
        areas: for each area its pixels, its color, and the strokes drawn on it.
    """
    gray = DARKEST + CONTRAST * (image @ np.array([0.299, 0.587, 0.114]))  # ITU-R BT.601 luma
    out = np.repeat(gray[..., None], 3, axis=2)
    for area, color, strokes in areas:
        out[area] = color
        out[area & strokes] *= STROKE
    out[ignored] = IGNORED
    return out.round().astype(np.uint8)


def _strokes(ids: Ids) -> tuple[Mask, Mask]:
    """Return strokes like / and strokes like \\ over a whole map, bool (H, W) each."""
    y, x = np.ogrid[: ids.shape[0], : ids.shape[1]]
    return (y + x) % DISTANCE < WIDTH, (y - x) % DISTANCE < WIDTH
