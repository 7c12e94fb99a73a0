"""Counts of networks of a chosen quality, on images that are hard or easy for all networks alike."""

import numpy as np

from streetseg.metrics.counts import Counts


def counts(share_correct: float, *, images: int = 60, classes: int = 4, seed: int = 0, pixels: int = 400) -> Counts:
    """Return counts of images of different difficulty. The ground truth depends on `images`, `classes` and `pixels`
    alone."""
    easy, rng = np.random.default_rng(99).uniform(-0.2, 0.2, images), np.random.default_rng(seed)
    ground_truth = np.random.default_rng(98).multinomial(pixels, [1 / classes] * classes, images)
    matrices = np.zeros((images, classes, classes), np.int64)
    for i in range(images):
        for c in range(classes):
            correct = np.full(classes, (1 - share_correct - easy[i]) / (classes - 1))
            correct[c] = share_correct + easy[i]
            matrices[i, c] = rng.multinomial(ground_truth[i, c], correct)
    names = tuple(f"image {i}" for i in range(images))
    return Counts(names, (None,) * images, matrices, np.zeros(images, np.int64))
