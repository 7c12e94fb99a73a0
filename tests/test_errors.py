"""The functions that build messages."""

from pathlib import Path

import pytest

from streetseg.errors import did_you_mean, first


def test_the_nearest_name_is_offered() -> None:
    assert did_you_mean("trian", ["train", "check"]) == "did you mean train?"
    assert did_you_mean("Camvid", ["CamVid"], before="/data/") == "did you mean /data/CamVid?"
    assert did_you_mean("resnet5", ["resnet50", "resnet51", "vit"], most=2) == "did you mean resnet51, resnet50?"
    assert did_you_mean("zebra", ["train", "check"]) is None


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (None, ["a", "b", "c"]),
        (3, ["a", "b", "c"]),
        (2, ["a", "b", "and 1 more files"]),
    ],
)
def test_a_long_list_says_how_much_it_leaves_out(limit: int | None, expected: list[str]) -> None:
    assert first(["a", Path("b"), "c"], limit, "files") == expected


def test_what_the_rest_is_may_be_left_out() -> None:
    assert first("abcd", 1) == ["a", "and 3 more"]
