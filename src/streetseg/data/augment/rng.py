"""The random numbers of training. Each depends only on (seed, epoch, sample index).

A counter-based generator (Philox, Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011) computes the
numbers of a sample directly. So the augmentation of a sample does not depend on the order of reading, on its batch, or
on the number of ranks, and a resumed run continues with the same numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

# The third word of the counter separates the purposes, so that no number is used twice.
_ORDER, _AUGMENT, _SHARDS, _NOISE, _DECK, _MIXED, _RARE = range(7)

BUFFER = 1000  # samples of shards that are shuffled together; a window ends with the shard that reaches this number


@dataclass(frozen=True)
class RandomParams:
    """The random numbers of a batch of B images: one array float64 (B,) in [0, 1) per kind of change.

    The settings map a number to the size of the change. 0.5 means no rotation, no shift, no change of color, the middle
    of the scales (on a logarithmic axis), and the central crop. New kinds are appended: the others keep their numbers.
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
    gamma: NDArray[np.float64]
    noise: NDArray[np.float64]
    noise_start: NDArray[np.float64]
    erase: NDArray[np.float64]
    erase_height: NDArray[np.float64]
    erase_width: NDArray[np.float64]
    erase_top: NDArray[np.float64]
    erase_left: NDArray[np.float64]


def draw(seed: int, epoch: int, indices: Sequence[int]) -> RandomParams:
    """Return the random numbers of the samples `indices` of a split in this epoch."""
    kinds = len(fields(RandomParams))
    table = np.array([_generator(seed, epoch, _AUGMENT, index).random(kinds) for index in indices])
    return RandomParams(*table.reshape(len(indices), kinds).T)


def draw_rare(seed: int, epoch: int, index: int, classes: int) -> NDArray[np.float64]:
    """Return the numbers that choose a pixel of a rare class in a sample, in [0, 1): float64 (2 + classes,)."""
    return _generator(seed, epoch, _RARE, index).random(2 + classes)


def either_way(uniform: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map [0, 1) to [-1, 1)."""
    return 2 * uniform - 1


def normal_numbers(count: int) -> NDArray[np.float32]:
    """Return `count` normally distributed numbers, float32, the same in every run."""
    return _generator(0, 0, _NOISE, 0).standard_normal(count, dtype=np.float32)


def shuffled(seed: int, epoch: int, length: int) -> NDArray[np.int64]:
    """Return the order of the samples 0..length-1 in this epoch, int64 (length,)."""
    return np.argsort(_generator(seed, epoch, _ORDER, 0).random(length), kind="stable")


def shuffled_by_shard(seed: int, epoch: int, shards: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the order of samples that lie in shards in this epoch, int64 (N,).

    The shards are shuffled and cut into windows of about `BUFFER` samples; the samples of a window are shuffled. So a
    reader needs the shards of one window at a time, each once an epoch. Samples that fill one window only come in the
    order of `shuffled`.

    Args:
        seed: the seed of the run.
        epoch: the number of the epoch.
        shards: the number of the shard of each sample, 0..S-1, int64 (N,).
    """
    counts = np.bincount(shards)
    shard_order = np.argsort(_generator(seed, epoch, _SHARDS, 0).random(len(counts)), kind="stable")
    before = np.empty_like(counts)  # samples in the shards before this one
    before[shard_order] = np.cumsum(counts[shard_order]) - counts[shard_order]
    return np.lexsort((_generator(seed, epoch, _ORDER, 0).random(len(shards)), before[shards] // BUFFER))


def dealt(seed: int, length: int, first: int, count: int) -> NDArray[np.int64]:
    """Return the cards first..first+count-1 of endless decks of 0..length-1, int64 (count,); each deck is shuffled."""
    decks = range(first // length, (first + count - 1) // length + 1)
    numbers = [_generator(seed, deck, _DECK, 0).random(length) for deck in decks]
    cards = np.concatenate([np.argsort(one, kind="stable") for one in numbers])
    start = first - decks.start * length
    return cards[start : start + count]


def mixed(seed: int, epoch: int, one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return both arrays as one, at places that are random in this epoch, each in its own order."""
    order = np.argsort(_generator(seed, epoch, _MIXED, 0).random(len(one) + len(other)), kind="stable")
    result = np.empty(len(order), np.int64)
    result[np.sort(order[: len(one)])] = one
    result[np.sort(order[len(one) :])] = other
    return result


def _generator(seed: int, epoch: int, purpose: int, index: int) -> np.random.Generator:
    key = np.array([seed, epoch], dtype=np.uint64)
    counter = np.array([0, 0, purpose, index], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))
