"""Wrong requests and wrong data through the real command: exit 2, one clear message, nothing written."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny

TINY = ("--encoder", "test_efficientnet", "--weights", "none", "--epochs", "1", "train.precision=fp32")


@pytest.fixture
def camvid(tmp_path: Path) -> Path:
    return tiny.camvid_segnet(tmp_path / "camvid")


def missing_folder(camvid: Path) -> Path:
    shutil.rmtree(camvid)
    return camvid


def empty_split(camvid: Path) -> Path:
    for folder in ("val", "valannot"):
        for path in (camvid / folder).iterdir():
            path.unlink()
    (camvid / "val.txt").unlink()
    return camvid / "val"


def empty_folder(camvid: Path) -> Path:
    shutil.rmtree(camvid)
    camvid.mkdir()
    return camvid


def unknown_ids(camvid: Path) -> Path:
    path = sorted((camvid / "valannot").iterdir())[1]
    label = np.array(Image.open(path))
    label[:2, :3] = 77
    Image.fromarray(label).save(path)
    return path


def other_size(camvid: Path) -> Path:
    path = sorted((camvid / "trainannot").iterdir())[0]
    Image.open(path).resize((32, 48), Image.Resampling.NEAREST).save(path)
    return path


def truncated(camvid: Path) -> Path:
    path = sorted((camvid / "train").iterdir())[2]
    path.write_bytes(path.read_bytes()[:-2000])
    return path


def not_an_image(camvid: Path) -> Path:
    path = sorted((camvid / "train").iterdir())[0]
    path.write_bytes(b"<html>not found</html>")
    return path


def zero_bytes(camvid: Path) -> Path:
    path = sorted((camvid / "trainannot").iterdir())[0]
    path.write_bytes(b"")
    return path


def unpaired(camvid: Path) -> Path:
    path = sorted((camvid / "trainannot").iterdir())[0]
    path.unlink()
    return camvid / "train" / path.name


SPOILERS: list[tuple[Callable[[Path], Path], str]] = [
    (missing_folder, "not found"),
    (empty_folder, ""),
    (empty_split, "empty"),
    (unknown_ids, "77"),
    (other_size, "48x32"),
    (truncated, "truncated"),
    (not_an_image, "HTML"),
    (zero_bytes, ""),
    (unpaired, ""),
]


@pytest.mark.parametrize(("spoil", "said"), SPOILERS, ids=lambda value: getattr(value, "__name__", ""))
def test_wrong_data_is_named_before_anything_is_written(spoil, said, camvid, tmp_path, streetseg, monkeypatch) -> None:
    culprit = spoil(camvid)
    before = digest(camvid)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)

    done = streetseg("train", f"camvid:{camvid}", *TINY, "--out", here / "run")

    assert_refused(done, culprit.name, said)
    assert list(here.iterdir()) == []
    assert digest(camvid) == before


@pytest.mark.parametrize(
    ("words", "named", "hint"),
    [
        (["--encoder", "mobilnetv2_100", "--weights", "none"], "mobilnetv2_100", "mobilenetv2_100"),
        ([*TINY, "colour.depth=1"], "colour.depth", "streetseg recipe show"),
        ([*TINY, "optim.lrr=1"], "optim.lrr", "optim.lr"),
        ([*TINY, "data.space=street-12"], "street-12", "street-11"),
        ([*TINY, "data.val_split=vall"], "vall", "val"),
        (["--encoder", "test_efficientnet", "--weights", "none.safetensors"], "none.safetensors", ""),
        (["--encoder", "test_efficientnet", "--weights", "no/such/run"], "no/such/run", ""),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_wrong_requests_are_refused_before_anything_is_written(
    words, named, hint, camvid, tmp_path, streetseg, monkeypatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)

    done = streetseg("train", f"camvid:{camvid}", *words, "--out", here / "run")

    assert_refused(done, named, hint)
    assert list(here.iterdir()) == []


def test_all_wrong_files_are_told_at_once(camvid, tmp_path, streetseg) -> None:
    culprits = [unknown_ids(camvid), other_size(camvid), truncated(camvid)]

    done = streetseg("train", f"camvid:{camvid}", *TINY, "--out", tmp_path / "run")

    assert_refused(done, *(path.name for path in culprits))
    assert not (tmp_path / "run").exists()


def test_a_used_run_folder_is_not_written_over(camvid, tmp_path, streetseg) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("mine")

    done = streetseg("train", f"camvid:{camvid}", *TINY, "--out", tmp_path / "run")

    assert_refused(done, str(tmp_path / "run"), "--resume")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["mine.txt"]


def assert_refused(done, *said: str) -> None:
    """Exit 2 and, after what was noted on the way, one message of error, where and hint that says all of `said`."""
    assert done.code == 2, done.err
    assert done.out == ""
    heads = [line[:7] for line in done.err.splitlines()]
    heads = heads[heads.index("error: ") :]
    assert heads[-1] == "hint:  ", done.err
    assert heads[1:-1] in ([], ["where: "] + [" " * 7] * (len(heads) - 3)), done.err
    for text in said:
        assert text in done.err


def digest(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.exists() else []
    return hashlib.sha256(b"".join(str(path).encode() + path.read_bytes() for path in files)).hexdigest()
