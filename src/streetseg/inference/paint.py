"""Labels as pictures."""

import numpy as np
from numpy.typing import NDArray

from streetseg.labels.space import LabelSpace

Picture = NDArray[np.uint8]  # RGB (H, W, 3)
Ids = NDArray[np.uint8]  # (H, W)


def color_map(ids: Ids, space: LabelSpace) -> Picture:
    """Each id in its class's colour; ids beyond the classes, ignored ones among them, are black."""
    colors = np.zeros((256, 3), dtype=np.uint8)
    colors[: space.num_classes] = space.colors
    return colors[ids]


def overlay(picture: Picture, ids: Ids, space: LabelSpace) -> Picture:
    """The picture, half covered by the colours of its classes."""
    return ((picture.astype(np.uint16) + color_map(ids, space)) // 2).astype(np.uint8)
