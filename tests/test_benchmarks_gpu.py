"""benchmarks/gpu.py and epoch.py on the CPU with tiny networks: they run and print every figure."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tiny

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
    done = subprocess.run(
        [BENCHMARKS / "gpu.sh", tmp_path / "gpu.json", *TINY, *argv, "--recipe", json.dumps(study)],
        env=os.environ | {"PYTHON": sys.executable},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "gpu.json").read_text())
    assert results["device"] == "cpu"
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
    assert not (tmp_path / "gpu.json.part").exists()


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
