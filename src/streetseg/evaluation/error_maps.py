"""Where a network is wrong, as images. Color is never the only signal: wrong areas are hatched, too.

The colors are three of the Okabe-Ito palette (2008), which color-blind readers tell apart.
"""

import numpy as np
from numpy.typing import NDArray

from streetseg.inference.output import Ids, ImageArray
from streetseg.labels.space import Color, LabelSpace

Mask = NDArray[np.bool_]  # (H, W)

ONLY_B_INCORRECT: Color = (213, 94, 0)  # vermilion, strokes like /
ONLY_A_INCORRECT: Color = (0, 114, 178)  # blue, strokes like \
BOTH_INCORRECT: Color = (240, 228, 66)  # yellow, crossed strokes
IGNORED: Color = (0, 0, 0)

DARKEST, CONTRAST = 35, 0.35  # of the gray image where all is right: above ignored black, below every color
DISTANCE, WIDTH = 12, 3  # of the strokes, pixels
STROKE = 0.35  # brightness of a stroke on its color


def error_map(image: ImageArray, ground_truth: Ids, prediction: Ids, space: LabelSpace) -> ImageArray:
    """Where a prediction is right, the image in dim gray; where wrong, hatched vermilion; where ignored, black.

    All arrays have one height and width.
    """
    incorrect = ground_truth != prediction
    rising, _ = _strokes(ground_truth)
    return _marked(image, [(incorrect, ONLY_B_INCORRECT, rising)], ground_truth == space.ignore_index)


def dispute_map(image: ImageArray, ground_truth: Ids, a: Ids, b: Ids, space: LabelSpace) -> ImageArray:
    """Who is wrong where, as `error_map` shows it.

    A right and B wrong: vermilion with strokes like /. B right and A wrong: blue with strokes like \\. Both wrong:
    yellow with crossed strokes. Both right: dim gray.
    """
    a_incorrect, b_incorrect = ground_truth != a, ground_truth != b
    rising, falling = _strokes(ground_truth)
    areas = [
        (b_incorrect & ~a_incorrect, ONLY_B_INCORRECT, rising),
        (a_incorrect & ~b_incorrect, ONLY_A_INCORRECT, falling),
        (a_incorrect & b_incorrect, BOTH_INCORRECT, rising | falling),
    ]
    return _marked(image, areas, ground_truth == space.ignore_index)


def _marked(image: ImageArray, areas: list[tuple[Mask, Color, Mask]], ignored: Mask) -> ImageArray:
    """A dim gray copy of the image; each area in its color under its strokes; ignored pixels black over all."""
    gray = DARKEST + CONTRAST * (image @ np.array([0.299, 0.587, 0.114]))  # ITU-R BT.601 luma
    out = np.repeat(gray[..., None], 3, axis=2)
    for area, color, strokes in areas:
        out[area] = color
        out[area & strokes] *= STROKE
    out[ignored] = IGNORED
    return out.round().astype(np.uint8)


def _strokes(ids: Ids) -> tuple[Mask, Mask]:
    """Strokes like / and like \\ over a whole map."""
    y, x = np.ogrid[: ids.shape[0], : ids.shape[1]]
    return (y + x) % DISTANCE < WIDTH, (y - x) % DISTANCE < WIDTH
