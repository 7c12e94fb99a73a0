"""Units of the bootstrap: images, whole videos, or clips where videos are too few or too unequal."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from some_counts import counts
from streetseg.metrics.bootstrap import interval
from streetseg.metrics.counts import Counts
from streetseg.metrics.units import CLIPS, units_of


def of_videos(*lengths: int) -> Counts:
    split = counts(0.7, images=sum(lengths))
    videos = tuple(f"video {k}" for k, length in enumerate(lengths) for _ in range(length))
    return replace(split, sequences=videos)


def test_images_without_a_video_are_drawn_one_by_one() -> None:
    units = units_of(counts(0.7))
    assert (units.unit, units.count, units.effective, units.videos, units.note) == ("image", 60, 60, None, None)


@pytest.mark.parametrize("videos", [5, 6, 12])
def test_whole_videos_are_drawn_when_there_are_enough(videos: int) -> None:
    units = units_of(of_videos(*[4] * videos))
    assert (units.unit, units.count, units.effective, units.videos, units.note) == (
        "sequence",
        videos,
        videos,
        None,
        None,
    )
    assert np.array_equal(np.bincount(units.of_image), [4] * videos)


def test_copies_of_frames_teach_nothing_new() -> None:
    """With five copies of a frame in each video, the interval must be that of one frame for each video."""
    single = counts(0.7, images=40)
    copies = Counts(
        tuple(f"{name} {copy}" for name in single.names for copy in range(5)),
        tuple(name for name in single.names for _ in range(5)),
        np.repeat(single.counts, 5, axis=0),
        np.repeat(single.ignored, 5),
    )
    by_video, by_image = interval(copies), interval(replace(copies, sequences=(None,) * 200))
    assert (by_video.unit, by_image.unit) == ("sequence", "image")
    wide, narrow = (np.diff(found.overall["mean_iou"]).item() for found in (by_video, by_image))
    assert wide == pytest.approx(np.diff(interval(single).overall["mean_iou"]).item(), rel=0.1)
    assert wide / narrow == pytest.approx(np.sqrt(5), rel=0.1)


@pytest.mark.parametrize(("videos", "words"), [(1, "frames of one video, too few"), (4, "frames of 4 videos, too few")])
def test_clips_of_too_few_videos_are_drawn_and_that_is_said(videos: int, words: str) -> None:
    split = of_videos(*[60 // videos] * videos)
    units = units_of(split)
    assert (units.unit, units.videos) == ("clip", videos)
    assert units.count >= CLIPS
    assert units.note is not None
    assert words in units.note
    assert "nothing about other streets" in units.note
    assert interval(split).note == units.note


def test_a_video_with_most_of_the_images_is_cut_although_there_are_many() -> None:
    units = units_of(of_videos(80, *[1] * 20))
    assert (units.unit, units.videos, units.count) == ("clip", 21, 8 + 20)
    assert units.note is not None
    assert "21 videos, too unequal in length" in units.note


def test_videos_of_unequal_length_count_as_fewer() -> None:
    """Kish: (20 + 20 * 4)^2 / (20^2 + 20 * 4^2) = 13.9."""
    assert units_of(of_videos(20, *[4] * 20)).effective == 13


@given(st.lists(st.integers(1, 60), min_size=1, max_size=4).filter(lambda lengths: sum(lengths) >= 5))
def test_a_clip_is_short_and_its_frames_follow_each_other(lengths: list[int]) -> None:
    split = of_videos(*lengths)
    units = units_of(split)
    longest = -(-sum(lengths) // CLIPS)
    assert units.effective >= 5
    for clip in range(units.count):
        frames = np.flatnonzero(units.of_image == clip)
        assert 1 <= len(frames) <= longest
        assert frames[-1] - frames[0] == len(frames) - 1
        assert len({split.sequences[i] for i in frames}) == 1


def test_frames_follow_each_other_by_number_whatever_the_order_of_names() -> None:
    split = of_videos(30)
    split = replace(split, names=tuple(sorted(f"v/frame_{k}" for k in range(30))))
    clips = units_of(split).of_image
    for clip in range(10):
        numbers = sorted(int(split.names[i].rpartition("_")[2]) for i in np.flatnonzero(clips == clip))
        assert numbers == list(range(numbers[0], numbers[0] + 3))


def test_a_video_known_for_some_images_only_is_said() -> None:
    units = units_of(replace(counts(0.7), sequences=("video", *(None,) * 59)))
    assert units.unit == "image"
    assert units.note is not None
    assert "the video of some images is unknown" in units.note
