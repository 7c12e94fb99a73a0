"""The encoder: any timm network with feature maps at strides 2 or 4 to 32, for images of any size.

timm is asked for normalization, and the network for its maps: how many, how large, and in which order of axes.

Pretrained weights come from the cache on this machine, else from the model hub; else there is an error within seconds.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import timm
import torch
from huggingface_hub import get_session, try_to_load_from_cache
from huggingface_hub.constants import ENDPOINT
from torch import Tensor, nn

from streetseg.errors import ModelError, did_you_mean
from streetseg.models.hub import quiet_client
from streetseg.models.own import STRIDES, is_own
from streetseg.models.relu6 import relu6_without_copy
from streetseg.recipe.encoders import USUAL

EXAMPLES = "mobilenetv2_100, resnet50, resnext50_32x4d"
PROBED = (96, 160)  # height and width of the image that shows the maps of an encoder
TIMEOUT = 5.0  # seconds for the first answer of the hub


# Arguments with which the networks of a family take images of any size; timm fixes the size otherwise.
ANY_SIZE: dict[str, dict[str, Any]] = {"swin": {"strict_img_size": False}}


class Encoder(nn.Module):
    """A timm backbone as a feature pyramid.

    Args:
        name: timm model name, e.g. "mobilenetv2_100", "resnext50_32x4d".
        pretrained: load timm's default pretrained weights (may download).

    Attributes:
        channels: channels of the feature maps, shallow to deep: five, or four of an encoder that begins at stride 4.
        mean, std: the normalization of RGB 0..1 that the weights expect.

    Raises:
        ModelError: timm has no such model, its maps are not at strides 2 or 4, 8, 16, 32 of images of any size, or the
            pretrained weights are not available.
    """

    def __init__(self, name: str, *, pretrained: bool = False) -> None:
        super().__init__()
        require_no_own(name)
        require_known(name)
        pyramid = pyramid_of(name)
        body = with_pretrained_weights(name) if pretrained else random_body(name)
        relu6_without_copy(body)
        self.name = name
        self.body: nn.Module = body
        self.channels = pyramid.channels
        self.axes_last = pyramid.axes_last
        self.mean: tuple[float, ...] = tuple(body.pretrained_cfg["mean"])
        self.std: tuple[float, ...] = tuple(body.pretrained_cfg["std"])

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return maps (B, channels[i], H / s, W / s), s = 2 or 4, …, 32, of normalized images float (B, 3, H, W)."""
        features: list[Tensor] = self.body(images)
        return [feature.permute(0, 3, 1, 2) for feature in features] if self.axes_last else features


def require_no_own(name: str) -> None:
    """Raise ModelError if the name is that of a module of the caller's own, which timm cannot make."""
    if is_own(name):
        raise ModelError(
            f"the encoder {name} is your own torch module and was not passed",
            where=f"encoder {name}",
            hint="in Python: streetseg.train(DATA, encoder=MODULE), streetseg.load(MODEL, encoder=MODULE)",
        )


def require_known(name: str) -> None:
    """Raise ModelError with the nearest names if timm has no model `name`."""
    architecture = name.split(".")[0]
    known = timm.list_models()
    if architecture in known:
        return
    if "," in name:
        hint = f"streetseg study DATA --encoders {name}  trains and compares several"
        raise ModelError("one run trains one encoder", where=f"encoder {name}", hint=hint)
    begin = [other for other in (*USUAL, *known) if other.startswith(architecture)]
    all_names = "streetseg encoders lists the names"
    near = (
        f"did you mean {', '.join(dict.fromkeys(begin[:3]))}?" if begin else did_you_mean(architecture, known, most=3)
    )
    raise ModelError(
        f"unknown encoder {name}", where=f"encoder {name}", hint=f"{near} {all_names}" if near else all_names
    )


@dataclass(frozen=True)
class Pyramid:
    """The maps of an encoder, shallow to deep.

    Args:
        strides: 2, 4, 8, 16, 32, or from 4 on.
        channels: of each map.
        axes_last: the network returns (B, H, W, C) in place of (B, C, H, W).
    """

    strides: tuple[int, ...]
    channels: tuple[int, ...]
    axes_last: bool


@cache
def pyramid_of(name: str) -> Pyramid:
    """Return the maps of an encoder. Raise ModelError if timm cannot make it, or they are no pyramid for a U-Net."""
    with torch.device("meta"):
        return maps_of(name, random_body(name).eval())


