"""The base install has no torch: data, labels, metrics and reports work without it, and training says what is missing.

A process in which torch, torchvision and timm cannot be imported stands in for it.
"""

import json
import subprocess
import sys
from pathlib import Path

import tiny
from exported import exported, saved
from networks import tiny_network

BARRIER = "import sys; sys.modules.update(dict.fromkeys(('torch', 'torchvision', 'timm', 'safetensors.torch')))\n"

# Packages that do not train, and their few files that do work on tensors.
TORCHLESS = (
    *("labels", "recipe", "scenes", "metrics", "data", "runs", "inference", "evaluation", "comparison", "report"),
    *("cli", "pretrained", "serve"),
)
TENSOR_FILES = {
    "streetseg.data.augment.augment",
    "streetseg.data.batches",
    "streetseg.data.augment.color",
    "streetseg.data.augment.geometry",
    "streetseg.inference.cost",
    "streetseg.inference.parts",
    "streetseg.inference.engines.torch_engine",
    "streetseg.inference.backend_torch",
    "streetseg.metrics.batch_confusion",
}


def test_packages_that_do_not_train_import_without_torch() -> None:
    code = f"""
import importlib, pkgutil, json
failed = []
for name in {TORCHLESS}:
    package = importlib.import_module(f"streetseg.{{name}}")
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            failed.append((module.name, error.name))
print(json.dumps(failed))
"""
    failed = dict(json.loads(without_torch(code)))

    assert set(failed) <= TENSOR_FILES
    assert {missing.split(".")[0] for missing in failed.values()} == {"torch"}


def test_check_runs_without_torch(tmp_path: Path) -> None:
    folder = tiny.camvid_segnet(tmp_path / "camvid")
    report = json.loads(without_torch("import streetseg.__main__", "check", f"camvid:{folder}", "--json"))

    assert report["splits"]["train"]["images"] == 6


def test_doctor_says_that_torch_is_missing() -> None:
    report = json.loads(without_torch("import streetseg.__main__", "doctor", "--json"))

    assert "streetseg[train]" in report["accelerators"]["none"]


def test_an_exported_model_predicts_and_is_scored_without_torch(tmp_path: Path) -> None:
    folder, model = tiny.camvid_segnet(tmp_path / "camvid"), exported(tmp_path, size=(48, 64))
    image = next((folder / "val").iterdir())
    for name in ("onnxruntime", "openvino"):
        out = tmp_path / name
        argv = ("predict", str(model), str(image), "--out", str(out), "--engine", name, "--json")
        reported = json.loads(without_torch("import streetseg.__main__", *argv))
        assert reported["engine"] == name
        assert (out / f"{image.stem}_ids.png").exists()
    reported = json.loads(
        without_torch("import streetseg.__main__", "evaluate", str(model), f"camvid:{folder}", "--json")
    )
    assert reported["protocol"]["images"] == 3


def test_the_network_in_the_box_predicts_without_torch(tmp_path: Path) -> None:
    tiny.save(tmp_path / "a.png", tiny.street(0)[0])
    argv = ("predict", str(tmp_path / "a.png"), "--out", str(tmp_path / "out"), "--json")
    reported = json.loads(without_torch("import streetseg.__main__", *argv))

    assert reported["engine"] == "onnxruntime"
    assert (tmp_path / "out" / "a_ids.png").exists()


def test_a_bundle_asks_for_the_train_extra(tmp_path: Path) -> None:
    bundle = saved(tmp_path / "model", tiny_network())
    argv = ["predict", str(bundle), str(tmp_path / "a.png"), "--out", str(tmp_path / "out")]
    tiny.save(tmp_path / "a.png", tiny.street(0)[0])
    done = subprocess.run(
        [sys.executable, "-c", BARRIER + "import streetseg.__main__", *argv], capture_output=True, text=True
    )

    assert done.returncode == 2
    assert "error: engine torch needs torch, which is not installed" in done.stderr
    assert "pip install 'streetseg[train]'" in done.stderr


def test_training_asks_for_the_train_extra(tmp_path: Path) -> None:
    folder = tiny.camvid_segnet(tmp_path / "camvid")
    done = subprocess.run(
        [sys.executable, "-c", BARRIER + "import streetseg.__main__", "train", f"camvid:{folder}"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )

    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: this command needs torch, which is not installed",
        "hint:  pip install 'streetseg[train]'",
    ]


def without_torch(code: str, *args: str) -> str:
    """Run Python code in a process without torch. Return what it prints."""
    done = subprocess.run([sys.executable, "-c", BARRIER + code, *args], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
