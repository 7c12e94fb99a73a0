"""Which pictures a person means."""

from pathlib import Path

import pytest

from streetseg.errors import RequestError
from streetseg.inference.inputs import find_pictures


@pytest.fixture
def street(tmp_path: Path) -> Path:
    for name in ("b.jpg", "a.PNG", "sub/c.jpeg", "notes.txt", ".DS_Store", "._a.png", "sub/Thumbs.db", "odd [1].png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    return tmp_path


def names(pictures: list[Path], root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in pictures]


def test_a_folder_means_every_picture_below_it_and_nothing_else(street: Path) -> None:
    assert sorted(names(find_pictures([str(street)]), street)) == ["a.PNG", "b.jpg", "odd [1].png", "sub/c.jpeg"]


def test_patterns(street: Path) -> None:
    assert names(find_pictures([f"{street}/*.jpg"]), street) == ["b.jpg"]
    assert names(find_pictures([f"{street}/**/*.jp*g"]), street) == ["b.jpg", "sub/c.jpeg"]


def test_a_file_whose_name_looks_like_a_pattern(street: Path) -> None:
    assert names(find_pictures([str(street / "odd [1].png")]), street) == ["odd [1].png"]


def test_a_picture_named_twice_is_meant_once(street: Path) -> None:
    twice = [str(street / "b.jpg"), f"{street}/*.jpg", str(street / "sub" / ".." / "b.jpg")]
    assert names(find_pictures(twice), street) == ["b.jpg"]


def test_everything_missing_is_listed(street: Path) -> None:
    with pytest.raises(RequestError, match="no picture found") as error:
        find_pictures([str(street / "x.png"), str(street / "b.jpg"), f"{street}/*.webp"])
    assert error.value.where == (str(street / "x.png"), f"{street}/*.webp")


def test_a_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no picture found"):
        find_pictures([str(tmp_path)])


def test_two_pictures_of_one_stem_are_an_error(street: Path) -> None:
    (street / "sub" / "b.png").write_bytes(b"")
    with pytest.raises(RequestError) as error:
        find_pictures([str(street)])
    assert set(error.value.where) == {str(street / "b.jpg"), str(street / "sub" / "b.png")}
