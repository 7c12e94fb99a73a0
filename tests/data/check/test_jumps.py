"""Ids that mean another class from image to image are found by the colors under them; sound ids give no warning."""

import warnings

import numpy as np
import pytest

from streetseg.data.check.jumps import exchanged


def images(n: int, classes: int, noise: float) -> np.ndarray:
    """Return mean colors under each class, float64 (n, classes, 3), NaN for a class that an image lacks."""
    rng = np.random.default_rng(0)
    colors = rng.normal(0, 1, (1, classes, 3)) + rng.normal(0, noise, (n, classes, 3))
    colors[rng.random((n, classes)) < 0.1] = np.nan
    return colors


@pytest.mark.parametrize("noise", [0.1, 0.3])
def test_sound_ids_are_left_alone(noise: float) -> None:
    left, meant = exchanged(images(30, 8, noise))
    assert left > 0.8
    assert (meant == np.arange(8)).mean() > 0.9


def test_ids_assigned_anew_are_found_and_put_right() -> None:
    colors = images(30, 8, 0.05)
    rng = np.random.default_rng(1)
    orders = [np.arange(8)] * 20 + [rng.permutation(8) for _ in range(10)]
    mixed = np.stack([image[order] for image, order in zip(colors, orders, strict=True)])
    left, meant = exchanged(mixed)
    assert left < 0.05
    there = ~np.isnan(mixed[..., 0])
    assert (meant[there] == np.stack(orders)[there]).all()


def test_one_color_everywhere_is_no_evidence() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        left, _ = exchanged(np.zeros((6, 4, 3)))
    assert left == 1.0
