"""The encoder: any timm network with a five-step pyramid, asked about itself rather than known."""

from typing import Any

import timm
from torch import Tensor, nn

from streetseg.errors import ModelError, did_you_mean
from streetseg.models.pretrained import with_pretrained_weights
from streetseg.models.relu6 import relu6_without_copy

STRIDES = (2, 4, 8, 16, 32)
EXAMPLES = "mobilenetv2_100, resnet50, resnext50_32x4d"


class Encoder(nn.Module):
    """A timm backbone as a feature pyramid.

    Args:
        name: timm model name, e.g. "mobilenetv2_100", "resnext50_32x4d".
        pretrained: load timm's default pretrained weights (may download).

    Attributes:
        channels: channels of the five feature maps, shallow to deep.
        mean, std: normalisation of RGB 0..1 that the weights expect.

    Raises:
        ModelError: if timm has no such model, its pyramid is not at strides 2, 4, 8, 16, 32, or the pretrained weights
            cannot be had.
    """

    def __init__(self, name: str, *, pretrained: bool = False) -> None:
        super().__init__()
        refuse_unknown(name)
        body = random_body(name)
        strides = tuple(body.feature_info.reduction())
        if strides != STRIDES:
            raise ModelError(
                f"the pyramid of {name} has strides {strides}, a U-Net needs {STRIDES}",
                where=f"encoder {name}",
                hint=f"take an encoder with a stride-2 stem, e.g. {EXAMPLES}",
            )
        if pretrained:
            body = with_pretrained_weights(name)
        relu6_without_copy(body)
        self.name = name
        self.body: nn.Module = body
        self.channels: tuple[int, ...] = tuple(body.feature_info.channels())
        self.mean: tuple[float, ...] = tuple(body.pretrained_cfg["mean"])
        self.std: tuple[float, ...] = tuple(body.pretrained_cfg["std"])

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Normalised float pictures (B, 3, H, W) -> five maps (B, channels[i], H / STRIDES[i], W / STRIDES[i])."""
        features: list[Tensor] = self.body(pictures)
        return features


def refuse_unknown(name: str) -> None:
    """Raises ModelError with the nearest names if timm has no model `name`."""
    architecture = name.split(".")[0]
    known = timm.list_models()
    if architecture in known:
        return
    raise ModelError(
        f"unknown encoder {name}",
        where=f"encoder {name}",
        hint=did_you_mean(architecture, known, most=3) or "see timm.list_models() for the names",
    )


def random_body(name: str) -> Any:
    """timm's feature network with random weights. Raises ModelError if timm can make none of this model."""
    try:
        return timm.create_model(name, features_only=True)
    except Exception as error:  # each family of timm refuses in its own way
        raise ModelError(
            f"timm cannot make a feature pyramid of {name} ({error})",
            where=f"encoder {name}",
            hint=f"take a convolutional encoder, e.g. {EXAMPLES}",
        ) from error
