"""Random numbers of a scene: the same on every machine."""

from collections.abc import Sequence
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")

_POOL = 128  # numbers fetched at a time
_DOWRY = 24  # numbers a child begins with


class Rng:
    """A stream of random numbers named by a key of integers.

    Only raw uniform doubles and raw bytes are taken from numpy (PCG64 seeded by SeedSequence(key)), because those have
    never changed between versions, and are handed out one by one from a small pool, because a scene needs thousands of
    single numbers. Things of a scene own a child stream each, so a change in one leaves the others as they are.
    """

    def __init__(self, *key: int) -> None:
        self._key = key
        self._children = 0
        self._pool: list[float] = []

    @cached_property
    def _generator(self) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(self._key)))

    def child(self) -> "Rng":
        """A new independent stream.

        It begins with numbers of this one's generator: to make one of its own costs as much as to paint a lamp, and
        most things never need more.
        """
        self._children += 1
        child = Rng(*self._key, self._children)
        child._pool = self._generator.random(_DOWRY).tolist()
        return child

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """Evenly in [low, high)."""
        if not self._pool:
            self._pool = self._generator.random(_POOL).tolist()
        return low + (high - low) * self._pool.pop()

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.uniform() < probability

    def integer(self, low: int, high: int) -> int:
        """Evenly in low..high, both included."""
        return low + int(self.uniform() * (high - low + 1))

    def bell(self, mean: float = 0.0, deviation: float = 1.0) -> float:
        """Roughly normal, never further than three deviations from the mean (a sum of three uniform numbers)."""
        return mean + deviation * 2.0 * (self.uniform() + self.uniform() + self.uniform() - 1.5)

    def pick(self, choices: Sequence[T], weights: Sequence[float] | None = None) -> T:
        """One of the choices, evenly or by weight."""
        if weights is None:
            return choices[int(self.uniform() * len(choices))]
        mark = self.uniform(0.0, sum(weights))
        for choice, weight in zip(choices, weights, strict=True):
            mark -= weight
            if mark < 0:
                return choice
        return choices[-1]

    def bytes(self, *shape: int) -> NDArray[np.uint8]:
        """Random bytes in an array of this shape."""
        return np.frombuffer(self._generator.bytes(int(np.prod(shape))), np.uint8).reshape(shape)
