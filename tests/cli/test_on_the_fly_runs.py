"""Runs whose images are decoded on the fly, through the real command: the same bits as with the store."""

import os
import signal
from pathlib import Path

import pytest

import tiny
from forked import command, fork
from same_run import assert_same_run
from short_run import STEP, events, train

FLYING = "data.cache_gb=0"


@pytest.fixture(scope="module")
def camvid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.camvid_segnet(tmp_path_factory.mktemp("data") / "camvid", n_train=6, n_val=2, size=(32, 64))


@pytest.fixture(scope="module")
def kept(camvid: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run with the store."""
    out = tmp_path_factory.mktemp("runs") / "kept"
    assert fork(command(*train(camvid, out))) == 0
    return out


def test_a_run_on_the_fly_ends_in_the_same_bits_also_when_it_was_stopped(
    camvid, kept, tmp_path, capfd, streetseg, monkeypatch
) -> None:
    monkeypatch.setenv("STREETSEG_CACHE", str(tmp_path / "cache"))
    run = tmp_path / "run"

    assert (
        fork(command(*train(camvid, run, FLYING)), at=STEP, call=5, do=lambda: os.kill(os.getpid(), signal.SIGINT))
        == 130
    )
    assert "Traceback" not in capfd.readouterr().err
    done = streetseg(*train(camvid, run, "--resume"))  # with the store, as the disk has room for it

    assert done.code == 0, done.err
    assert_same_run(run, kept)
    assert [event["on_the_fly"] for event in (*events(run, "start"), *events(run, "resume"))] == [["train", "val"], []]
