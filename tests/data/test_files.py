"""Folders and archives alike: what is walked, what is skipped, and what a change of a file does to its stamp."""

import os
import zipfile
from pathlib import Path

import pytest

from streetseg.data.files import FileError, member_place, members, read_bytes, stamp, walk
from streetseg.errors import DataError


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


def test_a_walk_is_deep_and_in_order(tmp_path: Path) -> None:
    touch(tmp_path, "b/2.png", "b/10.png", "a/deep/er/1.png", "0.png")
    assert list(walk(tmp_path)) == ["0.png", "a/deep/er/1.png", "b/10.png", "b/2.png"]


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere", "1.png")
    touch(tmp_path / "data", "a/2.png")
    (tmp_path / "data" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data" / "a" / "back").symlink_to(tmp_path / "data")
    assert list(walk(tmp_path / "data")) == ["a/2.png", "linked/1.png"]


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "file")
    with pytest.raises(DataError, match="folder cannot be listed") as caught:
        list(walk(tmp_path / "file"))
    assert caught.value.where == (str(tmp_path / "file"),)


def test_members_of_an_archive_are_read_in_place(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("deep/1.png", b"one")
        archive.mkdir("empty")
    assert members(tmp_path / "a.zip") == ["deep/1.png"]
    place = member_place(tmp_path / "a.zip", "deep/1.png")
    assert read_bytes(place) == b"one"
    with pytest.raises(FileError, match="not found in the archive"):
        read_bytes(member_place(tmp_path / "a.zip", "deep/2.png"))


def test_a_damaged_archive_and_a_damaged_member_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK no archive")
    with pytest.raises(DataError, match="archive cannot be opened"):
        members(tmp_path / "a.zip")

    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("1.png", b"0123456789")
    data = (tmp_path / "b.zip").read_bytes()
    (tmp_path / "b.zip").write_bytes(data.replace(b"0123456789", b"0123x56789"))
    with pytest.raises(FileError, match="archive member cannot be read"):
        read_bytes(member_place(tmp_path / "b.zip", "1.png"))


def test_a_path_that_only_looks_like_a_member_is_a_path(tmp_path: Path) -> None:
    touch(tmp_path, "odd.zip!/1.png")
    assert read_bytes(str(tmp_path / "odd.zip!/1.png")) == b"odd.zip!/1.png"


def test_a_stamp_changes_with_the_file(tmp_path: Path) -> None:
    touch(tmp_path, "1.png")
    path = tmp_path / "1.png"
    first = stamp(str(path))
    assert stamp(str(path)) == first
    os.utime(path, ns=(0, 1))
    second = stamp(str(path))
    path.write_bytes(b"longer than before")
    assert len({first, second, stamp(str(path))}) == 3
    with pytest.raises(FileError, match="file not found"):
        stamp(str(tmp_path / "2.png"))


def test_pipes_and_huge_files_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(FileError, match="not a regular file"):
        read_bytes(str(tmp_path / "pipe.png"))
    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(2**30 + 1)
    with pytest.raises(FileError, match="larger than 1 GiB"):
        read_bytes(str(tmp_path / "huge.png"))
