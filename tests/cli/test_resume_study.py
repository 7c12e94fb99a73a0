"""A study that was stopped continues its grid and repeats nothing that is finished."""

import json
import os
import re
import shlex
import signal
from pathlib import Path
from typing import Any

import pytest

import tiny
from forked import command, fork, kill
from same_run import assert_same_run
from short_run import STEP, USUAL, Argv, events

STEPS = 6  # of a run: 2 epochs of 6 images, 2 at a time
RUNS = ("test_efficientnet_seed0", "test_resnet_seed0")


@pytest.fixture(scope="module")
def camvid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.camvid_segnet(tmp_path_factory.mktemp("data") / "camvid", n_train=6, n_val=2, size=(32, 64))


@pytest.fixture(scope="module")
def uninterrupted(camvid: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("studies") / "whole"
    assert fork(command(*study(camvid, out))) == 0
    return out


def study(camvid: Path, out: Path, *flags: object, epochs: int = 2) -> Argv:
    settings = [f"{path.replace('__', '.')}={value}" for path, value in USUAL.items() if path != "model__encoder"]
    usual = ("--encoders", "test_efficientnet,test_resnet", "--weights", "none", "--quiet", "--epochs", epochs)
    return ("study", f"camvid:{camvid}", *settings, *usual, *flags, "--out", out)


def files(folder: Path) -> dict[str, int]:
    """Return the modification time of every file."""
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def assert_same_study(out: Path, expected: Path) -> None:
    for run in RUNS:
        assert_same_run(out / "runs" / run, expected / "runs" / run)
        assert (out / "runs" / run / "report.html").is_file()
        assert (out / "runs" / run / "model_card.md").is_file()
    assert (out / "report.html").is_file()
    assert outcome(out) == outcome(expected)
    assert not list(out.rglob("*.tmp"))


def outcome(out: Path) -> dict[str, Any]:
    """Return study.json without measured times and the sentences about them."""
    result = json.loads((out / "study.json").read_text())
    for pair in result["differences"]:
        del pair["latency_ratio"], pair["sentence"]
    return {name: result[name] for name in ("protocol", "runs", "differences")}


@pytest.mark.bad_input(24, "study --resume continues the grid; finished runs keep their files unchanged")
@pytest.mark.parametrize(
    ("at", "call", "finished"),
    [
        (STEP, 2, []),
        ("streetseg.grid:write_run_report", 1, [RUNS[0]]),
        ("streetseg.report.report:write_model_card", 1, [RUNS[0]]),
        (STEP, STEPS + 5, [RUNS[0]]),
        ("streetseg.grid:write_report", 1, [*RUNS]),
        ("streetseg.grid:atomic_write_json", 1, [*RUNS]),
    ],
)
def test_a_killed_study(at, call, finished, camvid, uninterrupted, tmp_path, streetseg) -> None:
    out = tmp_path / "study"
    assert fork(command(*study(camvid, out)), at=at, call=call, do=kill) == -9
    before = {run: files(out / "runs" / run) for run in finished}

    done = streetseg(*study(camvid, out, "--resume"))

    assert done.code == 0, done.err
    assert_same_study(out, uninterrupted)
    for run, times in before.items():
        assert times.items() <= files(out / "runs" / run).items()
        assert len(events(out / "runs" / run, "end")) == 1
        assert events(out / "runs" / run, "resume") == []


def test_a_finished_study_only_compares_again(uninterrupted, camvid, streetseg) -> None:
    before, result = files(uninterrupted / "runs"), outcome(uninterrupted)

    done = streetseg(*study(camvid, uninterrupted, "--resume"))

    assert done.code == 0, done.err
    assert outcome(uninterrupted) == result
    assert files(uninterrupted / "runs") == before


@pytest.mark.bad_input(28, "a study saves the current run; the study command with --resume continues")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_study(number, code, camvid, uninterrupted, tmp_path, capfd, streetseg) -> None:
    out = tmp_path / "my study"

    stop = lambda: os.kill(os.getpid(), number)  # noqa: E731
    assert fork(command(*study(camvid, out)), at=STEP, call=STEPS + 5, do=stop) == code

    [offered] = re.findall(r"^stopped; to go on: streetseg (.*)$", capfd.readouterr().err, flags=re.M)
    assert shlex.split(offered) == [*map(str, study(camvid, out)), "--resume"]
    assert streetseg(*shlex.split(offered)).code == 0
    assert_same_study(out, uninterrupted)
    for run in RUNS:
        assert [step["step"] for step in events(out / "runs" / run, "step")] == list(range(1, STEPS + 1))


@pytest.mark.bad_input(27, "a study with a run of another recipe is refused before any run starts; --force continues")
def test_a_study_with_another_recipe_is_refused(camvid, uninterrupted, tmp_path, streetseg) -> None:
    out = tmp_path / "study"
    assert fork(command(*study(camvid, out)), at=STEP, call=STEPS + 5, do=kill) == -9
    before = files(out)

    refused = streetseg(*study(camvid, out, "--resume", epochs=3))
    unchanged = files(out) == before
    forced = streetseg(*study(camvid, out, "--resume", "--force", epochs=3))

    assert refused.code == 2
    for run in RUNS:
        assert f"{out / 'runs' / run}: train.epochs: was 2, is 3" in refused.err
    assert unchanged
    assert forced.code == 0, forced.err
    for run in RUNS:
        assert len((out / "runs" / run / "results.csv").read_text().splitlines()) == 1 + 3


@pytest.mark.bad_input(32, "the folder of a study, too, is used by one process at a time")
def test_a_study_s_folder_in_use_is_refused(camvid, tmp_path, capfd) -> None:
    out = tmp_path / "study"
    codes, reported = os.pipe()

    def meanwhile() -> None:
        os.write(reported, bytes([fork(command(*study(camvid, out, "--resume")))]))

    fork(command(*study(camvid, out)), at=STEP, call=2, do=lambda: (meanwhile(), kill()))

    assert os.read(codes, 1) == bytes([2])
    assert "the study's folder is in use by process" in capfd.readouterr().err
