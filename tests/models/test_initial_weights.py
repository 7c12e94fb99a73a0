"""Initial weights: files, bundles, pretrained or random; described in words, refused where they do not fit."""

import pickle
import re
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from networks import CHANNELS, some_images, tiny_network
from streetseg.errors import ModelError
from streetseg.labels.space import LabelSpace
from streetseg.labels.tables import CITYSCAPES_19, STREET_11
from streetseg.models.bundle import save_bundle
from streetseg.models.encoder import Encoder
from streetseg.models.initial_weights import InitialWeights, build_network
from streetseg.models.network import SegmentationNetwork
from streetseg.recipe.decoders import DecoderName


def build(
    weights: str | Path, encoder: str = "test_resnet", space: LabelSpace = STREET_11
) -> tuple[SegmentationNetwork, InitialWeights]:
    return build_network(encoder, space, decoder="classic", channels=CHANNELS, size=None, weights=str(weights))


@pytest.fixture
def published() -> torch.nn.Module:
    """Return a whole classifier, whose weights are like those that timm publishes."""
    torch.manual_seed(3)
    return timm.create_model("test_resnet")


@pytest.mark.parametrize("with_classifier", [True, False])
def test_a_file_in_timm_s_naming(published: torch.nn.Module, with_classifier: bool, tmp_path: Path) -> None:
    tensors = published.state_dict()
    if not with_classifier:
        tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith("fc.")}
    save_file(tensors, tmp_path / "weights.safetensors")

    network, initial = build(tmp_path / "weights.safetensors")

    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(network.eval().encoder(images)[-1], published.eval().forward_features(images))
    assert (initial.kind, initial.pretrained) == ("file", True)
    assert initial.source == "weights.safetensors"  # model.json is handed around
    assert initial.text.startswith("encoder from weights.safetensors (SHA-256 ")


def test_a_pyramid_whose_names_timm_changes(tmp_path: Path) -> None:
    """As a pyramid, timm names `stages.0` `stages_0`; a file of the whole network has `stages.0`."""
    torch.manual_seed(3)
    whole = timm.create_model("test_byobnet")
    names = whole.state_dict().keys()
    assert not names >= Encoder("test_byobnet").body.state_dict().keys()
    save_file(whole.state_dict(), tmp_path / "weights.safetensors")

    network, _ = build(tmp_path / "weights.safetensors", "test_byobnet")

    own = network.encoder.body.state_dict()
    assert torch.equal(own["stages_0.0.attn.fc1.weight"], whole.state_dict()["stages.0.0.attn.fc1.weight"])


def test_half_precision_files_load(published: torch.nn.Module, tmp_path: Path) -> None:
    save_file({name: tensor.half() for name, tensor in published.state_dict().items()}, tmp_path / "w.safetensors")

    network, _ = build(tmp_path / "w.safetensors")

    assert network.encoder.get_parameter("body.conv1.0.weight").dtype == torch.float32


def test_missing_tensors_are_counted_and_named(published: torch.nn.Module, tmp_path: Path) -> None:
    tensors = {name: tensor for name, tensor in published.state_dict().items() if not name.startswith("layer4.")}
    save_file(tensors, tmp_path / "w.safetensors")

    with pytest.raises(ModelError, match=r"\d+ of \d+ tensors of test_resnet are missing, first layer4\.0") as refused:
        build(tmp_path / "w.safetensors")
    assert refused.value.where == (str(tmp_path / "w.safetensors"),)


def test_weights_of_another_encoder_are_refused(published: torch.nn.Module, tmp_path: Path) -> None:
    save_file(published.state_dict(), tmp_path / "w.safetensors")

    with pytest.raises(ModelError, match="tensors of test_efficientnet are missing") as refused:
        build(tmp_path / "w.safetensors", "test_efficientnet")
    assert "are these weights of test_efficientnet" in str(refused.value.hint)


def test_a_wrong_shape_is_refused(published: torch.nn.Module, tmp_path: Path) -> None:
    tensors = published.state_dict()
    tensors["layer1.0.conv1.weight"] = torch.zeros(5, 4, 3, 3)
    save_file(tensors, tmp_path / "w.safetensors")

    with pytest.raises(ModelError, match=r"layer1.0.conv1.weight has shape \(5, 4, 3, 3\), the network needs"):
        build(tmp_path / "w.safetensors")


