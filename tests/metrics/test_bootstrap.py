"""Intervals and the paired comparison: what is drawn, what is said, and that the words follow from the numbers."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from streetseg.errors import RequestError
from streetseg.metrics.bootstrap import ENOUGH_SEQUENCES, Difference, compare, interval, tail_share
from streetseg.metrics.counts import Counts
from streetseg.metrics.scores import METRICS, OVERALL, scores


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
    """The share of right pixels over images of one size is a mean: 1.96 standard errors either way."""
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


def test_whole_videos_are_drawn_when_there_are_enough() -> None:
    """Copies of one frame carry no new knowledge: the interval must be that of one frame a video."""
    single = counts(0.7, images=40)
    copies = Counts(
        tuple(f"{name} {copy}" for name in single.names for copy in range(5)),
        tuple(name for name in single.names for _ in range(5)),
        np.repeat(single.counts, 5, axis=0),
        np.repeat(single.ignored, 5),
    )
    by_video, by_image = interval(copies), interval(replace(copies, sequences=(None,) * 200))
    assert (by_video.unit, by_image.unit) == ("sequence", "image")
    assert by_video.note is None
    wide, narrow = (np.diff(found.overall["mean_iou"]).item() for found in (by_video, by_image))
    assert wide == pytest.approx(np.diff(interval(single).overall["mean_iou"]).item(), rel=0.1)
    assert wide / narrow == pytest.approx(np.sqrt(5), rel=0.1)


@pytest.mark.parametrize("videos", [1, 2, ENOUGH_SEQUENCES - 1])
def test_too_few_videos_are_not_drawn_and_that_is_said(videos: int) -> None:
    split = counts(0.7)
    split = replace(split, sequences=tuple(f"video {i % videos}" for i in range(60)))
    found = interval(split)
    assert found.unit == "image"
    assert found.note is not None
    assert ("one video" if videos == 1 else f"{videos} videos") in found.note
    assert "too narrow" in found.note
    assert compare(split, split).note == found.note


def test_a_video_known_for_some_images_only_is_said() -> None:
    split = counts(0.7)
    found = interval(replace(split, sequences=("video", *(None,) * 59)))
    assert (found.unit, found.note) == (
        "image",
        "the video of some images is unknown, so images were drawn as if independent",
    )


def test_a_clear_difference_is_called_by_name() -> None:
    better, worse = counts(0.75, seed=1), counts(0.65, seed=2)
    assert compare(better, worse).verdict == "A is better"
    assert compare(worse, better).verdict == "B is better"
    difference = compare(better, worse)
    assert difference.value == scores(better.total).mean["iou"] - scores(worse.total).mean["iou"]
    assert difference.low < difference.value < difference.high


def test_networks_of_one_quality_are_not_distinguishable() -> None:
    assert compare(counts(0.7, seed=1), counts(0.7, seed=2)).verdict == "not distinguishable"
    same = compare(counts(0.7), counts(0.7))
    assert (same.value, same.low, same.high, same.verdict) == (0.0, 0.0, 0.0, "not distinguishable")


def test_pairing_takes_out_what_is_hard_for_both() -> None:
    a, b = counts(0.72, seed=1), counts(0.70, seed=2)
    paired = compare(a, b)
    widths = [np.diff(interval(split).overall["mean_iou"]).item() for split in (a, b)]
    assert paired.high - paired.low < 0.5 * sum(widths)


@given(st.floats(-1, 1), st.floats(0, 1))
def test_the_verdict_follows_from_the_interval_alone(low: float, width: float) -> None:
    high = low + width
    verdict = Difference("mean_iou", (low + high) / 2, low, high, 2000, "image", None).verdict
    if low <= 0 <= high:
        assert verdict == "not distinguishable"
    else:
        assert verdict == ("A is better" if low > 0 else "B is better")


def test_an_undefined_interval_decides_nothing() -> None:
    nan = float("nan")
    assert Difference("mean_iou", nan, nan, nan, 2000, "image", None).verdict == "not distinguishable"


@pytest.mark.parametrize("units", [6, 10, 30, 101, 500, 10**6])
def test_intervals_of_few_units_are_widened_as_student_asks(units: int) -> None:
    t = stats.t.ppf(0.975, units - 1)
    assert tail_share(units) == pytest.approx(stats.norm.cdf(-t * np.sqrt(units / (units - 1))), rel=0.03)
    assert tail_share(units) <= 0.025


def test_one_image_decides_nothing_and_that_is_said() -> None:
    better, worse = counts(0.9, images=1), counts(0.5, images=1)
    difference = compare(better, worse)
    assert difference.value > 0
    assert np.isnan([difference.low, difference.high]).all()
    assert difference.verdict == "not distinguishable"
    assert difference.note == "one image says nothing about others, so there is no interval"
    assert np.isnan(interval(better).overall["mean_iou"]).all()


def test_every_score_can_be_compared() -> None:
    a, b = counts(0.75, seed=1), counts(0.65, seed=2)
    for metric in OVERALL:
        assert compare(a, b, metric=metric).verdict == "A is better"
    with pytest.raises(RequestError, match="no score is called iou"):
        compare(a, b, metric="iou")


def test_only_the_same_images_with_the_same_truth_can_be_compared() -> None:
    a = counts(0.7)
    with pytest.raises(RequestError, match="same images") as other_images:
        compare(a, replace(a, names=("image x", *a.names[1:])))
    assert set(other_images.value.where) == {"image x", "image 0"}
    with pytest.raises(RequestError, match="same truth"):
        compare(a, replace(a, counts=a.counts[::-1].copy()))
