"""Export: the file is the network, says what it is, and appears whole and checked or not at all."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn

import streetseg.deploy.export as export_module
import streetseg.deploy.graph as graph_module
import tiny
from exported import SCENES, exported, saved
from networks import tiny_network
from streetseg.data.sources.camvid import open_camvid
from streetseg.deploy.checks import BudgetError, ClassCost, Cost, DisagreementError
from streetseg.deploy.export import export
from streetseg.errors import ModelError, RequestError
from streetseg.inference.engines.engine import Engine
from streetseg.inference.engines.open import open_engine
from streetseg.labels.tables import STREET_11
from streetseg.models.encoder import Encoder
from streetseg.models.formats import FORMATS
from streetseg.models.network import SegmentationNetwork
from streetseg.recipe.decoders import DecoderName

Command = Callable[..., Any]
ENGINES = [("model.onnx", "onnxruntime"), ("model.onnx", "openvino"), ("model.xml", "openvino")]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(tmp_path_factory.mktemp("exported"), size=(48, 64)).parent


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return saved(tmp_path / "bundle", tiny_network(size=(48, 64)))


def noise(batch: int, height: int, width: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(height * width).integers(0, 256, (batch, 3, height, width), dtype=np.uint8)


@pytest.mark.parametrize(("file", "name"), ENGINES)
@pytest.mark.parametrize("size", [(1, 1), (1, 77), (31, 64), (33, 95), (64, 96), (101, 333)])
@pytest.mark.parametrize("batch", [1, 3])
def test_every_engine_computes_the_network_at_any_size(
    files: Path, file: str, name: str, size: tuple[int, int], batch: int
) -> None:
    images = noise(batch, *size)
    with torch.inference_mode():
        expected = tiny_network().eval()(torch.from_numpy(images)).numpy()
    engine = open_engine(files / file, name)

    logits, labels = engine.logits(images), engine.labels(images)

    assert (logits.dtype, labels.dtype) == (np.float32, np.uint8)
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
    assert (labels == expected.argmax(1)).mean() >= 0.999


@pytest.mark.parametrize("encoder", ["test_resnet", "test_byobnet", "test_convnext", "mambaout_femto"])
@pytest.mark.parametrize("decoder", ["classic", "fast"])
def test_other_encoders_and_decoders(tmp_path: Path, encoder: str, decoder: DecoderName) -> None:
    torch.manual_seed(0)
    network = SegmentationNetwork(Encoder(encoder), STREET_11, decoder=decoder)

    done = export(saved(tmp_path / "bundle", network), tmp_path / "a.onnx", "onnx", SCENES)

    assert done.parity.difference < 1e-3
    assert {(1, 1), (101, 333), (48, 64)} <= set(done.parity.sizes)


@pytest.mark.parametrize(("decoder", "form"), [("fast-pool", "onnx"), ("fast-gate", "openvino")])
def test_the_context_of_the_image_is_exported(tmp_path: Path, decoder: DecoderName, form: str) -> None:
    torch.manual_seed(0)
    network = SegmentationNetwork(Encoder("test_resnet"), STREET_11, decoder=decoder)
    nn.init.normal_(network.get_submodule("decoder.context.expand").get_parameter("weight"))

    done = export(saved(tmp_path / "bundle", network), tmp_path / f"a{FORMATS[form].suffix}", form, SCENES)

    assert done.parity.difference < 1e-3


def test_an_encoder_whose_graph_is_of_one_size_is_refused(tmp_path: Path) -> None:
    """MobileViT cuts its maps into patches by numbers that the exporter writes down as constants."""
    network = SegmentationNetwork(Encoder("mobilevit_xxs"), STREET_11, decoder="fast")
    with pytest.raises(DisagreementError, match="it cannot be run on 1 images of"):
        export(saved(tmp_path / "bundle", network), tmp_path / "a.onnx", "onnx", SCENES)
    assert not (tmp_path / "a.onnx").exists()


def test_batch_norm_is_folded_into_the_convolutions(files: Path) -> None:
    kinds = {node.op_type for node in onnx.load(str(files / "model.onnx")).graph.node}

    assert "Conv" in kinds
    assert "BatchNormalization" not in kinds


@pytest.mark.parametrize(("file", "name"), ENGINES)
def test_a_lone_file_says_all_there_is_to_know(files: Path, file: str, name: str) -> None:
    reported = json.loads((files / "model" / "model.json").read_text())

    engine: Any = open_engine(files / file, name)

    about = engine.about.description
    assert {key: about[key] for key in reported if key != "format"} == {
        key: reported[key] for key in reported if key != "format"
    }
    assert about["precision"] == "fp32"
    assert about["streetseg"]
    assert (engine.space, engine.size, engine.encoder) == (STREET_11, (48, 64), "test_efficientnet")


@pytest.mark.bad_input(36, "a graph that computes something else: the export fails with the figures, no file appears")
@pytest.mark.parametrize("form", ["onnx", "openvino"])
def test_a_damaged_graph_is_not_exported(
    bundle: Path, tmp_path: Path, streetseg: Command, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    write_graph = graph_module.write_graph

    def damaged(path: Path, network: SegmentationNetwork, fixed: object) -> None:
        write_graph(path, network)
        model = onnx.load(str(path))
        weights = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
        weights.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights) * 1.01, weights.name))
        onnx.save(model, str(path))

    monkeypatch.setattr(graph_module, "write_graph", damaged)
    before = {path.name for path in tmp_path.iterdir()}

    ended = streetseg("export", bundle, "--format", form)

    assert ended.code == 1
    assert "error: the exported model does not agree with the network: logits differ by" in ended.err
    assert {path.name for path in tmp_path.iterdir()} == before


@pytest.mark.bad_input(36, "labels that are not those of the logits, or outputs of a fixed size: the export fails")
def test_labels_that_are_not_those_of_the_logits(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_graph = graph_module.write_graph

    def damaged(path: Path, network: SegmentationNetwork, fixed: object) -> None:
        write_graph(path, network)
        model = onnx.load(str(path))
        for node in model.graph.node:
            if node.op_type == "ArgMax":
                node.op_type = "ArgMin"
        onnx.save(model, str(path))

    monkeypatch.setattr(graph_module, "write_graph", damaged)
    with pytest.raises(DisagreementError, match="are not those of the largest logits"):
        export(bundle, tmp_path / "a.onnx", "onnx", SCENES)
    assert not (tmp_path / "a.onnx").exists()


@pytest.mark.parametrize("form", ["onnx", "openvino"])
def test_int8_is_calibrated_scored_and_runs_in_both_engines(tmp_path: Path, streetseg: Command, form: str) -> None:
    camvid = tiny.camvid_segnet(tmp_path / "camvid")
    before = contents(camvid)
    bundle = saved(tmp_path / "bundle", tiny_network(size=(48, 64)))

    ended = streetseg(
        "export", bundle, "--format", form, "--int8", "--data", f"camvid:{camvid}", "--budget", "100", "--json"
    )

    assert ended.code == 0, ended.err
    reported = json.loads(ended.out)
    assert reported["precision"] == "int8"
    assert reported["cost"]["images"] == 3
    assert contents(camvid) == before
    file = tmp_path / ("bundle_int8.onnx" if form == "onnx" else "bundle_int8.xml")
    images = open_camvid(camvid)
    image = images.read_image(images.splits["val"][0]).transpose(2, 0, 1)[None]
    expected = open_engine(bundle, "torch", device="cpu").labels(torch.from_numpy(image.copy()))
    for name in ("onnxruntime", "openvino") if form == "onnx" else ("openvino",):
        engine: Any = open_engine(file, name)
        assert engine.precision == "int8"
        assert engine.about.description["calibration"]["images"] == 6
        assert (engine.labels(image) == expected).mean() > 0.7


def test_int8_takes_data_of_another_label_space(tmp_path: Path, streetseg: Command) -> None:
    bundle = saved(tmp_path / "bundle", tiny_network(size=(48, 64)))
    data = f"cityscapes:{tiny.cityscapes_folder(tmp_path / 'cityscapes')}"
    argv = ["export", bundle, "--format", "onnx", "--int8", "--data", data, "--budget", "100"]

    refused = streetseg(*argv)
    assert (refused.code, "--space street-11 maps the data" in refused.err) == (2, True)
    assert streetseg(*argv, "--space", "street-11").code == 0


def test_int8_weights_are_integers_but_for_the_first_four_the_last_and_depthwise_layers(tmp_path: Path) -> None:
    source = open_camvid(tiny.camvid_segnet(tmp_path / "camvid"))
    bundle = saved(tmp_path / "bundle", tiny_network(size=(48, 64)))
    export(bundle, tmp_path / "a.onnx", "onnx", source, precision="int8", budget=100)

    graph = onnx.load(str(tmp_path / "a.onnx")).graph
    quantized = {output for node in graph.node if node.op_type == "DequantizeLinear" for output in node.output}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    kinds = [node.input[1] in quantized for node in convolutions]

    mixes = [all(a.i == 1 for a in node.attribute if a.name == "group") for node in convolutions]
    assert any(mixes) and not all(mixes)
    assert kinds == [False] * 4 + [*mixes[4:-1], False]
    weights = [
        numpy_helper.to_array(tensor) for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.INT8
    ]
    assert max(np.abs(array.astype(int)).max() for array in weights) <= 64  # seven bits


def test_int8_that_costs_more_than_the_budget_is_not_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = open_camvid(tiny.camvid_segnet(tmp_path / "camvid"))
    bundle = saved(tmp_path / "bundle", tiny_network(size=(48, 64)))

    def blind(network: Engine, exported: Engine, images: object, split: str) -> Any:
        pole = ClassCost("pole", 0.5, 0.4, (2.0, 18.0))
        return Cost(3, 0.7262, 0.7161, (0.5, 1.6), (ClassCost("sky", 0.9, 0.9, (-0.1, 0.1)), pole))

    monkeypatch.setattr(export_module, "mean_iou_cost", blind)
    lost = r"costs 1\.01 \[0\.50, 1\.60\] points of mean IoU \(72\.62 before, 71\.61 after"
    with pytest.raises(BudgetError, match=lost) as refused:
        export(bundle, tmp_path / "a.onnx", "onnx", source, precision="int8", scored=True, budget=1.0)
    assert refused.value.where == ("pole: 10.00 points of IoU (50.00 before)",)
    assert not (tmp_path / "a.onnx").exists()
    done = export(bundle, tmp_path / "a.onnx", "onnx", source, precision="int8", scored=True, budget=1.02)
    assert (tmp_path / "a.onnx").exists()
    assert done.cost is not None
    assert [one.name for one in done.cost.hurt(1.02)] == ["pole"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--format", "tflite"], "unknown format tflite"),
        (["--format", "onn"], "did you mean onnx?"),
        (["--format", "onnx", "--precision", "fp8"], "no onnx file is written in fp8"),
        (["--format", "litert", "--precision", "bf16"], "hint:  fp32 or fp16 or int8"),
        (["--format", "onnx", "--precision", "fp16", "--int8"], "int8 and fp16 are two precisions"),
        (["--format", "onnx", "--calibration", "scenes"], "fp32 needs no calibration"),
        (["--format", "onnx", "--size", "64"], "--size"),
        (["--format", "onnx", "--int8"], "add --data DATA"),
        (["--format", "onnx", "--int8", "--data", "scenes", "--split", "train"], "cannot be scored on it"),
        (["--format", "onnx", "--out", "a.xml"], "ends in .onnx"),
    ],
)
def test_what_cannot_be_is_refused(bundle: Path, streetseg: Command, argv: list[str], message: str) -> None:
    ended = streetseg("export", bundle, *argv)

    assert ended.code == 2
    assert message in ended.err


def test_a_file_in_the_way_is_kept_without_force(bundle: Path, tmp_path: Path, streetseg: Command) -> None:
    (tmp_path / "bundle.bin").write_text("mine")
    assert streetseg("export", bundle, "--format", "openvino").code == 2
    assert (tmp_path / "bundle.bin").read_text() == "mine"
    assert not (tmp_path / "bundle.xml").exists()

    assert streetseg("export", bundle, "--format", "openvino", "--force").code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"bundle", "bundle.bin", "bundle.xml"}


def test_a_graph_never_stands_beside_the_weights_of_another(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenVINO would read an old .xml with a new .bin of the same size, without an error."""
    for name in ("model.xml", "model.bin"):
        shutil.copyfile(files / name, tmp_path / name)
    bundle = saved(tmp_path / "other", tiny_network(size=(48, 64), seed=1))
    replace = Path.replace

    def fails(path: Path, target: Path) -> Path:
        if target.suffix == ".xml":
            raise OSError("the disk is gone")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(RequestError, match="the disk is gone"):
        export(bundle, tmp_path / "model.xml", "openvino", SCENES)

    old, new = (files / "model.bin").read_bytes(), (tmp_path / "model.bin").read_bytes()
    assert len(old) == len(new)
    assert old != new
    with pytest.raises(ModelError):
        open_engine(tmp_path / "model.xml", "openvino")


def test_an_exported_model_is_not_exported_again(files: Path, streetseg: Command) -> None:
    ended = streetseg("export", files / "model.onnx", "--format", "openvino")

    assert ended.code == 2
    assert "this is an exported model already" in ended.err


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
