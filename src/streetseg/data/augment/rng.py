"""The random numbers of training: each is a function of (seed, epoch, sample index) and of nothing else.

A counter-based generator (Philox, Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011) jumps straight
to the numbers of one sample, so that neither the order in which samples are read, nor the batch they fall into, nor the
number of readers or ranks changes what happens to them, and a resumed run goes on with the numbers it would have had.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

# The third word of the counter keeps the purposes apart: no number is used twice.
_ORDER, _AUGMENT = 0, 1


@dataclass(frozen=True)
class RandomParams:
    """What was drawn for each of the B images of a batch: float64 (B,) in [0, 1) for each possible change.

    What a number means is up to the settings; 0.5 is no rotation, shift or change of color, the middle of the scales
    (on a logarithmic axis) and the central crop.
    """

    scale: NDArray[np.float64]
    rotate: NDArray[np.float64]
    flip: NDArray[np.float64]
    top: NDArray[np.float64]
    left: NDArray[np.float64]
    shift_down: NDArray[np.float64]
    shift_right: NDArray[np.float64]
    brightness: NDArray[np.float64]
    contrast: NDArray[np.float64]
    saturation: NDArray[np.float64]
    hue: NDArray[np.float64]
    blur: NDArray[np.float64]
    blur_width: NDArray[np.float64]


def draw(seed: int, epoch: int, indices: Sequence[int]) -> RandomParams:
    """The numbers of the samples `indices` of a split in this epoch."""
    kinds = len(fields(RandomParams))
    table = np.array([_generator(seed, epoch, _AUGMENT, index).random(kinds) for index in indices])
    return RandomParams(*table.reshape(len(indices), kinds).T)


def shuffled(seed: int, epoch: int, length: int) -> NDArray[np.int64]:
    """The order, int64 (length,), in which the samples 0..length-1 are met in this epoch."""
    return np.argsort(_generator(seed, epoch, _ORDER, 0).random(length), kind="stable")


def _generator(seed: int, epoch: int, purpose: int, index: int) -> np.random.Generator:
    key = np.array([seed, epoch], dtype=np.uint64)
    counter = np.array([0, 0, purpose, index], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))
