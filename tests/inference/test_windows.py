"""Large images in windows, and averaged views: chosen by size, blended, and equal to what is computed by hand."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tiny
from networks import some_images, tiny_network
from streetseg.inference import predictor as chosen
from streetseg.inference.engines.torch_engine import TorchEngine
from streetseg.inference.logits import RAMP, Views, predict_logits
from streetseg.inference.predictor import Predictor
from streetseg.labels.space import LabelSpace
from streetseg.models.network import SegmentationNetwork

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network() -> SegmentationNetwork:
    return tiny_network().eval()


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chosen, "LARGE", 150 * 150)
    monkeypatch.setattr(chosen, "WINDOW", 128)


@pytest.mark.usefixtures("small_limits")
def test_a_large_image_is_seen_in_windows_and_that_is_said_once(
    network: SegmentationNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "streetseg")
    automatic, by_hand = Predictor(TorchEngine(network, CPU)), Predictor(TorchEngine(network, CPU), tile=128)
    small, large = tiny.street(0, (100, 150))[0], tiny.street(1, (180, 290))[0]

    assert automatic.window((100, 150)) is None
    automatic.predict(small)
    assert not caplog.records
    for _ in range(2):
        assert np.array_equal(automatic.predict(large), by_hand.predict(large))
    assert [record.getMessage() for record in caplog.records] == [
        "an image of 180 x 290 is seen in windows of 128 pixels; --tile N sets their side"
    ]


@pytest.mark.usefixtures("small_limits")
def test_scores_in_windows_belong_to_the_labels(network: SegmentationNetwork) -> None:
    large = tiny.street(1, (180, 290))[0]
    found = Predictor(TorchEngine(network, CPU)).scores(large, ("confidence", "probabilities"))
    assert found["probabilities"].shape == (11, 180, 290)
    assert (found["probabilities"].max(axis=0) == found["confidence"]).mean() > 0.99
    chosen_class = np.take_along_axis(found["probabilities"], found["labels"][None].astype(int), 0)[0]
    np.testing.assert_allclose(chosen_class, found["probabilities"].max(axis=0), atol=1e-3)


def test_windows_get_smaller_with_more_classes(network: SegmentationNetwork) -> None:
    def side(classes: int) -> int | None:
        names = tuple(f"class {k}" for k in range(classes))
        many = Predictor(TorchEngine(network, CPU))
        network.space = LabelSpace("many", names, tuple((k, 0, 0) for k in range(classes)))
        return many.window((4000, 6000))

    before = network.space
    try:
        assert (side(11), side(150), side(255)) == (768, 448, 352)
    finally:
        network.space = before


def test_one_window_replaces_the_next_in_small_steps() -> None:
    """Each window of this network has another logit, and no two neighbors differ by more than a step of the ramp."""
    calls = 0

    def network(seen: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return torch.full((1, 2, *seen.shape[-2:]), float(calls % 2))

    logits = predict_logits(network, torch.zeros(1, 3, 128, 500, dtype=torch.uint8), tile=128)
    steps = logits.diff(dim=-1).abs()
    assert calls > 4
    assert steps.max() <= 1 / RAMP
    assert set(logits[0, 0, 0].tolist()) >= {0.0, 1.0}  # in the middle of a window there is only this window


def test_a_small_network_size_gives_the_same_labels_in_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    """The logits at the size of the network are enlarged band by band: as many windows as before, one."""
    predictor = Predictor(TorchEngine(tiny_network(size=(48, 64)).eval(), CPU))
    image = tiny.street(2, (310, 417))[0]
    whole = predictor.predict(image)
    monkeypatch.setattr(chosen, "LARGE_LOGITS", 2**18)
    monkeypatch.setattr("streetseg.inference.logits.BAND_BYTES", 2**16)
    assert len(list(predictor.regions(image.transpose(2, 0, 1)[None]))) > 10
    assert (predictor.predict(image) == whole).mean() > 0.9999


@pytest.mark.parametrize("tile", [None, 128])
def test_averages_are_those_made_by_hand(network: SegmentationNetwork, tile: int | None) -> None:
    image = some_images(1, 90, 140)

    def seen(scale: float, *, mirrored: bool) -> Tensor:
        size = (round(90 * scale), round(140 * scale))
        shown = image.flip(-1) if mirrored else image
        logits = predict_logits(network, shown, size=size, out=(90, 140), tile=tile)
        return logits.flip(-1) if mirrored else logits

    flipped = (seen(1, mirrored=False) + seen(1, mirrored=True)) / 2
    torch.testing.assert_close(predict_logits(network, image, tta=Views((1.0,), flip=True), tile=tile), flipped)
    scaled = (seen(0.5, mirrored=False) + seen(1.5, mirrored=False)) / 2
    torch.testing.assert_close(predict_logits(network, image, tta=Views((0.5, 1.5), flip=False), tile=tile), scaled)


def test_windows_of_an_exported_model_are_those_of_the_network(tmp_path: Path) -> None:
    from exported import onnx_exported
    from streetseg.inference.engines.onnxruntime_engine import OnnxRuntimeEngine
    from streetseg.models.bundle import load_bundle

    onnx = onnx_exported(tmp_path)
    image = tiny.street(3, (180, 290))[0]
    by_torch = Predictor(TorchEngine(load_bundle(tmp_path / "model")[0], CPU), tile=128)
    assert (Predictor(OnnxRuntimeEngine(onnx), tile=128).predict(image) == by_torch.predict(image)).mean() > 0.999


def test_a_network_that_looks_near_gives_the_same_in_windows() -> None:
    network = nn.Conv2d(3, 4, 1).requires_grad_(False)

    def logits(seen: Tensor) -> Tensor:
        out: Tensor = network(seen.float())
        return out

    image = some_images(1, 200, 333)
    torch.testing.assert_close(predict_logits(logits, image, tile=128), predict_logits(logits, image))
