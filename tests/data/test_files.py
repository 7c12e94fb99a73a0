"""Folders and archives: which files are listed, which are skipped, and how the stamp follows a change of a file."""

import gzip
import json
import os
import shutil
import stat
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tiny
from own_splits import own_splits
from streetseg.data.files import FileError, member_place, members, open_archive, read_bytes, read_member, stamp, walk
from streetseg.data.open import open_source
from streetseg.errors import DataError
from streetseg.recipe.schema import Data

Command = Callable[..., Any]
IMAGES = "leftImg8bit_trainvaltest.zip"


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


@pytest.fixture
def cityscapes(tmp_path: Path) -> Path:
    return tiny.cityscapes_zips(tmp_path / "data" / "cityscapes", 2, 2)


def add(archive: Path, name: str, data: bytes = b"harm", **about: Any) -> None:
    """Add a member to an archive, with the attributes that `about` sets."""
    member = zipfile.ZipInfo(name)
    member.compress_type = zipfile.ZIP_DEFLATED
    for key, value in about.items():
        setattr(member, key, value)
    with zipfile.ZipFile(archive, "a") as zipped:
        zipped.writestr(member, data)


def upwards(archive: Path) -> str:
    add(archive, "leftImg8bit/../../../escaped.png")
    return "leftImg8bit/../../../escaped.png: leads out of the archive"


def upwards_on_windows(archive: Path) -> str:
    add(archive, "leftImg8bit\\..\\..\\escaped.png")
    return r"leftImg8bit\..\..\escaped.png: leads out of the archive"


def absolute(archive: Path) -> str:
    add(archive, "/tmp/escaped.png")
    return "!/tmp/escaped.png: an absolute name"


def absolute_on_windows(archive: Path) -> str:
    add(archive, "C:/escaped.png")
    return "!C:/escaped.png: an absolute name"


def link(archive: Path) -> str:
    add(archive, "leftImg8bit/train/a", b"/etc", create_system=3, external_attr=(stat.S_IFLNK | 0o777) << 16)
    return "leftImg8bit/train/a: a link"


def device(archive: Path) -> str:
    add(archive, "leftImg8bit/train/a", b"", create_system=3, external_attr=(stat.S_IFCHR | 0o666) << 16)
    return "leftImg8bit/train/a: neither file nor folder"


def bomb(archive: Path) -> str:
    add(archive, "leftImg8bit/train/aachen/bomb_leftImg8bit.png", bytes(2**25))
    return "bytes that unpack to 33,554,432"


def twice(archive: Path) -> str:
    with zipfile.ZipFile(archive) as zipped:
        name = next(name for name in zipped.namelist() if name.endswith(".png"))
    with pytest.warns(UserWarning, match="Duplicate name"):
        add(archive, name)
    return f"{name}: 2 members have this name"


def encrypted(archive: Path) -> str:
    with zipfile.ZipFile(archive) as zipped:
        member = next(member for member in zipped.infolist() if member.filename.endswith(".png"))
        directory = zipped.start_dir
    data = bytearray(archive.read_bytes())
    entry = data.index(member.filename.encode(), directory) - 46  # the entry in the central directory (APPNOTE, 4.3.12)
    for at in (member.header_offset + 6, entry + 8):
        struct.pack_into("<H", data, at, 1)
    archive.write_bytes(data)
    return f"{member.filename}: encrypted"


def overlapping(archive: Path) -> str:
    """Add a second directory entry for the bytes of the first member, as a zip bomb does."""
    with zipfile.ZipFile(archive) as zipped:
        member = max(zipped.infolist(), key=lambda member: member.compress_size)
        directory = zipped.start_dir
    data = archive.read_bytes()
    entry = data.index(member.filename.encode(), directory) - 46
    length = 46 + sum(struct.unpack_from("<HHH", data, entry + 28))
    again = [
        data[entry : entry + length].replace(b"_leftImg8bit.png", b"%08d_leftIm.png" % i)[:length] for i in range(9)
    ]
    end = data.index(b"PK\x05\x06")
    count, size = struct.unpack_from("<H", data, end + 10)[0] + 9, struct.unpack_from("<I", data, end + 12)[0]
    tail = bytearray(data[end:])
    struct.pack_into("<HHI", tail, 8, count, count, size + sum(map(len, again)))
    archive.write_bytes(data[:end] + b"".join(again) + bytes(tail))
    return "members share bytes"


def cut(archive: Path) -> str:
    archive.write_bytes(archive.read_bytes()[:-300])
    return "archive cannot be opened"


