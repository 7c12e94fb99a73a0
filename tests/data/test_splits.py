"""Split lists: every form of a line, and every mistake."""

from pathlib import Path

import pytest

from streetseg.data.files import FileError
from streetseg.data.issues import Failure, Survey
from streetseg.data.source import Sample
from streetseg.data.splits import SplitList, listed_splits
from streetseg.errors import DataError

SAMPLES = [
    Sample(name, f"/data/{name}.png", f"/masks/{name}.png")
    for name in ("train/0006R0_f00930", "train/0016E5_00390", "val/0016E5_07959", "val/0016E5_07961", "val/two words")
]


def chosen(tmp_path: Path, text: str) -> list[str]:
    (tmp_path / "list.txt").write_text(text, encoding="utf-8")
    splits = listed_splits(SAMPLES, {"train": SplitList.read(tmp_path / "list.txt")}, Survey())
    return [sample.name for sample in splits["train"]]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("0016E5_07959\n", ["val/0016E5_07959"]),
        ("val/0016E5_07959\n", ["val/0016E5_07959"]),
        ("0016E5_07959.png\n", ["val/0016E5_07959"]),
        ("/SegNet/CamVid/val/0016E5_07959.png /SegNet/CamVid/valannot/0016E5_07959.png\n", ["val/0016E5_07959"]),
        ("0016E5_*\n", ["train/0016E5_00390", "val/0016E5_07959", "val/0016E5_07961"]),
        ("val/0016*\n", ["val/0016E5_07959", "val/0016E5_07961"]),
        ("two words\n", ["val/two words"]),
        ("/old/val/two words.png\tmasks/val/two words.png\n", ["val/two words"]),
        ("/old/val/0016E5_07959.png,/old/masks/0016E5_07959.png\n", ["val/0016E5_07959"]),
        ("val/0016E5_07959 1\n", ["val/0016E5_07959"]),
        ("data/val/0016E5_07959.jpg\n", ["val/0016E5_07959"]),
        ("masks/train/0016E5_00390.png\n", ["train/0016E5_00390"]),
        ("data/val/*.png\n", ["val/0016E5_07959", "val/0016E5_07961", "val/two words"]),
        ("D:\\sets\\val\\0016E5_07959.png\r\n", ["val/0016E5_07959"]),
        ("\ufeff# a remark\n\n  0006R0_*  \r\n", ["train/0006R0_f00930"]),
        ("0016E5_07961\n0006R0_*\n0006R0_f00930\n", ["train/0006R0_f00930", "val/0016E5_07961"]),
    ],
)
def test_a_line_names_samples(text: str, names: list[str], tmp_path: Path) -> None:
    assert chosen(tmp_path, text) == names


def test_lines_that_name_nothing_are_all_listed_with_the_closest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="2 lines") as caught:
        chosen(tmp_path, "0016E5_07959\n0016E5_0796\n\nSeq05VD_*\n")
    path = tmp_path / "list.txt"
    assert caught.value.where == (f"{path}:2: 0016E5_0796 (closest: 0016E5_07961)", f"{path}:4: Seq05VD_*")


@pytest.mark.parametrize(
    "line", ["train/0016E5_07959", "/x/train/0016E5_07959.png", "test/0016E5_07959.png y.png", "."]
)
def test_a_line_with_other_folders_names_nothing(line: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a line names no sample"):
        chosen(tmp_path, line)


def test_a_name_without_folders_does_not_stand_for_a_line_with_some(tmp_path: Path) -> None:
    """The wildcards match "2" in img/north/2.png and "1" in img/south/1.png: the names have no folders."""
    bare = [Sample("2", "/d/img/north/2.png", "/d/ann/2.png"), Sample("1", "/d/img/south/1.png", "/d/ann/1.png")]
    file = tmp_path / "list.txt"
    for line, names in (("north/2.png", ["2"]), ("/e/img/north/2.png", ["2"]), ("2", ["2"])):
        file.write_text(line)
        assert [s.name for s in listed_splits(bare, {"x": SplitList.read(file)}, Survey())["x"]] == names
    for line in ("south/2.png", "/e/img/south/2.png", "other/north/2.png"):
        file.write_text(line)
        with pytest.raises(DataError, match=r"names? no sample") as caught:
            listed_splits(bare, {"x": SplitList.read(file)}, Survey())
        assert "(closest: 2)" in caught.value.where[0]


def test_lines_are_counted_in_a_note(tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_text("0016E5_*\n0016E5_07959\nlonely\n")
    survey = Survey(failures=[Failure("lonely", FileError("/data/lonely.png", "image without mask"))])
    listed_splits(SAMPLES, {"train": SplitList.read(file)}, survey)
    assert survey.notes == [f"{file}: 3 lines, 3 samples, 1 named twice, 1 without image or mask"]


def test_a_stem_of_two_samples_must_be_made_clear(tmp_path: Path) -> None:
    twice = [*SAMPLES, Sample("train/0016E5_07959", "a", "b")]
    (tmp_path / "list.txt").write_text("0016E5_07959\n")
    with pytest.raises(DataError) as caught:
        listed_splits(twice, {"train": SplitList.read(tmp_path / "list.txt")}, Survey())
    assert "could be val/0016E5_07959 or train/0016E5_07959" in caught.value.where[0]
    (tmp_path / "list.txt").write_text("train/0016E5_07959\n")
    assert listed_splits(twice, {"train": SplitList.read(tmp_path / "list.txt")}, Survey())["train"] == (twice[-1],)


def test_brackets_in_a_name_are_no_glob(tmp_path: Path) -> None:
    odd = [Sample("a[1]", "p", "m"), Sample("a1", "p", "m")]
    (tmp_path / "list.txt").write_text("a[1]\n")
    assert listed_splits(odd, {"x": SplitList.read(tmp_path / "list.txt")}, Survey())["x"] == (odd[0],)


def test_a_line_that_names_an_image_without_mask_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("lonely\n")
    survey = Survey(failures=[Failure("lonely", FileError("/data/lonely.png", "image without mask"))])
    listed_splits(SAMPLES, {"train": SplitList.read(tmp_path / "list.txt")}, survey)
    [failure] = survey.failures_of(["train"])
    assert failure.error.line == "/data/lonely.png: image without mask"


def test_a_missing_or_unreadable_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="list of samples not found"):
        SplitList.read(tmp_path / "none.txt")
    (tmp_path / "list.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="list of samples cannot be read"):
        listed_splits(SAMPLES, {"train": SplitList.read(tmp_path / "list.txt")}, Survey())
