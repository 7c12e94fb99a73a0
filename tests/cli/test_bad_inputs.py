"""Wrong requests through the real command: exit 2, one clear message, nothing written. Wrong data: test_bad_data."""

from pathlib import Path

import pytest

import tiny

TINY = ("--encoder", "test_efficientnet", "--weights", "none", "--epochs", "1", "train.precision=fp32")


@pytest.fixture
def camvid(tmp_path: Path) -> Path:
    return tiny.camvid_segnet(tmp_path / "camvid")


def test_a_missing_folder_is_named_before_anything_is_written(tmp_path, streetseg, monkeypatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)

    done = streetseg("train", f"camvid:{tmp_path / 'camvid'}", *TINY, "--out", here / "run")

    assert_refused(done, str(tmp_path / "camvid"), "not found")
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "named", "hint"),
    [
        (["--encoder", "mobilnetv2_100", "--weights", "none"], "mobilnetv2_100", "mobilenetv2_100"),
        ([*TINY, "color.depth=1"], "color.depth", "streetseg recipe show"),
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


def test_a_used_run_folder_is_not_written_over(camvid, tmp_path, streetseg) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("mine")

    done = streetseg("train", f"camvid:{camvid}", *TINY, "--out", tmp_path / "run")

    assert_refused(done, str(tmp_path / "run"), "--resume")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["mine.txt"]


def assert_refused(done, *texts: str) -> None:
    """Assert exit code 2 and, after any notes, one message of error, where and hint that contains all of `said`."""
    assert done.code == 2, done.err
    assert done.out == ""
    heads = [line[:7] for line in done.err.splitlines()]
    heads = heads[heads.index("error: ") :]
    assert heads[-1] == "hint:  ", done.err
    assert heads[1:-1] in ([], ["where: "] + [" " * 7] * (len(heads) - 3)), done.err
    for text in texts:
        assert text in done.err
