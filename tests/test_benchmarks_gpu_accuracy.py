"""benchmarks/gpu_accuracy.py on the CPU with a tiny network, in real processes: killed, gone on with, joined."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import tiny
from conftest import ROOT
from streetseg.errors import DataError, RequestError
from streetseg.runs.finished import read_run

BENCHMARKS = ROOT / "benchmarks"
KILLED = -signal.SIGKILL


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


@pytest.fixture
def camvid(tmp_path: Path) -> Path:
    return tiny.camvid_segnet(tmp_path / "camvid", 4, 2)


def run(*arguments: str | Path, **environment: str) -> "subprocess.Popen[str]":
    """Start the shell script, as people do, without the package being installed where it looks for it."""
    return subprocess.Popen(
        [BENCHMARKS / "gpu_accuracy.sh", *arguments],
        env={**os.environ, "PYTHON": sys.executable, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = process.communicate(timeout=500)
    return process.returncode, out, err


def images_of(folder: Path) -> dict[str, np.ndarray[Any, Any]]:
    return {f"{path.parent.name}/{path.name}": np.asarray(Image.open(path)) for path in folder.rglob("*.png")}


def test_killed_gone_on_with_and_joined(camvid: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import gpu_accuracy

    (tmp_path / "weights").mkdir()
    pieces, out, home = tmp_path / "pieces", tmp_path / "out", tmp_path / "home"
    assert gpu_accuracy.main(["pack", str(camvid), str(tmp_path / "weights"), str(pieces), "--piece-mb", "0.02"]) == 0
    assert "resnext50_32x4d: NO WEIGHTS" in capsys.readouterr().err
    assert max(piece.stat().st_size for piece in pieces.iterdir()) <= 20_000
    assert len(list(pieces.iterdir())) > 1

    options = ("--experiments", "try", "--device", "cpu", "--workers", "1", "--result-mb", "0.02")
    first = run(pieces, out, *options, "--seconds", "1e6")
    assert first.stderr is not None
    lines = []
    for line in first.stderr:  # until one run has ended, and the next one trains
        lines.append(line)
        if line.startswith("tiny-by-video_seed0_fold1: mean IoU "):
            break
    while not (out / "runs" / "tiny-by-video_seed0_fold2" / "journal.jsonl").is_file():
        assert first.poll() is None, "".join(lines)
        time.sleep(0.01)
    first.kill()
    assert ended(first)[0] == KILLED
    assert lines[0].startswith("runs on NOT A GPU: cpu")
    unpacked, packed = images_of(out / "data" / "camvid"), images_of(camvid)
    assert unpacked.keys() == packed.keys()
    assert all(np.array_equal(unpacked[name], packed[name]) for name in packed)
    # What was finished is there to be taken away, though the program had no time to say so.
    gpu_accuracy.main(["join", str(out), str(tmp_path / "early")])
    assert "| tiny by video | camvid-long | RANDOM: no weights were packed | 3 | 1 of 3 |" in capsys.readouterr().out
    journal = out / "runs" / "tiny-by-video_seed0_fold1" / "journal.jsonl"
    trained = journal.read_bytes()

    code, printed, err = ended(run(pieces, out, *options, "--seconds", "1e6"))

    assert code == 0, err
    assert re.search(r"tiny-by-video_seed0_fold1: mean IoU \d+\.\d %, finished before", err)
    assert journal.read_bytes() == trained
    assert "waits for data" not in err  # the pace was measured by the first call
    summary = json.loads(printed)
    assert summary["device"].startswith("NOT A GPU: cpu")
    by_video, official = summary["experiments"]
    assert len(by_video["runs"]) == 3 and len(official["runs"]) == 1
    assert by_video["not finished"] == [] and by_video["failed"] == {}
    assert by_video["steps per second"] > 0 and 0 < by_video["waiting for data"] < 1
    for folder in ("results", "bundles"):
        assert max(path.stat().st_size for path in (out / folder).rglob("*") if path.is_file()) <= 20_000

    assert gpu_accuracy.main(["join", str(out), str(home)]) == 0
    joined = capsys.readouterr().out
    assert joined == (home / "table.md").read_text()
    assert joined.startswith("On NOT A GPU: cpu")
    assert "| tiny by video | camvid-long | RANDOM: no weights were packed | 3 | 3 of 3 |" in joined
    runs = {folder.name: read_run(folder) for folder in home.iterdir() if folder.is_dir()}
    assert set(runs) == {*by_video["runs"], *official["runs"]}
    held_out = [set(run.counts.sequences) for run in runs.values() if run.recipe.data.fold]
    assert sorted(map(tuple, held_out)) == [("0001TP",), ("0006R0",), ("0016E5",)]
    (shipped,) = official["runs"]
    assert (home / shipped / "best" / "weights.safetensors").is_file()

    code, _, err = ended(run(pieces, out, *options[:1], "rehearsal", *options[2:], "--seconds", "1e6"))
    assert code == 2
    assert "error: begun with another experiments (found try, now rehearsal)" in err


def test_time_is_up_before_anything_was_measured(camvid: Path, tmp_path: Path) -> None:
    import pieces

    pieces.write_pieces(tmp_path / "pieces", "data", pieces.camvid_members(camvid), 10**6)
    options = ("--experiments", "try", "--device", "cpu", "--workers", "1", "--seconds", "0")
    code, printed, err = ended(run(tmp_path / "pieces", tmp_path / "out", *options))
    assert (code, printed) == (1, "")
    assert err.splitlines()[-1] == ("error: the time was up before every network was measured; give more --seconds")


def test_without_a_gpu_nothing_is_written(tmp_path: Path) -> None:
    code, printed, err = ended(run(tmp_path / "pieces", tmp_path / "out", CUDA_VISIBLE_DEVICES=""))
    assert (code, printed) == (2, "")
    assert err.startswith("error: device cuda cannot be used (") and err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import installed

    names = installed.packages()
    assert {"torch", "timm", "pydantic", "numpy"} <= set(names)
    installed.require_installed()
    monkeypatch.setattr(installed, "is_installed", lambda name: name not in ("torch", "pydantic"))
    with pytest.raises(SystemExit, match=r": pydantic, torch\nhint: .* -m pip install pydantic torch\n"):
        installed.require_installed()


def test_pieces_that_are_missing_or_damaged(tmp_path: Path) -> None:
    import pieces

    pieces.write_pieces(tmp_path / "there", "some", [("file", os.urandom(1000))], 200)
    first, *_, last = sorted((tmp_path / "there").iterdir())
    content = last.read_bytes()
    last.unlink()
    with pytest.raises(RequestError, match=r"pieces of some.tar.gz are missing \(found 5, expected 6\)"):
        pieces.read_pieces(tmp_path / "there", "some", tmp_path / "here")
    last.write_bytes(content)
    pieces.read_pieces(tmp_path / "there", "some", tmp_path / "here")
    first.write_bytes(os.urandom(200))
    with pytest.raises(DataError, match="cannot unpack"):
        pieces.read_pieces(tmp_path / "there", "some", tmp_path / "here")


def test_an_image_that_would_change_is_not_packed(camvid: Path) -> None:
    import pieces

    image = next((camvid / "val").iterdir())
    Image.open(image).quantize().save(image)
    with pytest.raises(DataError, match="does not survive packing") as caught:
        list(pieces.camvid_members(camvid))
    assert caught.value.where == (str(image),)


def test_a_worker_that_dies_takes_its_task_alone() -> None:
    """The tasks are functions of the standard library, which every new process can import."""
    from workers import Failed, Task, Workers

    ends = Task(os.getpid, ())
    tasks = {
        "ends": ends,
        "raises": Task(int, ("ten",)),
        "ends again": ends,
        "dies": Task(signal.raise_signal, (signal.SIGKILL,)),
        "ends at last": ends,
    }
    with Workers(1) as workers:
        found = dict(workers.results(tasks, lambda: time.monotonic() + 500))
        assert found["raises"] == Failed("ValueError: invalid literal for int() with base 10: 'ten'")
        assert found["dies"] == Failed(f"its process died with exit code {KILLED}")
        processes = {found[name] for name in ("ends", "ends again", "ends at last")}
        assert len(processes) == 3  # none works on after an error
        with pytest.raises(TimeoutError):
            dict(workers.results({"hangs": Task(time.sleep, (600,))}, time.monotonic))


def test_without_mps_the_processes_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where MPS is there but no process can use the GPU through it, as here, it is ended."""
    import mps

    with mps.shared_gpu("cpu") as words:
        assert words == "the processes share the processor"
    monkeypatch.setenv("PATH", str(tmp_path))
    with mps.shared_gpu("cuda") as words:
        assert words.startswith("WITHOUT MPS, as there is no nvidia-cuda-mps-control")
    control = tmp_path / "nvidia-cuda-mps-control"
    control.write_text(f"#!/bin/sh\necho called with ${{1:-nothing}} >> {tmp_path}/calls\n")
    control.chmod(0o755)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with mps.shared_gpu("cuda:0") as words:
        assert words.startswith("WITHOUT MPS, which does not work here (")
        assert mps.PIPES not in os.environ
    assert (tmp_path / "calls").read_text() == "called with -d\ncalled with nothing\n"


