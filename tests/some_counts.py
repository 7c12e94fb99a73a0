"""Counts of networks of a chosen quality on images that are hard or easy for all of them."""

import numpy as np

from streetseg.metrics.counts import Counts


def counts(share_right: float, *, images: int = 60, classes: int = 4, seed: int = 0, pixels: int = 400) -> Counts:
    """Images of differing difficulty; the truth depends on `images` and `classes` alone."""
    easy, rng = np.random.default_rng(99).uniform(-0.2, 0.2, images), np.random.default_rng(seed)
    truth = np.random.default_rng(98).multinomial(pixels, [1 / classes] * classes, images)
    matrices = np.zeros((images, classes, classes), np.int64)
    for i in range(images):
        for c in range(classes):
            right = np.full(classes, (1 - share_right - easy[i]) / (classes - 1))
            right[c] = share_right + easy[i]
            matrices[i, c] = rng.multinomial(truth[i, c], right)
    names = tuple(f"image {i}" for i in range(images))
    return Counts(names, (None,) * images, matrices, np.zeros(images, np.int64))
