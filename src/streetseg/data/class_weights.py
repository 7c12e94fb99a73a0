"""How much each class should weigh, by how many pixels it has."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

POWERS = {"mild": 0.5, "balanced": 1.0}  # by what `loss.class_weights` calls them


def class_weights(class_pixels: Sequence[int] | NDArray[np.int64], power: float = 1.0) -> NDArray[np.float64]:
    """1 / log(1.02 + share) of each class, as in ENet (Paszke et al. 2016, arXiv:1606.02147), to a power; mean 1.

    Args:
        class_pixels: (C,), pixels of each class, not all 0.
        power: 1 balances the classes, 0.5 halfway, 0 weighs all the same.
    """
    pixels = np.asarray(class_pixels, dtype=np.float64)
    weights: NDArray[np.float64] = np.log(1.02 + pixels / pixels.sum()) ** -power
    weights /= weights.mean()
    return weights
