"""The same command trains the same network, whatever else the machine does."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import tiny
from conftest import Finished


@pytest.fixture
def busy() -> Iterator[Callable[[], None]]:
    """Keep every core busy with a process that computes until the test has ended."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        for _ in range(os.cpu_count() or 1):
            started.append(subprocess.Popen([sys.executable, "-c", "while True: pass"]))

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.bad_input(60, "the same command gives the same weights, to the last bit, on an idle and on a busy machine")
def test_a_busy_machine_changes_nothing(
    busy: Callable[[], None], tmp_path: Path, streetseg: Callable[..., Finished]
) -> None:
    data = f"camvid:{tiny.camvid_segnet(tmp_path / 'camvid', n_train=2, n_val=1)}"
    argv = ("--encoder", "test_efficientnet", "--weights", "none", "--epochs", "1", "--quiet", "train.batch=2")
    digests, precisions = set(), set()
    for name in ("idle", "busy"):
        if name == "busy":
            busy()
        done = streetseg("train", data, *argv, "--out", tmp_path / name)
        assert done.code == 0, done.err
        digests.add(hashlib.sha256((tmp_path / name / "best" / "weights.safetensors").read_bytes()).hexdigest())
        precisions.add(json.loads((tmp_path / name / "environment.json").read_text())["precision"]["name"])
    assert len(digests) == len(precisions) == 1
