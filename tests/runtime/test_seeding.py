"""One seed, the same numbers everywhere."""

import random

import numpy as np
import torch

from streetseg.runtime.seeding import seed_everything


def drawn(seed: int) -> tuple[float, float, float]:
    seed_everything(seed)
    return random.random(), float(np.random.rand()), float(torch.rand(1))


def test_the_same_seed_draws_the_same() -> None:
    assert drawn(3) == drawn(3)
    assert all(one != other for one, other in zip(drawn(3), drawn(4), strict=True))
