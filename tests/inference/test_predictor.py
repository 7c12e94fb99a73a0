"""The predictor: from a bundle on disk to labels at the image's own size."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from streetseg.errors import ModelError, RequestError
from streetseg.inference.engines.torch_engine import TorchEngine
from streetseg.inference.predictor import Predictor
from streetseg.labels.tables import STREET_11
from streetseg.models.bundle import save_bundle
from streetseg.models.encoder import Encoder
from streetseg.models.network import SegmentationNetwork


@pytest.fixture(scope="module")
def network() -> SegmentationNetwork:
    torch.manual_seed(0)
    return SegmentationNetwork(
        Encoder("test_efficientnet"), STREET_11, decoder="classic", channels=(32, 16, 16, 8, 8), size=(48, 64)
    )


@pytest.fixture(scope="module")
def bundle(network: SegmentationNetwork, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "best"
    initial = {"kind": "random", "source": "", "text": "random weights"}
    save_bundle(folder, network, initial_weights=initial, protocol={}, scores={})
    return folder


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (48, 64), (50, 31), (101, 333)])
@pytest.mark.parametrize("tta", [False, True])
def test_labels_have_the_images_size_and_the_spaces_ids(bundle: Path, size: tuple[int, int], tta: bool) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    ids = Predictor.load(bundle, device="cpu", tta=tta).predict(image)
    assert (ids.shape, ids.dtype) == (size, np.uint8)
    assert ids.max() < STREET_11.num_classes


def test_a_run_folder_means_its_best_bundle(bundle: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    of_run, of_bundle = (Predictor.load(path, device="cpu") for path in (bundle.parent, bundle))
    assert of_run.space == STREET_11
    assert np.array_equal(of_run.predict(image), of_bundle.predict(image))


def test_views_of_arrays_are_predicted_like_their_copies(bundle: Path) -> None:
    wide = np.random.default_rng(0).integers(0, 256, (48, 128, 3), dtype=np.uint8)
    predictor = Predictor.load(bundle, device="cpu")
    view = wide[::-1, ::2]
    assert np.array_equal(predictor.predict(view), predictor.predict(view.copy()))


@pytest.mark.filterwarnings("error")
def test_an_image_from_pillow_is_predicted_without_a_warning(bundle: Path) -> None:
    read_only = np.asarray(Image.new("RGB", (64, 48)))
    assert Predictor.load(bundle, device="cpu").predict(read_only).shape == (48, 64)


def test_bf16_gives_float32_logits_near_those_of_fp32(bundle: Path) -> None:
    images = torch.randint(0, 256, (1, 3, 48, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    exact, rough = (Predictor.load(bundle, "cpu", precision).logits(images) for precision in ("fp32", "bf16"))
    assert rough.dtype == torch.float32
    assert not torch.equal(exact, rough)
    torch.testing.assert_close(exact, rough, rtol=0.1, atol=0.1 * float(exact.std()))


def test_what_cannot_be_is_refused(network: SegmentationNetwork, bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="unknown precision fp8"):
        TorchEngine(network, torch.device("cpu"), "fp8")
    with pytest.raises(ModelError):
        Predictor.load(tmp_path)
    with pytest.raises(RequestError, match="device"):
        Predictor.load(bundle, device="abacus")
