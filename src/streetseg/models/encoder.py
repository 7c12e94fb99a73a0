"""The encoder: any timm network with a five-step pyramid, asked about itself rather than known."""

import difflib

import timm
from torch import Tensor, nn

from streetseg.errors import ModelError

STRIDES = (2, 4, 8, 16, 32)


class Encoder(nn.Module):
    """A timm backbone as a feature pyramid.

    Args:
        name: timm model name, e.g. "mobilenetv2_100", "resnext50_32x4d".
        pretrained: load timm's default pretrained weights (may download).

    Attributes:
        channels: channels of the five feature maps, shallow to deep.
        mean, std: normalisation of RGB 0..1 that the weights expect.

    Raises:
        ModelError: if timm has no such model, its pyramid is not at strides 2, 4, 8, 16, 32, or the download fails.
    """

    def __init__(self, name: str, *, pretrained: bool = False) -> None:
        super().__init__()
        refuse_unknown(name)
        try:
            self.body = timm.create_model(name, pretrained=pretrained, features_only=True)
        except Exception as error:
            if pretrained:
                raise ModelError(
                    f"the pretrained weights of {name} could not be loaded ({type(error).__name__}: {first_line(error)})",
                    where=f"timm model {name}",
                    hint="give a local file with --weights FILE.safetensors, or start from random weights with --weights none",
                ) from error
            raise ModelError(
                f"{name} offers no feature pyramid ({first_line(error)})",
                where=f"encoder {name}",
                hint="take a convolutional encoder, e.g. mobilenetv2_100, resnet50, resnext50_32x4d",
            ) from error
        strides = tuple(self.body.feature_info.reduction())
        if strides != STRIDES:
            raise ModelError(
                f"the pyramid of {name} has strides {strides}, a U-Net needs {STRIDES}",
                where=f"encoder {name}",
                hint="take an encoder with a stride-2 stem, e.g. mobilenetv2_100, resnet50, resnext50_32x4d",
            )
        self.name = name
        self.channels: tuple[int, ...] = tuple(self.body.feature_info.channels())
        config = self.body.pretrained_cfg
        self.mean: tuple[float, ...] = tuple(config["mean"])
        self.std: tuple[float, ...] = tuple(config["std"])

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
    near = difflib.get_close_matches(architecture, known, n=3)
    raise ModelError(
        f"unknown encoder {name}",
        where=f"encoder {name}",
        hint=f"did you mean {', '.join(near)}?" if near else "see timm.list_models() for the names",
    )


def first_line(error: Exception) -> str:
    """The first line of an error's text, or its type where it has none."""
    return next(iter(str(error).splitlines()), type(error).__name__)
