"""benchmarks/gpu.py and epoch.py on the CPU with tiny networks: they run and print every figure."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tiny
from streetseg.errors import RequestError

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
TINY = ("--size", "32x64", "--images", "4", "--batch", "2", "--rounds", "1", "--device", "cpu")


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_everything_for_the_gpu(tmp_path: Path) -> None:
    """The shell script runs in a process of its own, as people start it."""
    data = tiny.camvid_segnet(tmp_path / "camvid", n_train=4, n_val=2, size=(32, 64))
    study = {"data": {"size": None}, "train": {"batch": 2, "precision": "fp32"}, "model": {"channels": None}}
    argv = ("--encoders", "test_efficientnet", "--steps", "1", "--epochs", "1", "--data", f"camvid:{data}")
    command = (BENCHMARKS / "gpu.sh", tmp_path / "gpu.json", *TINY, *argv, "--recipe", json.dumps(study))
    environment = os.environ | {"PYTHON": sys.executable}
    first = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert first.stderr is not None
    lines = []
    for line in first.stderr:
        lines.append(line)
        if line.startswith("training, test_efficientnet, classic, step: "):
            break
    first.kill()
    first.communicate()
    assert lines[0].startswith("runs on NOT A GPU: cpu"), lines
    kept = json.loads((tmp_path / "gpu.json").read_text())["training"]["test_efficientnet"]["classic"]["step"]

    done = subprocess.run(command, env=environment, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("NOT A GPU: cpu")
    results = json.loads((tmp_path / "gpu.json").read_text())
    assert results["device"] == "cpu"
    assert results["training"]["test_efficientnet"]["classic"]["step"] == kept  # it was not measured again
    assert set(results["training"]) == {"test_efficientnet"}
    decoders = results["training"]["test_efficientnet"]
    assert set(decoders) == set(results["study"]) >= {"classic", "fast"}
    for decoder, figures in decoders.items():
        assert figures["step"].keys() == {"images_per_second", "smp_images_per_second", "vs_smp_best"}
        assert min(figures["step"].values()) > 0
        assert set(figures["epoch"]) == {"device_cache", "fetched"}
        for epoch in figures["epoch"].values():
            assert epoch["images_per_second"] > 0
            assert 0 < epoch["data_share"] < 1
            assert {"data", "augment", "forward", "loss", "backward", "optimizer"} <= set(epoch["ms_per_image"])
        assert results["study"][decoder]["seconds"] > 0


@pytest.fixture
def gpu() -> Any:
    import gpu

    return gpu


def test_figures_of_another_machine_are_not_mixed(gpu: Any, tmp_path: Path) -> None:
    figures = gpu.Figures(tmp_path / "gpu.json", {"gpu": "this", "size": (32, 64)})
    figures.keep(("study", "fast"), lambda: {"seconds": 1.0})
    figures.keep(("training", "some", "synchronizations_per_step"), lambda: 0.0)
    again = gpu.Figures(tmp_path / "gpu.json", {"gpu": "this", "size": (32, 64)})
    again.keep(("training", "some", "synchronizations_per_step"), lambda: pytest.fail("it was measured before"))
    with pytest.raises(RequestError, match=r"begun with another gpu \(found this, now that\)"):
        gpu.Figures(tmp_path / "gpu.json", {"gpu": "that", "size": (32, 64)})


def test_a_measurement_that_fails_is_named_and_the_others_go_on(
    gpu: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> None:
        raise RuntimeError("CUDA error: out of memory")

    figures = gpu.Figures(tmp_path / "gpu.json", {"gpu": "this"})
    figures.keep(("study", "classic"), fails)
    figures.keep(("study", "fast"), lambda: {"seconds": 1.0})
    assert figures.failed
    assert json.loads((tmp_path / "gpu.json").read_text()) == {"gpu": "this", "study": {"fast": {"seconds": 1.0}}}
    assert "study, classic FAILED: RuntimeError: CUDA error: out of memory" in capsys.readouterr().err


def test_without_a_gpu(gpu: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main(["--device", "cuda:99", "--out", str(tmp_path / "gpu.json")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: device cuda:99 cannot be used (") and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_epoch_against_its_steps(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import epoch

    argv = ("--encoder", "test_efficientnet", "--decoder", "fast", "--precision", "fp32", *TINY)
    monkeypatch.setattr(sys, "argv", ["epoch.py", *argv, "--json"])
    epoch.main()
    results = json.loads(capsys.readouterr().out)
    assert (results["encoder"], results["decoder"], results["precision"]) == ("test_efficientnet", "fast", "fp32")
    assert results["images"] == 4
    assert results["crop"] == [32, 64]
    assert results["ratios"] == [results["ratio"]]
    times = results["ms_per_image"]
    assert results["ratio"] == pytest.approx(times["epoch"] / times["bare step"])
    assert {"data", "augment", "forward", "loss", "backward", "optimizer", "average", "scoring"} <= set(
        results["parts"]
    )


def test_a_step_against_the_peer_s() -> None:
    import training_step

    results = training_step.compare("test_efficientnet", ["classic", "fast"], training_step.random_batch(2, 32, 64), 1)
    assert results["precision"] in ("fp32", "bf16")
    for decoder in ("classic", "fast"):
        figures = results[decoder]
        assert figures["vs_smp_plain"] == pytest.approx(results["smp_plain_ms"] / figures["ms_per_image"])
        assert figures["vs_smp_best"] == pytest.approx(results["smp_best_ms"] / figures["ms_per_image"])
