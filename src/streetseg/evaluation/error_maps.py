"""Where a network is wrong, as pictures. Colour is never the only signal: wrong areas are hatched, too.

The colours are three of the Okabe-Ito palette (2008), which colour-blind readers tell apart.
"""

import numpy as np
from numpy.typing import NDArray

from streetseg.inference.output import Ids, Picture
from streetseg.labels.space import Color, LabelSpace

Mask = NDArray[np.bool_]  # (H, W)

ONLY_B_WRONG: Color = (213, 94, 0)  # vermilion, strokes like /
ONLY_A_WRONG: Color = (0, 114, 178)  # blue, strokes like \
BOTH_WRONG: Color = (240, 228, 66)  # yellow, crossed strokes
IGNORED: Color = (0, 0, 0)

DARKEST, CONTRAST = 35, 0.35  # of the grey picture where all is right: above ignored black, below every colour
DISTANCE, WIDTH = 12, 3  # of the strokes, pixels
STROKE = 0.35  # brightness of a stroke on its colour


def right_wrong_map(picture: Picture, truth: Ids, prediction: Ids, space: LabelSpace) -> Picture:
    """Where a prediction is right, the picture in dim grey; where wrong, hatched vermilion; where ignored, black.

    All arrays have one height and width.
    """
    wrong = truth != prediction
    rising, _ = _strokes(truth)
    return _marked(picture, [(wrong, ONLY_B_WRONG, rising)], truth == space.ignore_index)


def dispute_map(picture: Picture, truth: Ids, a: Ids, b: Ids, space: LabelSpace) -> Picture:
    """Who is wrong where, as `right_wrong_map` shows it.

    A right and B wrong: vermilion with strokes like /. B right and A wrong: blue with strokes like \\. Both wrong:
    yellow with crossed strokes. Both right: dim grey.
    """
    a_wrong, b_wrong = truth != a, truth != b
    rising, falling = _strokes(truth)
    areas = [
        (b_wrong & ~a_wrong, ONLY_B_WRONG, rising),
        (a_wrong & ~b_wrong, ONLY_A_WRONG, falling),
        (a_wrong & b_wrong, BOTH_WRONG, rising | falling),
    ]
    return _marked(picture, areas, truth == space.ignore_index)


def _marked(picture: Picture, areas: list[tuple[Mask, Color, Mask]], ignored: Mask) -> Picture:
    """A dim grey copy of the picture; each area in its colour under its strokes; ignored pixels black over all."""
    grey = DARKEST + CONTRAST * (picture @ np.array([0.299, 0.587, 0.114]))  # ITU-R BT.601 luma
    out = np.repeat(grey[..., None], 3, axis=2)
    for area, color, strokes in areas:
        out[area] = color
        out[area & strokes] *= STROKE
    out[ignored] = IGNORED
    return out.round().astype(np.uint8)


def _strokes(ids: Ids) -> tuple[Mask, Mask]:
    """Strokes like / and like \\ over a whole map."""
    y, x = np.ogrid[: ids.shape[0], : ids.shape[1]]
    return (y + x) % DISTANCE < WIDTH, (y - x) % DISTANCE < WIDTH
