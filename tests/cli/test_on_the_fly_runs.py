"""Runs whose images are decoded on the fly, through the real command: the same bits as with the store."""

import os
import signal
from pathlib import Path

import tiny
from forked import command, fork
from same_run import assert_equal, newest_state
from short_run import STEP, events, train
from streetseg.atomic import sha256


def test_a_run_on_the_fly_has_the_weights_of_one_with_the_store(tmp_path: Path, capfd, monkeypatch) -> None:
    """Ctrl-C ends the runs in the second epoch; the one on the fly was also stopped and resumed before."""
    monkeypatch.setenv("STREETSEG_CACHE", str(tmp_path / "cache"))
    camvid = tiny.camvid_segnet(tmp_path / "camvid", n_train=6, n_val=2, size=(32, 64))
    kept, flying = tmp_path / "kept", tmp_path / "flying"

    def stopped(run: Path, *flags: str, after: int) -> int:
        return fork(
            command(*train(camvid, run, *flags)), at=STEP, call=after, do=lambda: os.kill(os.getpid(), signal.SIGINT)
        )

    assert stopped(flying, "data.cache_gb=0", after=2) == 130
    assert stopped(flying, "data.cache_gb=0", "--resume", after=3) == 130
    assert not list((tmp_path / "cache").rglob("*.u8"))
    assert stopped(kept, after=5) == 130

    assert "Traceback" not in capfd.readouterr().err
    states = [newest_state(run) for run in (kept, flying)]
    assert [state["recipe"]["data"].pop("cache_gb") for state in states] == [None, 0]
    assert all(state["meters"].pop("seconds") > 0 for state in states)
    assert states[0]["name"] == "epoch-001-step-00002"
    assert_equal(*states)
    assert sha256(kept / "best/weights.safetensors") == sha256(flying / "best/weights.safetensors")
    assert (kept / "results.csv").read_bytes() == (flying / "results.csv").read_bytes()
    assert [event["on_the_fly"] for event in events(flying, "start")] == [["train", "val"]]
    assert [event["on_the_fly"] for event in events(kept, "start")] == [[]]
