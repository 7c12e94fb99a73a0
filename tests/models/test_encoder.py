"""Encoders: their pyramid is read from timm, and those that do not fit are refused before any download."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from streetseg.errors import ModelError
from streetseg.labels.tables import STREET_11
from streetseg.models.encoder import STRIDES, Encoder, pyramid_of
from streetseg.models.network import SegmentationNetwork
from streetseg.recipe.decoders import DecoderName

NOBODY = "http://127.0.0.1:9"  # the discard port: nothing listens there

LOAD = """
import sys
import torch
from safetensors.torch import save_file
from streetseg.errors import ModelError
from streetseg.models.encoder import Encoder

save_file(Encoder("test_resnet", pretrained=True).body.state_dict(), sys.argv[1])
try:
    Encoder("test_efficientnet", pretrained=True)
except ModelError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("name", "channels"),
    [("test_resnet", (32, 32, 48, 192, 96)), ("mobilenetv2_100", (16, 24, 32, 96, 320))],
)
def test_a_pyramid_of_five_maps(name: str, channels: tuple[int, ...]) -> None:
    encoder = Encoder(name)

    assert encoder.channels == channels
    maps = encoder(torch.zeros(2, 3, 64, 96))
    assert [tuple(map_.shape) for map_ in maps] == [
        (2, width, 64 // stride, 96 // stride) for width, stride in zip(channels, STRIDES, strict=True)
    ]


def test_an_unknown_name_is_refused_with_its_neighbors() -> None:
    with pytest.raises(ModelError, match="unknown encoder mobilenet_v2_100") as refused:
        Encoder("mobilenet_v2_100")
    assert "mobilenetv2_100" in str(refused.value.hint)


def test_a_name_like_no_other_is_refused_too() -> None:
    with pytest.raises(ModelError, match=r"unknown encoder \?") as refused:
        Encoder("?")
    assert refused.value.hint


def test_an_unknown_tag_is_refused() -> None:
    """The message quotes timm where timm refuses a name."""
    with pytest.raises(ModelError, match=r"pyramid of test_resnet\.nobody \(Invalid pretrained tag") as refused:
        Encoder("test_resnet.nobody")
    assert refused.value.exit_code == 2


@pytest.mark.parametrize("pretrained", [False, True])
def test_a_pyramid_that_does_not_fit_is_refused_before_any_download(pretrained: bool) -> None:
    with pytest.raises(ModelError, match="the maps of test_vit are at strides") as refused:
        Encoder("test_vit", pretrained=pretrained)
    assert "mobilenetv2_100" in str(refused.value.hint)


@pytest.mark.parametrize("name", ["coatnet_pico_rw_224", "efficientformerv2_s0", "maxvit_nano_rw_256"])
def test_an_encoder_for_images_of_one_size_is_refused(name: str) -> None:
    with pytest.raises(ModelError, match=f"{name} does not take images of any size"):
        Encoder(name)


@pytest.mark.parametrize("decoder", ["fast", "classic"])
@pytest.mark.parametrize(
    "name",
    [
        "test_convnext",
        "edgenext_xx_small",
        "pvt_v2_b0",
        "repvit_m0_9",
        "starnet_s1",
        "mambaout_femto",  # its maps have the channels last
        "swin_tiny_patch4_window7_224",  # so have these, and timm would take images of 224x224 only
    ],
)
def test_encoders_that_begin_at_stride_4(name: str, decoder: DecoderName) -> None:
    torch.manual_seed(0)
    encoder = Encoder(name)
    maps = encoder(torch.zeros(1, 3, 64, 96))
    assert [tuple(map_.shape) for map_ in maps] == [
        (1, width, 64 // stride, 96 // stride) for width, stride in zip(encoder.channels, STRIDES[1:], strict=True)
    ]
    network = SegmentationNetwork(encoder, STREET_11, decoder=decoder)
    network.train()(torch.rand(2, 3, 64, 64) * 255).square().mean().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    with torch.no_grad():
        assert network.eval()(torch.zeros(1, 3, 50, 70)).shape == (1, STREET_11.num_classes, 50, 70)


def test_the_random_weights_are_those_of_timm() -> None:
    """The forward pass that finds the maps draws no random numbers."""
    torch.manual_seed(3)
    alone = timm.create_model("test_resnet", features_only=True)
    pyramid_of.cache_clear()
    torch.manual_seed(3)
    encoder = Encoder("test_resnet")
    torch.testing.assert_close(encoder.body.state_dict(), alone.state_dict(), rtol=0, atol=0)


def test_offline_the_hub_s_cache_is_used_and_what_is_not_there_is_refused_quietly(tmp_path: Path) -> None:
    torch.manual_seed(5)
    published = timm.create_model("test_resnet")
    repository = timm.get_pretrained_cfg("test_resnet").hf_hub_id
    in_the_cache(tmp_path / "hub", repository, published)
    environment = os.environ | {"HF_HUB_CACHE": str(tmp_path / "hub"), "HF_ENDPOINT": NOBODY, "HF_HUB_OFFLINE": "0"}

    done = subprocess.run(
        (sys.executable, "-c", LOAD, tmp_path / "body.safetensors"),
        env=environment, capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip

    encoder = Encoder("test_resnet")
    encoder.body.load_state_dict(load_file(tmp_path / "body.safetensors"))
    torch.testing.assert_close(
        encoder(torch.ones(2, 3, 32, 32))[-1], published.train().forward_features(torch.ones(2, 3, 32, 32))
    )
    assert done.stdout.startswith("the pretrained weights of test_efficientnet are not on this machine")
    assert 'weights="none"' in done.stdout  # as text, an error is in the words of Python
    assert done.stderr == ""


def test_with_the_hub_switched_off_nothing_is_tried() -> None:
    with pytest.raises(ModelError, match=r"could not be fetched \(OfflineModeIsEnabled") as refused:
        Encoder("test_resnet", pretrained=True)
    assert "--weights FILE.safetensors" in str(refused.value.hint)


def test_a_model_that_was_never_trained_is_refused() -> None:
    with pytest.raises(ModelError, match="No pretrained weights exist for ghostnet_050"):
        Encoder("ghostnet_050", pretrained=True)


def in_the_cache(cache: Path, repository: str, network: torch.nn.Module) -> None:
    """Write a repository into the hub's cache, as its client does in a download."""
    commit = "0123456789" * 4
    folder = cache / f"models--{repository.replace('/', '--')}"
    (folder / "snapshots" / commit).mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(commit)
    save_file(network.state_dict(), folder / "snapshots" / commit / "model.safetensors")
