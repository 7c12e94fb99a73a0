"""LiteRT files: the network, described, of one size; run by the engine `litert` without a word of its library."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import streetseg.deploy.litert as litert_module
import tiny
from exported import SCENES, SIZE, saved
from networks import tiny_network
from streetseg.deploy import litert_worker
from streetseg.deploy.checks import DisagreementError
from streetseg.deploy.export import export
from streetseg.deploy.litert import ConversionError, describe_litert, require_converter
from streetseg.errors import ModelError, RequestError
from streetseg.inference.engines.open import open_engine
from streetseg.models.network import SegmentationNetwork

Command = Callable[..., Any]


@pytest.fixture
def converted(litert: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let every conversion give the file of the fixture, as each takes half a minute."""
    monkeypatch.setattr(
        litert_module, "write_litert", lambda path, network, fixed: path.write_bytes(litert.read_bytes())
    )
    return litert


def test_the_file_is_the_network(litert: Path) -> None:
    images = np.stack([tiny.street(index, SIZE)[0] for index in range(3)]).transpose(0, 3, 1, 2)
    with torch.inference_mode():
        expected = tiny_network().eval()(torch.from_numpy(images.copy())).numpy()
    engine: Any = open_engine(litert, "litert")

    logits, labels = engine.logits(images), engine.labels(images)

    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
    assert (labels == expected.argmax(1)).mean() > 0.999
    assert (engine.size, engine.fixed_size, engine.precision) == (SIZE, SIZE, "fp32")
    assert engine.about.description["encoder"] == "test_efficientnet"


def test_smaller_images_are_padded_as_the_network_pads(litert: Path) -> None:
    image = tiny.street(0, (32, 64))[0].transpose(2, 0, 1)[None]
    reference: Any = open_engine(litert.with_suffix(""), "torch", device="cpu")
    engine = open_engine(litert, "litert")

    inner = engine.logits(image)[..., :16, :]

    assert engine.logits(image).shape == (1, 11, 32, 64)
    expected = reference.logits(reference.take(image)).numpy()[..., :16, :]
    assert np.abs(inner - expected).max() < 0.1 * np.abs(expected).max()
    assert engine.labels(tiny.street(0, (150, 211))[0].transpose(2, 0, 1)[None]).shape == (1, 150, 211)


@pytest.mark.parametrize(("precision", "share"), [("fp16", 0.7), ("int8", 0.6)])
def test_lower_precisions(converted: Path, tmp_path: Path, streetseg: Command, precision: str, share: float) -> None:
    data = f"camvid:{tiny.camvid_segnet(tmp_path / 'camvid')}"
    file = tmp_path / "low.tflite"
    argv = ["--format", "litert", "--precision", precision, "--data", data, "--budget", "100", "--out", file]

    ended = streetseg("export", converted.with_suffix(""), *argv)

    assert ended.code == 0, ended.err
    assert "images of 48x64 only" in ended.out
    assert file.stat().st_size < share * converted.stat().st_size
    assert all(line.startswith(("the file takes", "calibrating", "scoring", "decoding", "/")) or "CamVid" in line
               for line in ended.err.splitlines()), ended.err  # fmt: skip
    engine: Any = open_engine(file)
    assert (engine.name, engine.precision) == ("litert", precision)
    assert bool(engine.about.description["calibration"]) == (precision == "int8")


def other_mean(network: SegmentationNetwork) -> None:
    network.mean += 40


def other_channels(network: SegmentationNetwork) -> None:
    stem = next(weights for weights in network.parameters() if weights.ndim == 4 and weights.shape[1] == 3)
    with torch.no_grad():
        stem.copy_(stem.flip(1))


@pytest.mark.bad_input(36, "a .tflite file with a wrong mean or swapped channels: refused before any lower precision")
@pytest.mark.parametrize("change", [other_mean, other_channels])
@pytest.mark.usefixtures("converted")
def test_a_file_of_another_network_is_refused(
    tmp_path: Path, streetseg: Command, change: Callable[[SegmentationNetwork], None]
) -> None:
    network = tiny_network(size=SIZE)
    change(network)
    bundle = saved(tmp_path / "bundle", network)

    ended = streetseg("export", bundle, "--format", "litert", "--precision", "fp16")

    assert ended.code == 1
    assert "does not agree with the network: logits differ by" in ended.err
    assert {path.name for path in tmp_path.iterdir()} == {"bundle"}


@pytest.mark.bad_input(36, "a .tflite file with a wrong argmax axis: refused, no file")
def test_a_wrong_axis_is_refused(litert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        litert_module, "write_litert", lambda path, network, fixed: path.write_bytes(with_other_axis(litert))
    )
    with pytest.raises(DisagreementError, match="logits and labels of 1 images of 48x64 have wrong shapes"):
        export(litert.with_suffix(""), tmp_path / "a.tflite", "litert", SCENES)
    assert not (tmp_path / "a.tflite").exists()


