"""Class weights from the number of pixels of each class."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

POWERS = {"mild": 0.5, "balanced": 1.0}  # value of `loss.class_weights` -> power


def class_weights(class_pixels: Sequence[int] | NDArray[np.int64], power: float = 1.0) -> NDArray[np.float64]:
    """Return the weight of each class, float64 (C,): (1 / log(1.02 + share of the pixels)) ** power, scaled to mean 1.

    With power 1 these are the weights of ENet (Paszke et al. 2016, arXiv:1606.02147).

    Args:
        class_pixels: (C,), pixels of each class, not all 0.
        power: 1 balances the classes, 0.5 does so halfway, 0 gives equal weights.
    """
    pixels = np.asarray(class_pixels, dtype=np.float64)
    weights: NDArray[np.float64] = np.log(1.02 + pixels / pixels.sum()) ** -power
    weights /= weights.mean()
    return weights
