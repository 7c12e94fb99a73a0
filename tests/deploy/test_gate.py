"""The gate of every export: a broken graph or a costly file is refused, with the figures, and no file appears."""

import copy
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import streetseg.deploy.graph as graph_module
import tiny
from exported import SCENES, SIZE, saved
from networks import tiny_network
from streetseg.data.sources.camvid import open_camvid
from streetseg.deploy.calibration import choose, cover, scattered
from streetseg.deploy.checks import BudgetError, mean_iou_cost, require_budget
from streetseg.deploy.export import export
from streetseg.deploy.half import bf16_bits
from streetseg.inference.engines.engine import Engine
from streetseg.inference.engines.open import open_engine
from streetseg.models.description import INPUT
from streetseg.models.network import SegmentationNetwork

Command = Callable[..., Any]
Damage = Callable[[Path, SegmentationNetwork], None]
write_graph = graph_module.write_graph


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return saved(tmp_path / "bundle", tiny_network(size=SIZE))


def other_mean(path: Path, network: SegmentationNetwork) -> None:
    """Write a graph that subtracts another mean color."""
    broken = copy.deepcopy(network)
    broken.mean += 40
    write_graph(path, broken)


def swapped_channels(path: Path, network: SegmentationNetwork) -> None:
    """Write a graph that takes BGR, as OpenCV reads images."""
    write_graph(path, network)
    model = onnx.load(str(path))
    for node in model.graph.node:
        node.input[:] = ["bgr" if name == INPUT else name for name in node.input]
    model.graph.initializer.append(helper.make_tensor("order", TensorProto.INT64, [3], [2, 1, 0]))
    model.graph.node.insert(0, helper.make_node("Gather", [INPUT, "order"], ["bgr"], axis=1))
    onnx.save(model, str(path))


def other_axis(path: Path, network: SegmentationNetwork) -> None:
    """Write a graph whose labels are the argmax over the columns of the image."""
    write_graph(path, network)
    model = onnx.load(str(path))
    for node in model.graph.node:
        if node.op_type == "ArgMax":
            next(attribute for attribute in node.attribute if attribute.name == "axis").i = 2
    onnx.save(model, str(path))


