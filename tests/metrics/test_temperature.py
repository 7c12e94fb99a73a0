"""The fit of probabilities, compared with scipy and torch, and on samples whose temperature is known."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar

from streetseg.metrics.temperature import LIMIT, fit

CLASSES, PIXELS, IMAGES = 5, 24_000, 12
Sample = tuple[NDArray[np.float64], NDArray[np.uint8], NDArray[np.int64]]


def sample(seed: int = 0, pixels: int = PIXELS) -> Sample:
    """Return logits whose softmax is the true distribution of the labels, the labels, and the image of each pixel."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(CLASSES, pixels))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=0)
    labels = (rng.random(pixels) > probabilities.cumsum(axis=0)).sum(axis=0).clip(0, CLASSES - 1)
    return logits, labels.astype(np.uint8), np.arange(pixels) * IMAGES // pixels


def nll(logits: NDArray[np.float64], labels: NDArray[np.uint8]) -> float:
    return float(torch.nn.functional.cross_entropy(torch.from_numpy(logits.T), torch.from_numpy(labels).long()))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0, 3.0])
def test_a_known_temperature_is_recovered(temperature: float) -> None:
    logits, labels, images = sample()
    found = fit(temperature * logits, labels, images)
    assert found.method == "temperature"
    assert 1 / found.scale == pytest.approx(np.full(CLASSES, temperature), rel=0.03)
    assert not found.bias.any()
    assert found.after.nll <= found.before.nll
    assert found.after.ece < 0.02
    if temperature != 1:
        assert found.before.ece > 3 * found.after.ece
    assert found.folds == 5
    assert found.cross_validated is not None
    assert found.cross_validated.ece < 0.02


def test_the_temperature_is_that_of_scipy() -> None:
    logits, labels, images = sample(1)
    found = fit(1.7 * logits, labels, images)
    expected = minimize_scalar(lambda t: nll(1.7 * logits / t, labels), bounds=(0.1, 10), method="bounded",
                               options={"xatol": 1e-7}).x  # fmt: skip
    assert 1 / found.scale[0] == pytest.approx(expected, rel=1e-4)
    assert found.after.nll == pytest.approx(nll(1.7 * logits / expected, labels), abs=1e-6)


def test_numbers_for_each_class_are_chosen_where_they_help_and_are_near_those_of_scipy() -> None:
    logits, labels, images = sample(2)
    scale, bias = np.linspace(0.97, 1.03, CLASSES)[:, None], np.linspace(-0.08, 0.08, CLASSES)[:, None]
    given = (logits - bias) / scale
    found = fit(given, labels, images)
    assert found.method == "vector"

    def objective(x: NDArray[np.float64]) -> float:
        return nll(given * x[:CLASSES, None] + x[CLASSES:, None], labels)

    expected = minimize(objective, np.concatenate([np.ones(CLASSES), np.zeros(CLASSES)]), method="BFGS")
    assert found.after.nll == pytest.approx(expected.fun, abs=1e-4)
    assert found.scale == pytest.approx(expected.x[:CLASSES], abs=0.02)
    assert found.bias - found.bias.mean() == pytest.approx(expected.x[CLASSES:] - expected.x[CLASSES:].mean(), abs=0.02)


def test_numbers_for_each_class_are_not_chosen_where_they_contradict_the_labels() -> None:
    logits, labels, images = sample(2)
    scale, bias = np.linspace(0.5, 1.5, CLASSES)[:, None], np.linspace(-1, 1, CLASSES)[:, None]
    assert fit((logits - bias) / scale, labels, images).method == "temperature"


def test_numbers_for_each_class_are_not_chosen_for_what_holds_in_one_image() -> None:
    logits, labels, images = sample(3, 600)
    given = logits.copy()
    given[0, images == 0] += 3  # in one image of twelve, one class is too likely
    assert fit(given, labels, images).method == "temperature"


def test_a_sample_without_an_error_has_the_least_temperature_and_a_class_without_a_pixel_a_finite_bias() -> None:
    logits, _, images = sample(4, 600)
    found = fit(logits, logits.argmax(axis=0).astype(np.uint8), images)
    assert 1 / found.scale == pytest.approx(np.full(CLASSES, 1 / LIMIT))

    logits, labels, images = sample(5, 600)
    labels[labels == 2] = 1
    found = fit(logits, labels, images)
    assert np.isfinite(found.scale).all() and np.isfinite(found.bias).all()
    assert (found.scale >= 1 / LIMIT).all() and (found.scale <= LIMIT).all()


def test_one_image_is_not_cross_validated() -> None:
    logits, labels, _ = sample(6, 300)
    found = fit(logits, labels, np.zeros(300, np.int64))
    assert (found.method, found.cross_validated, found.folds) == ("temperature", None, 0)
