"""The calibration of a network: fitted on labeled images, kept in its files, and in every confidence."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

import tiny
from exported import SCENES, saved
from networks import tiny_network
from streetseg.data.source import Sample
from streetseg.deploy.export import export
from streetseg.errors import ModelError
from streetseg.evaluation.calibration import LOGITS, fit_calibration
from streetseg.evaluation.evaluate import evaluate
from streetseg.inference.engines.open import open_engine
from streetseg.inference.engines.torch_engine import TorchEngine
from streetseg.inference.predictor import Predictor
from streetseg.labels.space import LabelSpace
from streetseg.labels.tables import STREET_11
from streetseg.metrics.calibration import expected_calibration_error
from streetseg.metrics.temperature import Figures
from streetseg.models.bundle import load_bundle
from streetseg.models.calibration import Calibration
from streetseg.models.network import SegmentationNetwork

Command = Callable[..., Any]
CPU = torch.device("cpu")
FIGURES = Figures(nll=1.0, ece=0.1)
IMAGE = tiny.street(0, (48, 64))[0]


class Streets:
    """Labeled images in memory."""

    def __init__(self, count: int, size: tuple[int, int] = (48, 64), *, labeled: bool = True) -> None:
        self.space: LabelSpace = STREET_11
        self.samples = [Sample(f"val/{i}", f"{i}.png", f"{i}.png") for i in range(count)]
        self._size, self._labeled = size, labeled

    def __getitem__(self, i: int, /) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        image, labels = tiny.street(i, self._size)
        return image, labels if self._labeled else np.full_like(labels, 255)


def by_class() -> Calibration:
    """Return a calibration with different numbers for each class."""
    return Calibration(
        method="vector",
        temperature=np.linspace(0.5, 2, 11).tolist(),
        bias=np.linspace(-1, 1, 11).tolist(),
        dataset="camvid",
        split="val",
        images=3,
        pixels=300,
        before=FIGURES,
        after=FIGURES,
        cross_validated=None,
        folds=0,
    )


def fitted(network: SegmentationNetwork, streets: Streets) -> Calibration | None:
    return fit_calibration(Predictor(TorchEngine(network, CPU)), streets, dataset="camvid:/data/x", split="val")


def test_a_network_with_logits_twice_as_large_has_twice_the_temperature() -> None:
    network, streets = tiny_network(), Streets(6)
    once = fitted(network, streets)
    with torch.no_grad():
        network.head.weight.mul_(2)
        network.head.bias.mul_(2)
    twice = fitted(network, streets)

    assert once is not None and twice is not None
    assert (twice.method, twice.pixels, twice.images) == (once.method, once.pixels, 6)
    limited = [t for t in (*once.temperature, *twice.temperature) if t in (0.05, 20)]
    assert limited or np.allclose(twice.temperature, 2 * np.array(once.temperature), rtol=1e-2)
    assert (twice.dataset, twice.split) == ("camvid:x", "val")
    assert twice.before.nll > twice.after.nll == pytest.approx(once.after.nll, abs=1e-3)


def test_the_error_is_lower_after_calibration_and_labels_stay() -> None:
    network, streets = tiny_network(), Streets(6)
    with torch.no_grad():
        network.head.weight.mul_(10)  # too sure of itself
    predictor = Predictor(TorchEngine(network, CPU))
    before = evaluate(predictor, streets)
    network.calibration = fitted(network, streets)
    after = evaluate(predictor, streets)

    assert np.array_equal(before.counts.total, after.counts.total)
    assert np.array_equal(before.calibration, before.uncalibrated)
    assert np.array_equal(after.uncalibrated, before.calibration)
    error, without = (expected_calibration_error(bins) for bins in (after.calibration, after.uncalibrated))
    assert error < without
    assert network.calibration is not None
    assert error == pytest.approx(network.calibration.after.ece, abs=0.01)  # of all pixels, and of a sample
    assert after.kept[0].sum() == after.counts.total.sum()
    assert after.kept[1].sum() == np.trace(after.counts.total)


def test_the_sample_is_bounded_and_the_same_with_windows_and_in_every_run() -> None:
    network, streets = tiny_network(), Streets(2, (256, 160))
    whole = fitted(network, streets)
    assert whole == fitted(network, streets)
    assert whole is not None
    assert whole.pixels <= LOGITS // 11
    predictor = Predictor(TorchEngine(network, CPU), tile=128)
    windows = fit_calibration(predictor, streets, dataset="camvid:/data/x", split="val")
    assert windows is not None
    assert windows.pixels == whole.pixels
    assert windows.before.nll == pytest.approx(whole.before.nll, rel=0.05)  # the network sees less around a pixel


def test_without_ground_truth_or_finite_logits_nothing_is_fitted(caplog: pytest.LogCaptureFixture) -> None:
    assert fitted(tiny_network(), Streets(2, labeled=False)) is None
    broken = tiny_network()
    with torch.no_grad():
        broken.head.bias[0] = float("inf")
    assert fitted(broken, Streets(2)) is None
    assert "not calibrated" in caplog.text


def test_every_confidence_is_that_of_the_calibrated_logits_and_labels_are_those_of_the_raw_ones() -> None:
    network = tiny_network()
    network.calibration = by_class()
    predictor = Predictor(TorchEngine(network, CPU))
    with torch.inference_mode():
        logits = network.eval()(torch.from_numpy(IMAGE.transpose(2, 0, 1)[None].copy()))
    scale, bias = 1 / torch.linspace(0.5, 2, 11), torch.linspace(-1, 1, 11)
    expected = (logits * scale[:, None, None] + bias[:, None, None]).softmax(1)[0].numpy()

    found = predictor.scores(IMAGE, ("confidence", "probabilities", "logits"))
    labels = found["labels"]
    np.testing.assert_allclose(found["probabilities"], expected, atol=1e-3)
    np.testing.assert_allclose(
        found["confidence"], np.take_along_axis(expected, labels[None].astype(int), 0)[0], atol=1e-3
    )
    np.testing.assert_allclose(found["logits"], logits[0], atol=0.02, rtol=1e-2)
    assert np.array_equal(labels, logits[0].argmax(0))


def test_bundles_and_exported_files_carry_it_and_give_the_same_confidence(tmp_path: Path) -> None:
    network = tiny_network().eval()
    network.calibration = by_class()
    bundle = saved(tmp_path / "bundle", network)
    expected = Predictor(TorchEngine(load_bundle(bundle)[0], CPU)).scores(IMAGE, ("confidence",))["confidence"]
    assert load_bundle(bundle)[0].calibration == by_class()
    for form, file in (("onnx", "model.onnx"), ("openvino", "model.xml")):
        export(bundle, tmp_path / file, form, SCENES)
        predictor = Predictor(open_engine(tmp_path / file))
        assert predictor.engine.calibration == by_class()
        np.testing.assert_allclose(predictor.scores(IMAGE, ("confidence",))["confidence"], expected, atol=2e-3)


def test_a_bundle_of_an_earlier_version_has_none_and_a_wrong_one_is_named(tmp_path: Path) -> None:
    bundle = saved(tmp_path / "bundle", tiny_network())
    file = bundle / "model.json"
    description = json.loads(file.read_text())
    assert description.pop("confidence") is None
    file.write_text(json.dumps(description))
    assert load_bundle(bundle)[0].calibration is None

    for incorrect in (
        {"temperature": [1.0] * 10},
        {"temperature": [0.0] * 11},
        {"bias": [0.0] * 3},
        {"method": "magic"},
    ):
        file.write_text(json.dumps(description | {"confidence": by_class().model_dump() | incorrect}, default=vars))
        with pytest.raises(ModelError, match=r"model\.json is incomplete or invalid"):
            load_bundle(bundle)


def test_predict_says_that_a_model_has_no_temperature_and_uses_one_that_it_has(
    tmp_path: Path, streetseg: Command
) -> None:
    Image.fromarray(IMAGE).save(tmp_path / "a.png")
    network = tiny_network()
    plain = saved(tmp_path / "plain", network)
    network.calibration = by_class()
    calibrated = saved(tmp_path / "calibrated", network)
    values = []
    for model in (plain, calibrated):
        out = tmp_path / f"{model.name}_out"
        ended = streetseg("predict", model, tmp_path / "a.png", "--save", "ids,confidence", "--out", out)
        assert ended.code == 0, ended.err
        assert ("has no temperature" in ended.err + ended.out) == (model == plain)
        values.append([np.asarray(Image.open(out / f"a_{kind}.png")) for kind in ("ids", "confidence")])
    (ids, confidence), (same_ids, other) = values
    assert np.array_equal(ids, same_ids)
    assert not np.array_equal(confidence, other)


def test_evaluate_writes_the_diagram_and_the_accuracy_of_the_surest_pixels(tmp_path: Path, streetseg: Command) -> None:
    camvid = tiny.camvid_segnet(tmp_path / "camvid")
    bundle = saved(tmp_path / "bundle", tiny_network())
    ended = streetseg("evaluate", bundle, f"camvid:{camvid}", "--out", tmp_path / "out")
    assert ended.code == 0, ended.err
    assert "not calibrated" in ended.out
    assert "accuracy, surest 90%" in ended.out
    scores = json.loads((tmp_path / "out/scores.json").read_text())
    rows = scores["calibration"]["reliability"]
    pixels = np.array([row["pixels"] for row in rows])
    gaps = [abs(row["confidence"] - row["accuracy"]) if row["pixels"] else 0 for row in rows]
    assert scores["ece"] == pytest.approx(float(pixels @ gaps) / pixels.sum())
    assert scores["calibration"]["fitted"] is None
    assert scores["selective"][-1]["accuracy"] == pytest.approx(scores["pixel_accuracy"])


def test_calibrate_writes_a_new_bundle_and_changes_nothing_else(tmp_path: Path, streetseg: Command) -> None:
    camvid, bundle = tiny.camvid_segnet(tmp_path / "camvid"), saved(tmp_path / "bundle", tiny_network())
    before = {path: path.read_bytes() for path in bundle.iterdir()}
    ended = streetseg("calibrate", bundle, f"camvid:{camvid}", "--out", tmp_path / "new")
    assert ended.code == 0, ended.err
    assert "fitted on 3 images" in ended.out
    assert "cross-validated" in ended.out
    assert {path: path.read_bytes() for path in bundle.iterdir()} == before
    assert (tmp_path / "new/weights.safetensors").read_bytes() == before[bundle / "weights.safetensors"]
    network = load_bundle(tmp_path / "new")[0]
    assert network.calibration is not None
    assert network.calibration.after.nll < network.calibration.before.nll

    again = streetseg("calibrate", bundle, f"camvid:{camvid}", "--out", tmp_path / "new")
    assert (again.code, "no empty folder" in again.err) == (2, True)
    exported = streetseg("calibrate", tmp_path / "a.onnx", f"camvid:{camvid}", "--out", tmp_path / "b")
    assert (exported.code, "export that again" in exported.err) == (2, True)


def test_training_fits_it_on_validation_and_the_report_shows_it(tmp_path: Path, streetseg: Command) -> None:
    camvid, run = tiny.camvid_segnet(tmp_path / "camvid"), tmp_path / "run"
    settings = [f"{key}={value}" for key, value in tiny.RUN.items()]
    argv = ["train", f"camvid:{camvid}", "--encoder", "test_efficientnet", "--weights", "none", "--epochs", "1"]
    ended = streetseg(*argv, *settings, "augment.crop=none", "--quiet", "--out", run)
    assert ended.code == 0, ended.err
    fitted = json.loads((run / "best/model.json").read_text())["confidence"]
    scores = json.loads((run / "evaluation/scores.json").read_text())
    assert (fitted["split"], fitted["images"]) == ("val", 3)
    assert scores["calibration"]["fitted"] == fitted
    assert fitted["after"]["nll"] < fitted["before"]["nll"]
    assert 'id="confidence"' in (run / "report.html").read_text()
    assert (run / "plots/kept.svg").is_file()
    assert "temperature" in (run / "model_card.md").read_text()
