"""Frames of one video in two splits: every pair is found, as by a naive search; none where the time is unknown."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streetseg.data.check.leaks import SECONDS, leaks
from streetseg.data.check.remarks import Remark
from streetseg.data.check.sample import SampleStats
from streetseg.data.source import Sample

RNG = np.random.default_rng(0)


def sample(name: str, seconds: float | None = None, video: str | None = "v", content: str = "") -> tuple:
    stats = SampleStats(
        np.zeros(256, np.int64), (2, 2), "RGB PNG", "L PNG", False, False, content or name, RNG.bytes(16)
    )
    return Sample(name, f"{name}.png", f"{name}_mask.png", video, 0, seconds), stats


def found(**splits: list) -> list[Remark]:
    return list(leaks({name: tuple(samples) for name, samples in splits.items()}))


@given(
    train=st.lists(st.integers(0, 900), max_size=8, unique=True),
    val=st.lists(st.integers(0, 900), max_size=8, unique=True),
)
@settings(max_examples=60)
def test_neighbors_are_those_of_a_naive_search(train: list[int], val: list[int]) -> None:
    remarks = found(
        train=[sample(f"train/{frame}", frame / 30) for frame in train],
        val=[sample(f"val/{frame}", frame / 30) for frame in val],
    )
    near = {f: min(abs(f - other) for other in train) for f in val if train}
    near = {frame: apart for frame, apart in near.items() if apart <= 60}
    entries = remarks[0].entries if remarks else ()
    assert {entry.places[0] for entry in entries} == {f"val/{frame}.png" for frame in near}
    for entry in entries:
        frame, other = (int(place.split("/")[1].removesuffix(".png")) for place in entry.places)
        assert abs(frame - other) == near[frame]
        assert entry.reason == f"{near[frame] / 30:.2f} s apart in video v"


def test_exactly_two_seconds_count() -> None:
    assert SECONDS == 2
    for frame in range(7900, 8000):
        [remark] = found(train=[sample("a", frame / 30)], val=[sample("b", (frame + 60) / 30)])
        assert remark.text == "1 of 1 images of val are within 2 s of one of train in the same video"
        assert not found(train=[sample("a", frame / 30)], val=[sample("b", (frame + 61) / 30)])


def test_frames_of_other_videos_or_of_unknown_time_are_no_neighbors() -> None:
    assert not found(train=[sample("a", 1.0, "v")], val=[sample("b", 1.0, "w")])
    assert not found(train=[sample("a", None)], val=[sample("b", 1.0)])
    assert not found(train=[sample("a", 1.0)], val=[sample("b", None, None)])


def test_every_two_splits_are_compared() -> None:
    remarks = found(
        train=[sample("a", content="x")], val=[sample("b", content="y")], test=[sample("c", content="x"), sample("d")]
    )
    assert [remark.text for remark in remarks] == ["1 of 2 images of test are in train too, pixel for pixel"]


def test_an_empty_split_gives_nothing_away() -> None:
    assert not found(train=[], val=[sample("a")])
