"""Bootstrap intervals of scores: coverage, composition, exactness, repeatability."""

from dataclasses import replace

import numpy as np
import pytest

from some_counts import counts
from streetseg.metrics import bootstrap
from streetseg.metrics.bootstrap import interval
from streetseg.metrics.scores import METRICS, OVERALL, mean_scores, scores


def test_every_interval_holds_its_score() -> None:
    split = counts(0.7)
    result, intervals = scores(split.total), interval(split)
    assert set(intervals.overall) == set(OVERALL)
    for metric in METRICS:
        low, high = intervals.overall[f"mean_{metric}"]
        assert low < result.mean[metric] < high
        assert (intervals.per_class[metric][:, 0] < result.per_class[metric]).all()
        assert (intervals.per_class[metric][:, 1] > result.per_class[metric]).all()
    assert (intervals.resamples, intervals.unit, intervals.note) == (2000, "image", None)


def test_pixel_accuracy_of_equal_images_has_the_textbook_interval() -> None:
    """Pixel accuracy over images of one size is a mean: its interval is 1.96 standard errors on each side."""
    split = counts(0.7, images=400)
    accuracy = np.trace(split.counts, axis1=1, axis2=2) / 400
    error = accuracy.std() / np.sqrt(400)
    low, high = interval(split).overall["pixel_accuracy"]
    assert (high - low) == pytest.approx(2 * 1.96 * error, rel=0.06)
    assert (high + low) / 2 == pytest.approx(accuracy.mean(), abs=0.1 * error)


def test_images_that_are_all_alike_leave_no_doubt() -> None:
    alike = counts(0.7)
    alike = replace(alike, counts=np.repeat(alike.counts[:1], 60, axis=0))
    low, high = interval(alike).overall["mean_iou"]
    assert low == high == scores(alike.total).mean["iou"]


def test_the_same_counts_give_the_same_interval_and_another_seed_another() -> None:
    split = counts(0.7)
    assert interval(split).overall == interval(split).overall
    assert interval(split).overall != interval(split, seed=1).overall


def test_an_absent_class_has_no_interval_and_does_no_harm() -> None:
    split = counts(0.7)
    wider = np.zeros((60, 5, 5), np.int64)
    wider[:, :4, :4] = split.counts
    padded = interval(replace(split, counts=wider))
    assert np.isnan(padded.per_class["iou"][4]).all()
    assert padded.overall["mean_iou"] == pytest.approx(interval(split).overall["mean_iou"])


def test_seeds_are_averaged_on_the_same_draws() -> None:
    """Three equal seeds give the interval of one; of two different ones it contains the mean of their scores."""
    one, two = counts(0.7, seed=1), counts(0.72, seed=2)
    alone, thrice = (interval(*networks).overall["mean_iou"] for networks in ([one], [one] * 3))
    assert thrice == pytest.approx(alone)
    both = interval(one, two).overall["mean_iou"]
    mean = mean_scores([scores(one.total), scores(two.total)]).mean["iou"]
    assert both[0] < mean < both[1]
    parts = [interval(split).overall["mean_iou"] for split in (one, two)]
    assert both[1] - both[0] < max(high - low for low, high in parts)


def test_draws_do_not_depend_on_the_size_of_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    split = counts(0.7, images=33)
    whole = interval(split).overall
    monkeypatch.setattr(bootstrap, "BLOCK", 33 * 7)
    assert interval(split).overall == whole


def test_sums_of_pixels_stay_exact_where_float32_would_not() -> None:
    """With counts near 2^40, a resample of equal images has exactly the score of one image."""
    alike = counts(0.7)
    large = alike.counts[:1] * (2**40 // 400) + 1
    found = interval(replace(alike, counts=np.repeat(large, 60, axis=0))).overall["pixel_accuracy"]
    assert found == (scores(large[0]).pixel_accuracy,) * 2


def test_four_images_are_too_few_for_an_interval_and_that_is_said() -> None:
    for images, words in ((1, "one image says"), (4, "4 images say")):
        found = interval(counts(0.7, images=images))
        assert np.isnan(found.overall["mean_iou"]).all()
        assert np.isnan(found.per_class["iou"]).all()
        assert found.note == f"{words} too little about others, so there is no interval"
    assert np.isfinite(interval(counts(0.7, images=5)).overall["mean_iou"]).all()