@pytest.mark.bad_input(36, "wrong mean, swapped channels, wrong argmax axis: refused in every precision and format")
@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (other_mean, "logits differ by"),
        (swapped_channels, "logits differ by"),
        (other_axis, "have wrong shapes"),
    ],
)
@pytest.mark.parametrize(("form", "precision"), [("onnx", "fp32"), ("onnx", "int8"), ("openvino", "bf16")])
def test_a_broken_graph_is_refused(
    bundle: Path,
    tmp_path: Path,
    streetseg: Command,
    monkeypatch: pytest.MonkeyPatch,
    damage: Damage,
    problem: str,
    form: str,
    precision: str,
) -> None:
    data = f"camvid:{tiny.camvid_segnet(tmp_path / 'camvid')}"
    monkeypatch.setattr(graph_module, "write_graph", lambda path, network, fixed: damage(path, network))
    before = {path.name for path in tmp_path.iterdir()}

    ended = streetseg("export", bundle, "--format", form, "--precision", precision, "--data", data, "--budget", "100")

    assert ended.code == 1
    assert "error: the exported model does not agree with the network: " in ended.err
    assert problem in ended.err
    assert "hint:  the file was removed; nothing was exported" in ended.err
    assert {path.name for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(("form", "precision"), [("onnx", "fp16"), ("onnx", "bf16"), ("openvino", "fp16")])
def test_sixteen_bits_halve_the_weights_and_keep_the_labels(
    bundle: Path, tmp_path: Path, streetseg: Command, form: str, precision: str
) -> None:
    ended = streetseg("export", bundle, "--format", form, "--precision", precision, "--json")
    full = export(bundle, tmp_path / "full.onnx", form, SCENES) if form == "onnx" else None

    reported = json.loads(ended.out)
    assert reported["precision"] == precision
    assert reported["parity"]["agreement"] > 0.98
    file = tmp_path / f"bundle_{precision}{'.onnx' if form == 'onnx' else '.xml'}"
    engine: Any = open_engine(file, "openvino")
    assert (engine.precision, engine.about.description["precision"]) == (precision, precision)
    if full:
        assert reported["bytes"] < 0.6 * full.bytes
        assert open_engine(file, "onnxruntime").precision == precision


def test_bfloat16_is_rounded_to_the_nearest() -> None:
    values = np.array([1.0, -2.5, 1 + 2**-8, 1 + 3 * 2**-8, 3.0e38, 0.0], np.float32)

    rounded = (bf16_bits(values).astype(np.uint32) << 16).view(np.float32)

    assert rounded.tolist()[:4] == [1.0, -2.5, 1.0, 1 + 2**-6]  # halfway cases become even
    assert math.isclose(rounded[4], 3.0e38, rel_tol=2**-8)


def test_a_file_of_one_size_says_so_and_takes_every_image(bundle: Path, tmp_path: Path, streetseg: Command) -> None:
    file = tmp_path / "one.onnx"
    ended = streetseg("export", bundle, "--format", "onnx", "--size", "64x96", "--out", file)

    assert "the file takes images of 64x96; others are fitted into that" in ended.err
    assert "one.onnx: fp32, 0.5 MiB, images of 64x96 only" in ended.out
    shape = onnx.load(str(file)).graph.input[0].type.tensor_type.shape
    assert [dimension.dim_value for dimension in shape.dim] == [1, 3, 64, 96]
    images = np.stack([tiny.street(index, (64, 96))[0] for index in range(2)]).transpose(0, 3, 1, 2)
    reference: Any = open_engine(bundle, "torch", device="cpu")
    expected = reference.labels(reference.take(images))
    for name in ("onnxruntime", "openvino"):
        engine = open_engine(file, name)
        assert engine.fixed_size == (64, 96)
        assert (engine.labels(images) == expected).mean() > 0.999
    tiny.save(tmp_path / "photos" / "a.png", tiny.street(0, (150, 211))[0])
    assert streetseg("predict", file, tmp_path / "photos", "--out", tmp_path / "masks").code == 0


def test_mean_iou_of_network_and_file_class_by_class(bundle: Path, tmp_path: Path, streetseg: Command) -> None:
    data = f"camvid:{tiny.camvid_segnet(tmp_path / 'camvid', n_val=12)}"
    ended = streetseg("export", bundle, "--format", "onnx", "--data", data, "--json")

    cost = json.loads(ended.out)["cost"]
    scored = json.loads(streetseg("evaluate", bundle, data, "--json").out)
    assert cost["before"] == pytest.approx(scored["mean"]["iou"], abs=1e-9)
    assert [one["name"] for one in cost["classes"]] == list(scored["per_class"])
    assert [one["before"] for one in cost["classes"]] == pytest.approx(
        [one["iou"] for one in scored["per_class"].values()]
    )
    low, high = cost["interval"]
    assert low <= 100 * (cost["before"] - cost["after"]) <= high


class Blind:
    """An engine that sees no poles: their pixels become the class beside."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def logits(self, images: Any) -> Any:
        logits = self._engine.logits(images).clone()
        logits[:, 2] = -1e3
        return logits


def test_classes_that_a_file_hurts_are_named(tmp_path: Path) -> None:
    source = open_camvid(tiny.camvid_segnet(tmp_path / "camvid", n_val=12))
    bundle = saved(tmp_path / "bundle", tiny_network(size=SIZE))
    network: Any = open_engine(bundle, "torch", device="cpu")
    seeing: Any = Seeing(network, source)

    cost = mean_iou_cost(seeing, Blind(seeing), source, "val")  # type: ignore[arg-type]

    assert cost.before == pytest.approx(1.0)
    assert cost.hurt(0.5)[0].name == "pole"
    assert cost.hurt(0.5)[0].points == pytest.approx(100)
    with pytest.raises(BudgetError, match="points of mean IoU") as refused:
        require_budget(cost, 0.5)
    assert refused.value.where[0] == "pole: 100.00 points of IoU (100.00 before)"


class Seeing:
    """An engine that knows the ground truth of a split."""

    def __init__(self, engine: Engine, source: Any) -> None:
        self._engine = engine
        self._labels = {
            source.read_image(sample).tobytes(): source.read_mask(sample) for sample in source.splits["val"]
        }

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def logits(self, images: Any) -> Any:
        import torch

        (image,) = images.numpy().transpose(0, 2, 3, 1)
        labels = torch.from_numpy(np.minimum(self._labels[image.tobytes()], 10).astype(np.int64))
        return torch.nn.functional.one_hot(labels, 11).permute(2, 0, 1)[None].float()


def test_calibration_images_cover_the_classes(tmp_path: Path) -> None:
    present = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1], [1, 1, 1, 0]], bool)

    assert cover(present, 2) == [4, 3]
    assert cover(present, 3) == cover(present, 3)
    assert sorted(cover(present, 9)) == [0, 1, 2, 3, 4]
    frames: Any = tuple(range(256))
    assert sorted(scattered(frames)[:4]) == [0, 64, 128, 192]
    assert sorted(scattered(frames[:100])) == list(range(100))

    source = open_camvid(tiny.camvid_segnet(tmp_path / "camvid", n_train=8))
    chosen = choose(source, 3)
    assert len(set(chosen.samples)) == 3
    assert chosen.shown == dict.fromkeys(source.space.names, 3)
    assert replace(chosen, shown=chosen.shown | {"pole": 1}).in_words().endswith("(all classes, pole in 1 of them)")
    assert replace(chosen, shown=chosen.shown | {"pole": 0}).in_words().endswith("(none shows pole)")
    assert chosen.in_words().endswith("camvid train (every class in each)")


def test_calibration_from_another_data_set(bundle: Path, tmp_path: Path, streetseg: Command) -> None:
    data = f"camvid:{tiny.camvid_segnet(tmp_path / 'camvid')}"
    other = f"camvid:{tiny.camvid_segnet(tmp_path / 'other', n_train=4)}"
    argv = ["--format", "onnx", "--precision", "int8", "--data", data, "--calibration", other, "--budget", "100"]

    ended = streetseg("export", bundle, *argv)

    assert ended.code == 0, ended.err
    assert f"calibrating on 4 images of {other} train (every class in each)" in ended.err
    engine: Any = open_engine(tmp_path / "bundle_int8.onnx", "onnxruntime")
    calibration = engine.about.description["calibration"]
    assert (calibration["dataset"], calibration["images"]) == ("camvid:other", 4)
    assert calibration["images_with_class"]["sky"] == 4