def with_other_axis(file: Path) -> bytes:
    """Return a LiteRT file whose labels are the argmax over the columns of the image."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(file.read_bytes()))
    graph = model.subgraphs[0]
    kinds = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
    (argmax,) = [op for op in graph.operators if kinds[op.opcodeIndex] == schema.BuiltinOperator.ARG_MAX]
    axis = graph.tensors[argmax.inputs[1]]
    model.buffers.append(schema.BufferT())
    model.buffers[-1].data = np.frombuffer(np.int32(2).tobytes(), np.uint8)
    axis.buffer, axis.type, axis.shape = len(model.buffers) - 1, schema.TensorType.INT32, np.array([], np.int32)
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def test_weights_behind_the_model_are_kept(litert: Path, tmp_path: Path) -> None:
    """The quantizer writes the buffers of large networks behind the model."""
    image = tiny.street(0, SIZE)[0].transpose(2, 0, 1)[None]
    plain: Any = open_engine(litert, "litert")
    file = tmp_path / "a.tflite"
    file.write_bytes(with_weights_behind(litert))

    describe_litert(file, plain.about.description)

    assert np.array_equal(open_engine(file).logits(image), plain.logits(image))


def with_weights_behind(file: Path) -> bytes:
    """Return a LiteRT file whose largest buffer is written behind the model."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(file.read_bytes()))
    largest = max(model.buffers, key=lambda buffer: 0 if buffer.data is None else len(buffer.data))
    weights = bytes(bytearray(largest.data))
    largest.data, largest.size, largest.offset = None, len(weights), 2**20
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    content = bytes(builder.Output())
    assert len(content) < 2**20
    return content.ljust(2**20, b"\0") + weights


def test_predict_evaluate_and_bench_take_it(litert: Path, tmp_path: Path, streetseg: Command) -> None:
    data = f"camvid:{tiny.camvid_segnet(tmp_path / 'camvid')}"
    tiny.save(tmp_path / "photos" / "a.png", tiny.street(0, (100, 90))[0])

    predicted = streetseg("predict", litert, tmp_path / "photos", "--out", tmp_path / "masks", "--json")
    found = json.loads(streetseg("evaluate", litert, data, "--json").out)
    expected = json.loads(streetseg("evaluate", litert.with_suffix(""), data, "--json").out)
    measured = json.loads(streetseg("bench", litert, "--data", data, "--json").out)["models"]

    assert json.loads(predicted.out)["engine"] == "litert"
    assert found["protocol"] == expected["protocol"] | {"engine": "litert"}
    assert found["mean"]["iou"] == pytest.approx(expected["mean"]["iou"], abs=2e-3)
    assert [row["engine"] for row in measured] == ["litert"]
    assert measured[0]["mean_iou"] == found["mean"]["iou"]


def test_nothing_of_the_library_is_on_the_terminal(litert: Path, tmp_path: Path) -> None:
    tiny.save(tmp_path / "a.png", tiny.street(0, SIZE)[0])
    argv = ["predict", litert, tmp_path / "a.png", "--out", tmp_path / "out"]
    done = subprocess.run([sys.executable, "-m", "streetseg", *map(str, argv)], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert not re.search("XNNPACK|TensorFlow|INFO", done.stdout + done.stderr)


@pytest.mark.bad_input(34, "a text, a cut file or somebody else's model named .tflite: refused, nothing runs")
def test_files_that_are_no_exported_model(litert: Path, tmp_path: Path) -> None:
    file, content = tmp_path / "a.tflite", litert.read_bytes()
    stranger = content.replace(b"streetseg", b"otherswhs")
    for written, message in (
        (b"<html></html>", "not a readable LiteRT file"),
        (b"", "not a readable LiteRT file"),
        (content[:3000], "not a readable LiteRT file"),
        (stranger, "was not exported by streetseg"),
    ):
        file.write_bytes(written)
        with pytest.raises(ModelError, match=message):
            open_engine(file)
    with pytest.raises(RequestError, match="LiteRT computes in the precision of the file, not in bf16"):
        open_engine(litert, precision="bf16")


@pytest.mark.usefixtures("litert")
def test_a_model_without_a_size_needs_one(tmp_path: Path, streetseg: Command) -> None:
    ended = streetseg("export", saved(tmp_path / "bundle", tiny_network()), "--format", "litert")

    assert ended.code == 2
    assert "takes images of one size, and the model has no training size" in ended.err
    assert "hint:  --size 512x1024 names one" in ended.err


def test_systems_without_the_converter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litert_module, "find_spec", lambda name: None)
    with pytest.raises(RequestError, match="needs litert_torch, which is not installed") as refused:
        require_converter()
    assert refused.value.hint == "pip install 'streetseg[litert,litert-export]'"

    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(RequestError, match=r"on Linux with Python 3\.11 to 3\.13 only \(found darwin"):
        require_converter()


def test_a_converter_that_fails_is_an_error_with_its_last_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = tmp_path / "worker.py"
    worker.write_text("import sys\nprint('noise')\nraise SystemExit('no lowering for aten.roll')")
    monkeypatch.setattr(litert_worker, "__file__", str(worker))
    bundle = saved(tmp_path / "bundle", tiny_network(size=SIZE))

    with pytest.raises(ConversionError, match=r"cannot convert the network \(no lowering for aten.roll\)"):
        export(bundle, tmp_path / "a.tflite", "litert", SCENES)
    assert not (tmp_path / "a.tflite").exists()