class Trap:
    """An object that makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.mark), "w")


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pth", "weights.pt"])
@pytest.mark.parametrize("writer", ["pickle", "torch"])
def test_a_pickle_is_refused_and_never_opened(writer: str, name: str, tmp_path: Path) -> None:
    trap = Trap(tmp_path / "sprung")
    if writer == "pickle":
        (tmp_path / name).write_bytes(pickle.dumps(trap))
    else:
        torch.save({"state_dict": trap}, tmp_path / name)

    with pytest.raises(ModelError) as refused:
        build(tmp_path / name)

    assert refused.value.where == (str(tmp_path / name),)
    assert "safetensors" in str(refused.value.hint)
    assert not trap.mark.exists()


@pytest.mark.parametrize("name", ["nowhere.safetensors", "nowhere"])
def test_a_path_with_nothing_there(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such") as refused:
        build(tmp_path / name)
    assert refused.value.where == (str(tmp_path / name),)


def test_a_folder_called_like_a_file(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").mkdir()

    with pytest.raises(ModelError, match="not a readable safetensors file"):
        build(tmp_path / "w.safetensors")


def test_random_weights_say_so() -> None:
    _, initial = build("none")

    assert initial == InitialWeights("random", "", "random weights")
    assert not initial.pretrained


def test_auto_without_a_hub_stops_with_a_hint() -> None:
    with pytest.raises(ModelError, match="pretrained weights of test_resnet are not on this machine") as refused:
        build("auto")
    assert "--weights none" in str(refused.value.hint)


def test_auto_or_random_says_why_it_is_random() -> None:
    network, initial = build("auto-or-random")

    assert initial.kind == "random"
    assert initial.text.startswith("random weights, because the pretrained weights of test_resnet are not on this")
    assert network.encoder_name == "test_resnet"


def test_auto_or_random_still_refuses_what_is_wrong() -> None:
    with pytest.raises(ModelError, match="unknown encoder"):
        build("auto-or-random", "test_resne")


def test_transfer_keeps_classes_by_name(tmp_path: Path) -> None:
    """A run on Cityscapes' 19 classes starts from one on street-11: all but foreign rows of the head is copied."""
    before = tiny_network("test_resnet", STREET_11, seed=1)
    initial = {"kind": "random", "source": "", "text": "random weights"}
    save_bundle(tmp_path / "run" / "best", before, initial_weights=initial, protocol={"dataset": "scenes"}, scores={})

    torch.manual_seed(2)
    after, message = build(tmp_path / "run", space=CITYSCAPES_19)

    shared = [name for name in CITYSCAPES_19.names if name in STREET_11.names]
    assert shared == ["road", "building", "fence", "pole", "sky", "car"]
    rows = [(CITYSCAPES_19.names.index(name), STREET_11.names.index(name)) for name in shared]
    for here, there in rows:
        assert torch.equal(after.head.weight[here], before.head.weight[there])
    foreign = after.head.weight[CITYSCAPES_19.names.index("train")]
    assert not any(torch.equal(foreign, row) for row in before.head.weight)

    images = some_images(1, 40, 70)
    with torch.no_grad():
        there_logits, here_logits = before.eval()(images), after.eval()(images)
    for here, there in rows:
        assert torch.equal(here_logits[:, here], there_logits[:, there])
    assert message.kind == "bundle"
    assert message.source == "run"
    assert re.fullmatch(
        r"whole network from a run on scenes \(SHA-256 [0-9a-f]{12}…, which began from random weights\); "
        r"6 of 19 classes of the head kept by name",
        message.text,
    )


def test_transfer_within_a_space_starts_exactly_where_the_run_ended(tmp_path: Path) -> None:
    before = tiny_network("test_resnet", seed=1)
    initial = {"kind": "random", "source": "", "text": "random weights"}
    save_bundle(tmp_path / "bundle", before, initial_weights=initial, protocol={}, scores={})

    after, _ = build(tmp_path / "bundle")

    assert all(torch.equal(tensor, after.state_dict()[name]) for name, tensor in before.state_dict().items())


def test_transfer_from_another_encoder_is_refused(tmp_path: Path) -> None:
    initial = {"kind": "random", "source": "", "text": "random weights"}
    save_bundle(tmp_path / "bundle", tiny_network("test_resnet"), initial_weights=initial, protocol={}, scores={})

    with pytest.raises(ModelError, match=r"network is test_resnet .* asks for test_efficientnet") as refused:
        build(tmp_path / "bundle", "test_efficientnet")
    assert "--encoder test_resnet" in str(refused.value.hint)


@pytest.mark.parametrize(
    ("decoder", "channels", "message"),
    [
        ("fast", None, "model.decoder=classic model.channels=[16,12,8,8,8]"),
        ("classic", (16, 16, 8, 8, 8), "model.channels=[16,12,8,8,8]"),
    ],
)
def test_transfer_from_another_decoder_is_refused(
    decoder: DecoderName, channels: tuple[int, ...] | None, message: str, tmp_path: Path
) -> None:
    initial = {"kind": "random", "source": "", "text": "random weights"}
    save_bundle(tmp_path / "bundle", tiny_network("test_resnet"), initial_weights=initial, protocol={}, scores={})

    with pytest.raises(ModelError, match=rf"asks for test_resnet with the {decoder} decoder") as refused:
        build_network(
            "test_resnet", STREET_11, decoder=decoder, channels=channels, size=None, weights=str(tmp_path / "bundle")
        )
    assert message in str(refused.value.hint)


@pytest.mark.parametrize(
    ("file", "encoder"),
    [
        ("mobilenetv2_100.torchvision_v1.safetensors", "mobilenetv2_100"),
        ("resnet50.pqf_large.safetensors", "resnet50"),
    ],
)
def test_real_weights(file: str, encoder: str, shared: Path) -> None:
    path = shared / "weights" / file

    network, initial = build(path, encoder)

    stored = load_file(path)
    own = network.encoder.body.state_dict()
    assert own.keys() <= set(stored) | {name for name in own if name.endswith("num_batches_tracked")}
    assert all(torch.equal(own[name].float(), stored[name].float()) for name in own if name in stored)
    assert file in initial.text
    with torch.no_grad():
        deepest = network.eval().encoder((some_images(1, 64, 64) - network.mean) / network.std)[-1]
    assert 0.01 < deepest.std() < 10  # trained batch norms keep activations in order
