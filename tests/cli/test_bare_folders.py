"""Bare folders of images and masks, through the real commands."""

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

import tiny
from conftest import Finished

Run = Callable[..., Finished]
TINY = ("--encoder", "test_efficientnet", "--weights", "none", "--epochs", "1", "train.precision=fp32")


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with images/SPLIT/*.jpg and masks/SPLIT/*_mask.png, and no file that describes them."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    tiny.folder_yaml(folder, n_train=3, n_val=2).unlink()
    return folder


def test_train_says_once_what_it_takes_a_folder_for(photos: Path, streetseg: Run) -> None:
    done = streetseg("train", "photos", *TINY, "--out", "run")
    assert done.code == 0, done.err
    assert done.err.count('train: {images: "images/train/*.jpg"') == 1
    assert "ignore: [255]  # 255 is in 5 masks beside other ids" in done.err
    assert (photos.parent / "run" / "best").is_dir()


def test_init_writes_a_file_that_check_reads_and_changes_nothing_else(photos: Path, streetseg: Run) -> None:
    before = sorted(photos.rglob("*"))
    done = streetseg("init", "photos", "--out", "data.yaml")
    assert (done.code, done.out.splitlines()[-1]) == (0, "next: streetseg check folder:data.yaml")
    assert streetseg("check", "folder:data.yaml").code == 0
    assert sorted(photos.rglob("*")) == before


def test_the_line_that_init_ends_with_can_be_typed_as_it_is(photos: Path, streetseg: Run) -> None:
    done = streetseg("init", "photos", "--out", "my data.yaml")
    words = shlex.split(done.out.splitlines()[-1].removeprefix("next: "))
    assert words == ["streetseg", "check", "folder:my data.yaml"]


def test_two_readings_stop_the_command_with_both(photos: Path, streetseg: Run) -> None:
    for path in sorted((photos / "masks").rglob("*.png")):
        tiny.save(photos / "other" / path.relative_to(photos / "masks"), tiny.street(9)[1])
    done = streetseg("check", "photos")
    assert done.code == 2
    assert "two readings are possible: which are the masks?" in done.err
    assert 'masks: "masks/*/*_mask.png"' in done.err
    assert 'masks: "other/*/*_mask.png"' in done.err
