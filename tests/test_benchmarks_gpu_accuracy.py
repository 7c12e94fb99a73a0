"""benchmarks/gpu_accuracy.py on the CPU with a tiny network: what fits is trained, and the results come home."""

import json
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

import tiny
from conftest import ROOT
from streetseg.runs.finished import read_run


@pytest.fixture
def gpu_accuracy(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import gpu_accuracy

    return gpu_accuracy


class InThisProcess:
    """A pool without processes, each of which would import torch."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __enter__(self) -> "InThisProcess":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def map(self, function: Any, items: Any, chunksize: int) -> Any:
        return map(function, items)

    def submit(self, function: Any, *args: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def shutdown(self, **_: object) -> None:
        pass


def test_data_goes_there_and_results_come_back(
    gpu_accuracy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gpu_accuracy, "ProcessPoolExecutor", InThisProcess)
    monkeypatch.setattr(gpu_accuracy.os, "_exit", lambda code: None)
    monkeypatch.setattr("streetseg.report.report.write_run_report", lambda *_, **__: None)  # nobody opens it here
    camvid = tiny.camvid_segnet(tmp_path / "camvid", 4, 2)
    (tmp_path / "weights").mkdir()
    pieces, out, home = tmp_path / "pieces", tmp_path / "out", tmp_path / "home"

    gpu_accuracy.main(["pack", str(camvid), str(tmp_path / "weights"), str(pieces), "--piece-mb", "0.02"])
    assert (
        max(piece.stat().st_size for piece in pieces.iterdir())
        <= 20_000
        < sum(piece.stat().st_size for piece in pieces.iterdir())
    )
    assert "resnext50_32x4d: NO WEIGHTS" in capsys.readouterr().err
    options = ["--experiments", "try", "--device", "cpu", "--workers", "1", "--seconds", "1e6"]
    gpu_accuracy.main(["run", str(pieces), str(out), *options])

    said = capsys.readouterr()
    assert "waits for data" in said.err and "4 runs, about" in said.err
    summary = json.loads((out / "summary.json").read_text())
    assert summary == json.loads(said.out)
    assert 0 < summary["waiting for data"]["test_efficientnet"] < 1
    by_video, official = summary["experiments"]
    assert len(by_video["runs"]) == 3 and len(official["runs"]) == 1
    assert by_video["initial weights"].startswith("RANDOM")
    gpu_accuracy.main(["join", str(out), str(home)])
    runs = {folder.name: read_run(folder) for folder in home.iterdir()}
    assert set(runs) == {*by_video["runs"], *official["runs"]}
    held_out = [set(run.counts.sequences) for run in runs.values() if run.recipe.data.fold]
    assert sorted(map(tuple, held_out)) == [("0001TP",), ("0006R0",), ("0016E5",)]
    (shipped,) = official["runs"]
    assert (home / shipped / "best" / "weights.safetensors").is_file()


def test_what_fits_into_the_time(gpu_accuracy: Any) -> None:
    """All first seeds come before the second; nothing is shortened for what is extra."""
    pace = gpu_accuracy.Pace(of_image=(0.001, 0.002), early=0.5, of_run=10.0, waiting=0.0)
    paces = dict.fromkeys(gpu_accuracy.ENCODERS, pace)
    images = (300, 300)  # 100 epochs take 10 + 45 s

    def planned(seconds: float) -> tuple[list[tuple[str, int, int]], list[str]]:
        runs, notes = gpu_accuracy.plan(gpu_accuracy.EXPERIMENTS["winners"], paces, images, 12, seconds)
        return [(run.experiment.name, run.seed, run.epochs) for run in runs], notes

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
    del paces["resnet50"]
    assert "DROPPED: resnet50 by video: its network could not be measured" in planned(1000)[1]