def no_archive(archive: Path) -> str:
    archive.write_text("<!doctype html><html>please log in</html>")
    return "archive cannot be opened"


@pytest.mark.bad_input(39, "refused whole, each unsound member named; archives are read in place, nothing is unpacked")
@pytest.mark.parametrize(
    "spoil",
    [
        upwards,
        upwards_on_windows,
        absolute,
        absolute_on_windows,
        link,
        device,
        bomb,
        twice,
        encrypted,
        overlapping,
        cut,
        no_archive,
    ],
)
def test_an_archive_that_is_not_sound(
    spoil: Callable[[Path], str], cityscapes: Path, tmp_path: Path, streetseg: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = spoil(cityscapes / IMAGES)
    before = contents(tmp_path)
    monkeypatch.chdir(tmp_path / "data")

    for words in (
        ("check", f"cityscapes:{cityscapes}"),
        ("train", cityscapes, "--encoder", "test_efficientnet", "--weights", "none", "--out", tmp_path / "run"),
    ):
        done = streetseg(*words)
        assert done.code == 2, done.err
        assert expected in done.err
        assert str(cityscapes / IMAGES) in done.err
        assert "Traceback" not in done.err
        assert contents(tmp_path) == before
    assert not Path("/tmp/escaped.png").exists()


def of_another_method(archive: Path, method: int) -> None:
    """Change the number of the compression method in every header of a zip."""
    data = bytearray(archive.read_bytes())
    for mark, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        start = data.find(mark)
        while start >= 0:
            struct.pack_into("<H", data, start + at, method)
            start = data.find(mark, start + 4)
    archive.write_bytes(data)


@pytest.mark.parametrize(
    ("content", "message", "cure"),
    [
        (b"7z\xbc\xaf\x27\x1c rest", "a 7z archive", "unpack it"),
        (b"Rar!\x1a\x07 rest", "a RAR archive", "unpack it"),
        (b"\x1f\x8b rest", "a gzip file", "unpack it"),
        (bytes(257) + b"ustar" + bytes(300), "a tar archive", "unpack it"),
        (b"PK\x07\x08 rest", "one part of a split zip", "zip -s 0"),
        (b"<!doctype html><html>", "a web page", "a login"),
        (b"", "an empty file", "download it again"),
    ],
)
def test_what_is_no_zip_is_named_with_its_cure(
    content: bytes, message: str, cure: str, cityscapes: Path, streetseg: Command
) -> None:
    (cityscapes / IMAGES).write_bytes(content)

    done = streetseg("check", f"cityscapes:{cityscapes}")

    assert done.code == 2
    assert message in done.err
    assert cure in done.err


def test_a_method_that_is_not_read_is_named(cityscapes: Path, streetseg: Command) -> None:
    of_another_method(cityscapes / IMAGES, 9)

    done = streetseg("check", f"cityscapes:{cityscapes}")

    assert done.code == 2
    assert "compressed by Deflate64, which is not read" in done.err
    assert "unpack it" in done.err


def test_archives_of_another_kind_beside_are_named(cityscapes: Path, streetseg: Command) -> None:
    (cityscapes / IMAGES).rename(cityscapes / "leftImg8bit_trainvaltest.7z")

    done = streetseg("check", f"cityscapes:{cityscapes}")

    assert done.code == 2
    assert "leftImg8bit is in an archive of a kind that is not read" in done.err
    assert "leftImg8bit_trainvaltest.7z" in done.err


def test_an_archive_in_place_of_a_folder(cityscapes: Path, streetseg: Command) -> None:
    for data in (cityscapes / IMAGES, f"cityscapes:{cityscapes / IMAGES}"):
        done = streetseg("check", data)
        assert done.code == 2
        assert "this is an archive, expected a folder" in done.err
        assert f"cityscapes:{cityscapes}" in done.err


@pytest.mark.parametrize("tool", ["Mac", ".NET", "a folder above", "short names"])
def test_the_zips_of_several_tools_are_read(tool: str, cityscapes: Path, streetseg: Command) -> None:
    for path in list(cityscapes.glob("*.zip")):
        with zipfile.ZipFile(path) as zipped:
            members = {member.filename: zipped.read(member) for member in zipped.infolist()}
        if tool == "Mac":
            first = next(name for name in members if name.endswith(".png"))
            members |= {f"__MACOSX/{first}": b"x", f"{first.rpartition('/')[0]}/.DS_Store": b"x"}
        path.unlink()
        if tool == "short names":
            path = path.with_name(path.name.replace("_trainvaltest", ""))
        with zipfile.ZipFile(path, "w") as zipped:
            for name, data in members.items():
                member = zipfile.ZipInfo("x")
                member.filename = {".NET": name.replace("/", "\\"), "a folder above": f"top/{name}"}.get(tool, name)
                zipped.writestr(member, data)

    done = streetseg("check", cityscapes, "--json")

    assert done.code == 0, done.err
    assert {split: reported["images"] for split, reported in json.loads(done.out)["splits"].items()} == {
        "train": 2,
        "val": 2,
    }


@pytest.mark.bad_input(39, "an archive of ordinary members is read in place")
def test_a_sound_archive_is_read_and_nothing_unpacked(cityscapes: Path, tmp_path: Path, streetseg: Command) -> None:
    before = contents(tmp_path)

    assert streetseg("check", f"cityscapes:{cityscapes}").code == 0
    assert contents(tmp_path) == before


def test_many_unsound_members_are_told_shortly(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for i in range(50):
            archive.writestr(f"../{i}", b"")

    with pytest.raises(DataError) as caught:
        open_archive(tmp_path / "a.zip")
    assert len(caught.value.where) == 11
    assert caught.value.where[-1] == "and 40 more"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_member_is_told_whatever_it_was_compressed_with(method: int, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        archive.writestr("a", bytes(range(256)) * 9)
        archive.writestr("b", b"whole")
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[45:60] = b"\xff" * 15
    (tmp_path / "a.zip").write_bytes(data)

    archive = open_archive(tmp_path / "a.zip")
    with pytest.raises(zipfile.BadZipFile):
        read_member(archive, "a")
    assert read_member(archive, "b") == b"whole"
    with pytest.raises(KeyError):
        read_member(archive, "c")


def test_a_flat_bitmap_is_no_bomb(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("flat.bmp", bytes(2048 * 1024 * 3))

    assert len(read_member(open_archive(tmp_path / "a.zip"), "flat.bmp")) == 2048 * 1024 * 3


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, without the cache."""
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# Archives as folders


@pytest.mark.parametrize("ending", ["zip", "tar"])
def test_globs_lead_into_archives(tmp_path: Path, ending: str) -> None:
    shutil.make_archive(str(tmp_path / "photos"), ending, tiny.camvid_segnet(tmp_path / "camvid", n_train=3))
    globs = f"images: photos.{ending}/train/*.png\nmasks: photos.{ending}/trainannot/*.png\n"
    (tmp_path / "data.yaml").write_text(globs + "space: street-11\nignore: [11]\n")
    packed = own_splits(open_source(Data(source=f"folder:{tmp_path / 'data.yaml'}")))
    (tmp_path / "data.yaml").write_text(
        globs.replace(f"photos.{ending}", "camvid") + "space: street-11\nignore: [11]\n"
    )
    unpacked = own_splits(open_source(Data(source=f"folder:{tmp_path / 'data.yaml'}")))
    assert [one.name for one in packed.splits["all"]] == [one.name for one in unpacked.splits["all"]]
    for one, other in zip(packed.splits["all"], unpacked.splits["all"], strict=True):
        assert read_bytes(one.image) == read_bytes(other.image)
        assert np.array_equal(packed.read_mask(one), unpacked.read_mask(other))
        assert packed.stamp(one)


@pytest.mark.bad_input(39, "a tar archive with ../ or absolute names is refused, nothing in it is read")
def test_a_tar_archive_that_leads_out_of_itself(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name in ("images/1.png", "../2.png", "/3.png"):
            archive.addfile(tarfile.TarInfo(name))
    with pytest.raises(DataError, match="not sound") as caught:
        list(walk(tmp_path / "a.tar" / "images"))
    assert len(caught.value.where) == 2


def test_a_tar_archive_that_is_cut_or_compressed_is_named(tmp_path: Path) -> None:
    touch(tmp_path / "files", "1.png")
    packed = Path(shutil.make_archive(str(tmp_path / "a"), "tar", tmp_path / "files"))
    (tmp_path / "cut.tar").write_bytes(packed.read_bytes()[:1100])
    (tmp_path / "packed.tar").write_bytes(gzip.compress(packed.read_bytes()))
    with pytest.raises(DataError, match="archive cannot be opened"):
        list(walk(tmp_path / "cut.tar"))
    with pytest.raises(DataError, match="it is a gzip file"):
        list(walk(tmp_path / "packed.tar"))


def test_a_tar_header_that_names_a_giant_reserves_no_memory(tmp_path: Path) -> None:
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 2**40
    (tmp_path / "a.tar").write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    tracemalloc.start()
    with suppress(DataError):
        list(walk(tmp_path / "a.tar"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**24
