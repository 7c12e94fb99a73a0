"""The programs of docs/how-to/run-without-streetseg.md give the labels that streetseg gives."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from exported import SCENES, SIZE, saved
from streetseg.deploy.export import export
from streetseg.inference.engines.open import open_engine
from streetseg.labels.tables import STREET_11
from streetseg.models.encoder import Encoder
from streetseg.models.network import SegmentationNetwork
from tiny import save, street

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "run-without-streetseg.md"


def program(language: str, word: str) -> str:
    """Return the code block of that language that holds `word`."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    (found,) = [block for block in blocks if word in block]
    return str(found)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder in which the programs run: a bundle, its export, and an image of the training size."""
    torch.manual_seed(0)
    network = SegmentationNetwork(Encoder("test_resnet"), STREET_11, decoder="fast", size=SIZE)
    bundle = saved(tmp_path / "runs" / "mobile" / "best", network)
    export(bundle, tmp_path / "street.onnx", "onnx", SCENES)
    save(tmp_path / "street.png", street(3, SIZE)[0])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def expected(model: Path) -> NDArray[np.uint8]:
    """Return the labels of street.png that streetseg computes."""
    engine = open_engine(model, "torch", device="cpu")
    return engine.labels(engine.take(street(3, SIZE)[0].transpose(2, 0, 1)[None]))


def run(code: str) -> dict[str, Any]:
    """Return the names that a Python program leaves."""
    names: dict[str, Any] = {}
    exec(compile(code, str(PAGE), "exec"), names)
    return names


def test_onnxruntime(folder: Path) -> None:
    names = run(program("python", "import onnxruntime"))

    assert np.array_equal(names["labels"], expected(folder / "runs" / "mobile"))
    with Image.open("labels.png") as mask:
        assert np.array_equal(np.asarray(mask), names["labels"][0])


def test_litert(litert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copyfile(litert, tmp_path / "street.tflite")
    save(tmp_path / "street.png", street(3, SIZE)[0])
    monkeypatch.chdir(tmp_path)

    names = run(program("python", "ai_edge_litert"))

    assert (names["labels"] == expected(litert.with_suffix(""))).mean() > 0.999
    assert names["logits"].shape == (1, *SIZE, 11)


def test_opencv(folder: Path) -> None:
    names = run(program("python", "import cv2"))

    assert (names["labels"].reshape(SIZE) == expected(folder / "runs" / "mobile")[0]).mean() > 0.999


def test_pytorch(folder: Path) -> None:
    names = run(program("python", "import timm"))

    assert (names["labels"].numpy() == expected(folder / "runs" / "mobile")).mean() > 0.999


def test_cpp(folder: Path) -> None:
    import openvino

    package = Path(openvino.__file__).parent
    libraries = sorted((package / "libs").glob("libopenvino.so.*"))
    if not (shutil.which("g++") and (package / "include" / "openvino" / "openvino.hpp").is_file() and libraries):
        pytest.skip("no C++ compiler, or no headers of OpenVINO")
    (folder / "segment.cpp").write_text(program("cpp", "openvino.hpp"))
    compiler = ["g++", "-std=c++17", "segment.cpp", f"-I{package / 'include'}", str(libraries[0])]
    subprocess.run([*compiler, f"-Wl,-rpath,{package / 'libs'}", "-o", "segment"], check=True)
    Image.fromarray(street(3, SIZE)[0]).save("street.ppm")

    subprocess.run(["./segment", "street.onnx", "street.ppm", "labels.pgm"], check=True)

    with Image.open("labels.pgm") as labels:
        assert (np.asarray(labels) == expected(folder / "runs" / "mobile")[0]).mean() > 0.999


def test_javascript(folder: Path) -> None:
    node, modules = shutil.which("node"), Path(__file__).parents[1] / "node_modules"
    if node is None or not (modules / "onnxruntime-web").is_dir():
        pytest.skip("no Node.js, or no onnxruntime-web (npm install onnxruntime-web in the checkout)")
    (folder / "node_modules").symlink_to(modules)
    (folder / "segment.mjs").write_text(program("js", "onnxruntime-web"))
    (folder / "street.rgba").write_bytes(Image.fromarray(street(3, SIZE)[0]).convert("RGBA").tobytes())
    (folder / "run.mjs").write_text(
        'import { readFileSync, writeFileSync } from "node:fs";\n'
        'import { open, segment } from "./segment.mjs";\n'
        'const session = await open(new Uint8Array(readFileSync("street.onnx")));\n'
        f'writeFileSync("labels", await segment(session, readFileSync("street.rgba"), {SIZE[1]}, {SIZE[0]}));\n'
    )

    subprocess.run([node, "run.mjs"], check=True)

    labels = np.frombuffer((folder / "labels").read_bytes(), np.uint8).reshape(SIZE)
    assert (labels == expected(folder / "runs" / "mobile")[0]).mean() > 0.999
