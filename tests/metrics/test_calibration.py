"""Expected calibration error, compared with torchmetrics, and on cases with a known value."""

import numpy as np
import pytest
import torch
from torchmetrics.classification import MulticlassCalibrationError

from streetseg.metrics.calibration import BINS, calibration_bins, expected_calibration_error


def test_equals_torchmetrics() -> None:
    logits = torch.randn(4000, 11, generator=torch.Generator().manual_seed(0)) * 2
    target = torch.randint(0, 11, (4000,), generator=torch.Generator().manual_seed(1))
    probabilities = logits.softmax(1)
    confidence, predicted = probabilities.max(1)
    bins = calibration_bins(confidence.numpy(), (predicted == target).numpy())
    expected = MulticlassCalibrationError(11, n_bins=BINS, norm="l1")(probabilities, target)
    assert expected_calibration_error(bins) == pytest.approx(float(expected), abs=1e-6)


def test_a_network_that_is_as_sure_as_it_is_right_has_no_error() -> None:
    confidence = np.full(100, 0.75, np.float32)
    correct = np.arange(100) < 75
    assert expected_calibration_error(calibration_bins(confidence, correct)) == 0.0


def test_certainty_that_is_always_wrong_is_the_largest_error() -> None:
    assert expected_calibration_error(calibration_bins(np.ones(10, np.float32), np.zeros(10, bool))) == 1.0


def test_bins_add_over_images() -> None:
    rng = np.random.default_rng(0)
    confidence, correct = rng.random(1000, dtype=np.float32), rng.random(1000) < 0.5
    halves = calibration_bins(confidence[:300], correct[:300]) + calibration_bins(confidence[300:], correct[300:])
    assert halves == pytest.approx(calibration_bins(confidence, correct))
    assert halves[0].sum() == 1000


def test_a_bin_holds_its_upper_edge_and_the_first_one_zero() -> None:
    confidence = np.array([0.0, 1 / BINS, 1.0], np.float64)
    pixels = calibration_bins(confidence, np.ones(3, bool))[0]
    assert (pixels[0], pixels[-1]) == (2, 1)


def test_no_pixel_no_error() -> None:
    assert np.isnan(expected_calibration_error(calibration_bins(np.zeros(0, np.float32), np.zeros(0, bool))))
