"""Random numbers of a scene, the same on every machine."""

from collections.abc import Sequence
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")

_POOL = 128  # numbers generated at a time
_CHILD_POOL = 24  # numbers that a child stream starts with


class Rng:
    """A stream of random numbers identified by a key of integers.

    Only raw uniform doubles and raw bytes come from numpy (PCG64 seeded by SeedSequence(key)), because these have never
    changed between versions. Numbers are generated in small pools, because a scene needs thousands of single numbers.
    Each thing of a scene has its own child stream, so that a change of one thing leaves the others unchanged.
    """

    def __init__(self, *key: int) -> None:
        self._key = key
        self._children = 0
        self._pool: list[float] = []

    @cached_property
    def _generator(self) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(self._key)))

    def child(self) -> "Rng":
        """Return a new independent stream.

        Its first numbers come from this stream's generator: creating a generator takes as long as painting a lamp, and
        most things need no more numbers.
        """
        self._children += 1
        child = Rng(*self._key, self._children)
        child._pool = self._generator.random(_CHILD_POOL).tolist()
        return child

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """Return a number uniform in [low, high)."""
        if not self._pool:
            self._pool = self._generator.random(_POOL).tolist()
        return low + (high - low) * self._pool.pop()

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return self.uniform() < probability

    def integer(self, low: int, high: int) -> int:
        """Return an integer uniform in low..high, both included."""
        return low + int(self.uniform() * (high - low + 1))

    def bell(self, mean: float = 0.0, deviation: float = 1.0) -> float:
        """Return a roughly normal number, at most three deviations from the mean (a sum of three uniform numbers)."""
        return mean + deviation * 2.0 * (self.uniform() + self.uniform() + self.uniform() - 1.5)

    def pick(self, choices: Sequence[T], weights: Sequence[float] | None = None) -> T:
        """Return one of the choices, uniformly or by weight."""
        if weights is None:
            return choices[int(self.uniform() * len(choices))]
        rest = self.uniform(0.0, sum(weights))
        for choice, weight in zip(choices, weights, strict=True):
            rest -= weight
            if rest < 0:
                return choice
        return choices[-1]

    def bytes(self, *shape: int) -> NDArray[np.uint8]:
        """Return random bytes, uint8 of this shape."""
        return np.frombuffer(self._generator.bytes(int(np.prod(shape))), np.uint8).reshape(shape)