def maps_of(name: str, body: Any) -> Pyramid:
    """Return the maps of a network on torch's meta device, which has shapes but no numbers, by a forward pass.

    Raises:
        ModelError: they are no pyramid for a U-Net.
    """
    height, width = PROBED
    with torch.device("meta"), torch.no_grad():
        strides = tuple(body.feature_info.reduction())
        if strides not in (STRIDES, STRIDES[1:]):
            raise ModelError(
                f"the maps of {name} are at strides {strides}, a U-Net needs {STRIDES} or {STRIDES[1:]}",
                where=f"encoder {name}",
                hint=f"take an encoder such as {EXAMPLES}",
            )
        try:
            shapes = [tuple(feature.shape[1:]) for feature in body(torch.zeros(1, 3, height, width))]
        except Exception as error:  # each family of timm models raises errors of its own
            raise of_one_size(name, error) from error
    sizes = [(height // stride, width // stride) for stride in strides]
    if [shape[1:] for shape in shapes] == sizes:
        return Pyramid(strides, tuple(shape[0] for shape in shapes), axes_last=False)
    if [shape[:2] for shape in shapes] == sizes:
        return Pyramid(strides, tuple(shape[2] for shape in shapes), axes_last=True)
    raise of_one_size(name, f"its maps are {shapes}")


def of_one_size(name: str, reason: object) -> ModelError:
    """Return the error for an encoder that does not take images of any size."""
    return ModelError(
        f"{name} does not take images of any size ({reason})",
        where=f"encoder {name}",
        hint=f"take an encoder such as {EXAMPLES}; streetseg encoders PATTERN says which can be used",
    )


def random_body(name: str) -> Any:
    """Return timm's feature network with random weights. Raise ModelError if timm cannot make it."""
    try:
        return timm.create_model(name, features_only=True, **size_arguments(name))
    except Exception as error:  # each family of timm models raises errors of its own
        raise ModelError(
            f"timm cannot make a feature pyramid of {name} ({error})",
            where=f"encoder {name}",
            hint=f"take an encoder such as {EXAMPLES}",
        ) from error


def size_arguments(name: str) -> dict[str, Any]:
    """Return the arguments with which the network `name` takes images of any size."""
    return next((arguments for family, arguments in ANY_SIZE.items() if name.startswith(family)), {})


def with_pretrained_weights(name: str) -> Any:
    """Return timm's feature network with its default pretrained weights.

    A file in the cache is used as it is. Only a missing one is requested, and only if the hub answers: its client would
    retry for a minute.

    Raises:
        ModelError: the weights are not in the cache and cannot be fetched, or do not fit.
    """
    config = timm.get_pretrained_cfg(name)
    cached = cached_file(config)
    if cached is None and config is not None and config.hf_hub_id:
        require_hub(name)
    try:
        with quiet_client():
            overlay = {"file": cached} if cached else None
            return timm.create_model(
                name, pretrained=True, features_only=True, pretrained_cfg_overlay=overlay, **size_arguments(name)
            )
    except Exception as error:  # of the network, the hub, the file, or timm
        raise not_available(name, error) from error


def cached_file(config: Any) -> str | None:
    """Return the safetensors file of a timm configuration in the cache of the hub; None if it is not there."""
    if config is None or not config.hf_hub_id or config.custom_load:
        return None
    repository, _, revision = config.hf_hub_id.partition("@")
    file = try_to_load_from_cache(repository, config.hf_hub_filename or "model.safetensors", revision=revision or None)
    return file if isinstance(file, str) and file.endswith(".safetensors") else None


def require_hub(name: str) -> None:
    """Raise ModelError unless the hub answers.

    The request goes through the session of its client, which knows proxies, mirrors and the offline switch.
    """
    try:
        get_session().head(ENDPOINT, timeout=TIMEOUT)
    except Exception as error:  # whichever HTTP library the hub's client is built on
        raise not_available(name, error) from error


def not_available(name: str, error: Exception) -> ModelError:
    """Return the error for pretrained weights that are not available."""
    reason = next(iter(str(error).splitlines()), "no reason given")
    return ModelError(
        f"the pretrained weights of {name} are not on this machine and could not be fetched "
        f"({type(error).__name__}: {reason})",
        where=f"timm model {name}",
        hint="name a local file with --weights FILE.safetensors, or start from random weights with --weights none",
    )
