"""Encoders are asked about themselves; those that do not fit are refused by name, before anything is downloaded."""

import pytest
import torch

from streetseg.errors import ModelError
from streetseg.models.encoder import STRIDES, Encoder


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


def test_an_unknown_name_is_refused_with_its_neighbours() -> None:
    with pytest.raises(ModelError, match="unknown encoder mobilenet_v2_100") as refused:
        Encoder("mobilenet_v2_100")
    assert "mobilenetv2_100" in str(refused.value.hint)


def test_a_name_like_no_other_is_refused_too() -> None:
    with pytest.raises(ModelError, match=r"unknown encoder \?") as refused:
        Encoder("?")
    assert refused.value.hint


def test_an_unknown_tag_is_refused() -> None:
    """What timm itself will not make is told in its words."""
    with pytest.raises(ModelError, match=r"pyramid of test_resnet\.nobody \(Invalid pretrained tag") as refused:
        Encoder("test_resnet.nobody")
    assert refused.value.exit_code == 2


@pytest.mark.parametrize("pretrained", [False, True])
@pytest.mark.parametrize("name", ["test_vit", "test_convnext"])
def test_a_pyramid_that_does_not_fit_is_refused_before_any_download(name: str, pretrained: bool) -> None:
    with pytest.raises(ModelError, match=f"the pyramid of {name} has strides") as refused:
        Encoder(name, pretrained=pretrained)
    assert "mobilenetv2_100" in str(refused.value.hint)
