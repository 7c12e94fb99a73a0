"""Accuracy against the share of pixels kept, compared with sorting the pixels."""

import numpy as np
import pytest

from streetseg.metrics.selective import SHARES, accuracy_of_kept, kept_bins


def test_it_is_the_accuracy_of_the_pixels_with_the_highest_confidence() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.beta(5, 1, 20_000).astype(np.float32)
    correct = rng.random(20_000) < confidence
    accuracy, least = accuracy_of_kept(kept_bins(confidence, correct))

    order = np.argsort(-confidence)
    for share in (0.05, 0.5, 0.9, 1.0):
        kept = order[: round(share * len(order))]
        k = SHARES.index(share)
        assert accuracy[k] == pytest.approx(correct[kept].mean(), abs=0.003)
        assert least[k] == pytest.approx(confidence[kept].min(), abs=0.02)
    assert accuracy[-1] == pytest.approx(correct.mean())


def test_counts_add_over_images_and_certainty_is_counted() -> None:
    confidence, correct = np.array([0, 0.3, 0.9, 1, 1], np.float32), np.array([False, True, True, True, False])
    whole = kept_bins(confidence, correct)
    assert np.array_equal(whole, kept_bins(confidence[:2], correct[:2]) + kept_bins(confidence[2:], correct[2:]))
    accuracy, _ = accuracy_of_kept(whole)
    assert accuracy[SHARES.index(0.4)] == pytest.approx(0.5)  # two are certain, one of them is correct
    assert accuracy[-1] == pytest.approx(0.6)


def test_no_pixel_no_accuracy() -> None:
    accuracy, least = accuracy_of_kept(kept_bins(np.zeros(0, np.float32), np.zeros(0, bool)))
    assert np.isnan(accuracy).all() and np.isnan(least).all()
