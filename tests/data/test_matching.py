"""Images and masks are paired by name; a file without partner is a fault that names it."""

from pathlib import Path

import pytest

from streetseg.data.issues import Survey
from streetseg.data.matching import by_key, matching, pair
from streetseg.errors import DataError


def test_pairs_follow_names_not_order() -> None:
    survey = Survey()
    images = {"b": "p/b.jpg", "a": "p/a.jpg"}
    masks = {"a": "m/a.png", "b": "m/b.png"}
    assert pair(images, masks, survey) == [("a", "p/a.jpg", "m/a.png"), ("b", "p/b.jpg", "m/b.png")]
    assert survey.failures == []


def test_unpaired_files_of_both_sides_are_faults_and_the_others_pair() -> None:
    survey = Survey()
    pairs = pair({"a": "p/a.jpg", "b": "p/b.jpg"}, {"a": "m/a.png", "c": "m/c.png", "d": "m/d.png"}, survey)
    assert pairs == [("a", "p/a.jpg", "m/a.png")]
    assert [failure.error.line for failure in survey.failures] == [
        "p/b.jpg: image without mask",
        "m/c.png: mask without image",
        "m/d.png: mask without image",
    ]


def test_names_that_differ_only_in_capitals_are_said_to() -> None:
    survey = Survey()
    assert pair({"Street": "p/Street.jpg"}, {"street": "m/street.png"}, survey) == []
    assert [failure.error.line for failure in survey.failures] == [
        "p/Street.jpg: image without mask (only capital letters differ from m/street.png)",
        "m/street.png: mask without image (only capital letters differ from p/Street.jpg)",
    ]


def test_one_name_with_two_endings_is_one_fault_that_names_both() -> None:
    survey = Survey()
    kept = by_key([("a", "p/a.jpg"), ("b", "p/b.jpg"), ("a", "p/a.png")], "images", survey)
    assert kept == {"a": "p/a.jpg", "b": "p/b.jpg"}
    assert [failure.error.line for failure in survey.failures] == [
        "p/a.jpg: several images share one name (and p/a.png)"
    ]


def found(base: Path, pattern: str) -> dict[str, str]:
    return {key: str(Path(place).relative_to(base)) for key, place in matching(base, pattern, Survey())}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    for name in (
        "images/a/1_img.jpg",
        "images/a/2_img.JPG",
        "images/b/deep/1_img.jpg",
        "images/b/1_mask.png",
        "images/notes.txt",
        "images/[x] 1.png",
        "top.png",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("images/a/*_img.jpg", {"1": "images/a/1_img.jpg", "2": "images/a/2_img.JPG"}),
        ("images/*/*_img.*", {"a/1": "images/a/1_img.jpg", "a/2": "images/a/2_img.JPG"}),
        ("images/**/*_mask.png", {"b/1": "images/b/1_mask.png"}),
        ("images/**/1_*.jpg", {"a/img": "images/a/1_img.jpg", "b/deep/img": "images/b/deep/1_img.jpg"}),
        ("images/a/?_img", {"1": "images/a/1_img.jpg", "2": "images/a/2_img.JPG"}),
        ("images/a/[!1]_img.jpg", {"2": "images/a/2_img.JPG"}),
        ("images/*.png", {"[x] 1": "images/[x] 1.png"}),
        ("images/a", {"1_img": "images/a/1_img.jpg", "2_img": "images/a/2_img.JPG"}),
        ("images/a/", {"1_img": "images/a/1_img.jpg", "2_img": "images/a/2_img.JPG"}),
        ("*.png", {"top": "top.png"}),
        ("nowhere/*.png", {}),
        ("images/*.txt", {}),
    ],
)
def test_keys_and_places(pattern: str, expected: dict[str, str], base: Path) -> None:
    assert found(base, pattern) == expected


def test_an_absolute_glob_leaves_the_base(base: Path, tmp_path: Path) -> None:
    [(key, place)] = matching(Path("/nowhere"), f"{base}/*.png", Survey())
    assert (key, place) == ("top", f"{base}/top.png")


def test_brackets_in_the_base_are_no_wildcards(tmp_path: Path) -> None:
    folder = tmp_path / "my [data] *"
    folder.mkdir()
    (folder / "1.png").touch()
    assert found(folder, "*.png") == {"1": "1.png"}


def test_a_glob_that_makes_no_sense_is_refused(base: Path) -> None:
    with pytest.raises(DataError, match="not a valid glob"):
        found(base, "images/[z-a]*.png")