def test_mps_that_did_not_start_is_not_taken_for_one_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process uses the GPU without MPS then, and no call fails but that of the control program."""
    import mps

    control = tmp_path / "nvidia-cuda-mps-control"
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(mps, "TRIAL", "")
    for code, begin in ((1, "WITHOUT MPS, which does not work here ("), (0, "the processes share the GPU by MPS")):
        control.write_text(f"#!/bin/sh\nexit {code}\n")
        control.chmod(0o755)
        with mps.shared_gpu("cuda") as words:
            assert words.startswith(begin)
            assert (mps.PIPES in os.environ) == (code == 0)
        assert mps.PIPES not in os.environ


def test_an_error_of_cuda_is_one_line() -> None:
    from workers import one_line

    error = RuntimeError("CUDA error: an illegal memory access was encountered\nsecond line")
    assert one_line(error) == "RuntimeError: CUDA error: an illegal memory access was encountered; second line"


def test_a_full_disk_is_one_plain_error(
    camvid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import gpu_accuracy
    import gpu_session

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", str(tmp_path / "out" / "data"))

    monkeypatch.setattr(gpu_session, "unpack", full)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert gpu_accuracy.main(["run", str(tmp_path), str(tmp_path / "out"), "--device", "cpu"]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: [Errno 28] No space left on device") and error.endswith("what was finished is kept")


def test_experiments_of_an_ablation_plan() -> None:
    """They are those of the plan; more drawn images take more time."""
    import yaml
    from gpu_plan import EXPERIMENTS, PLANS, Pace, plan

    content = yaml.safe_load((PLANS / "gpu.yaml").read_text("utf-8"))
    levers = {experiment.name: experiment for experiment in EXPERIMENTS["levers"]}
    assert {"base", *content["changes"]} <= set(levers)
    assert levers["base"].recipe == "camvid-unseen" and levers["base"].fields["model.weights"] == "scenes"
    assert levers["from ImageNet"].recipe == "camvid-unseen" and "model.weights" not in levers["from ImageNet"].fields
    assert levers["half of the images drawn"].fields["data.extra_share"] == 0.5

    pace = Pace(of_image=(0.01, 0.01), early=0.5, of_epoch=0.0, of_run=0.0, waiting=0.0, batch=4)
    for name, images in (("no drawn streets beside CamVid", 15 * 300), ("half of the images drawn", 8 * 600)):
        made = plan([levers[name]], {"mobilenetv2_100": pace}, (300, 300), 6, 1000)
        assert made.notes == [f"3 runs, about {images / 100:.0f} of 1000 s"]


def test_streets_beside_camvid_are_drawn_once(camvid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gpu_session

    monkeypatch.setenv("STREETSEG_CACHE", str(tmp_path / "cache"))
    opened = []
    really = gpu_session.open_source

    def counting(data: Any) -> Any:
        opened.append(data.extra)
        return really(data)

    monkeypatch.setattr(gpu_session, "open_source", counting)
    requested = Namespace(seconds=1, out=tmp_path / "out", result_mb=1, experiments="rehearsal", device="cpu")
    (tmp_path / "out" / "data").mkdir(parents=True)
    camvid.rename(tmp_path / "out" / "data" / "camvid")
    session = gpu_session.Session(requested, 0.0)
    session.experiments = session.experiments * 2
    session.draw()
    assert opened == ["scenes"]
    (drawn,) = (tmp_path / "cache" / "scenes").glob("*/")
    assert drawn.name.endswith("-48x64-4")


def test_what_fits_into_the_time() -> None:
    """All first seeds come before the second; nothing is shortened for what is extra."""
    from gpu_plan import ENCODERS, EXPERIMENTS, Pace, Run, plan

    winners = EXPERIMENTS["winners"][1:]  # the first has another recipe, of ten epochs
    pace = Pace(of_image=(0.001, 0.002), early=0.5, of_epoch=0.0, of_run=10.0, waiting=0.0, batch=4)
    paces = dict.fromkeys(ENCODERS, pace)
    images = (300, 300)  # 100 epochs take 10 + 45 s

    def planned(seconds: float, **further: Any) -> tuple[list[tuple[str, int, int]], list[str]]:
        made = plan(winners, paces, images, 12, seconds, **further)
        return [(run.experiment.name, run.seed, run.epochs) for run in made.runs], made.notes

    runs, notes = planned(1000)
    assert len(runs) == 3 * (3 * 3 + 1 + 3) and notes == ["39 runs, about 220 of 1000 s"]
    runs, notes = planned(60)
    assert len(runs) == 12 and {run[1:] for run in runs} == {(0, 100)}
    assert sum(note.startswith("DROPPED") for note in notes) == 9
    runs, notes = planned(40)
    assert len(runs) == 12 and {run[1:] for run in runs} == {(0, 65)}
    assert notes[0].startswith("SHORTENED: all runs to 65 %")
    runs, notes = planned(5)
    assert not runs and sum(note.startswith("DROPPED") for note in notes) == 15

    # A later call keeps the epochs, and what is finished takes no time.
    begun = plan(winners, paces, images, 12, 40).epochs

    def share_left(run: Run) -> float:
        return float(run.seed > 0)

    runs, notes = planned(40, begun=begun, share_left=share_left)
    assert len(runs) == 21 + 12 and {run[2] for run in runs} == {65, 130}

    # What is begun is never dropped, however little time there is.
    runs, _ = planned(0, begun=begun, share_left=lambda run: 0.5 if run.fold == 2 and run.seed == 0 else 1.0)
    assert len(runs) == 18 and {run[1] for run in runs} == {0}

    # A checkpoint after each epoch counts, too: 100 of them take as long as all else.
    paces = dict.fromkeys(ENCODERS, Pace((0.001, 0.002), 0.5, of_epoch=0.55, of_run=10.0, waiting=0.0, batch=4))
    assert planned(1000)[1] == ["39 runs, about 440 of 1000 s"]
    del paces["resnet50"]
    assert "DROPPED: resnet50 by video: its network could not be measured" in planned(1000)[1]
