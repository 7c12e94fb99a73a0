"""The encoder: any timm network with feature maps at strides 2, 4, 8, 16, 32.

Strides, channels and normalization are read from timm, so that no list of encoders is needed here. Pretrained weights
come from the cache of this machine, else from the Hugging Face hub. If neither has them, loading fails within seconds.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import timm
from huggingface_hub import get_session, try_to_load_from_cache
from huggingface_hub.constants import ENDPOINT
from torch import Tensor, nn

from streetseg.errors import ModelError, did_you_mean
from streetseg.models.relu6 import relu6_without_copy

STRIDES = (2, 4, 8, 16, 32)
EXAMPLES = "mobilenetv2_100, resnet50, resnext50_32x4d"
TIMEOUT = 5.0  # seconds to wait for any response of the hub


class Encoder(nn.Module):
    """A timm backbone as a feature pyramid.

    Args:
        name: timm model name, e.g. "mobilenetv2_100", "resnext50_32x4d".
        pretrained: load timm's default pretrained weights (may download).

    Attributes:
        channels: channels of the five feature maps, shallow to deep.
        mean, std: the normalization of RGB 0..1 that the weights expect.

    Raises:
        ModelError: timm has no such model, its feature maps are at other strides, or the pretrained weights are not
            available.
    """

    def __init__(self, name: str, *, pretrained: bool = False) -> None:
        super().__init__()
        require_known(name)
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

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return five maps (B, channels[i], H / STRIDES[i], W / STRIDES[i]) of normalized float images (B, 3, H, W)."""
        features: list[Tensor] = self.body(images)
        return features


def require_known(name: str) -> None:
    """Raise ModelError with the nearest names if timm has no model `name`."""
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
    """Return timm's feature network with random weights. Raise ModelError if timm cannot build it for this model."""
    try:
        return timm.create_model(name, features_only=True)
    except Exception as error:  # each model family of timm raises its own kind of exception
        raise ModelError(
            f"timm cannot make a feature pyramid of {name} ({error})",
            where=f"encoder {name}",
            hint=f"take a convolutional encoder, e.g. {EXAMPLES}",
        ) from error


def with_pretrained_weights(name: str) -> Any:
    """Return timm's feature network with its default pretrained weights.

    A cached file is used without a request to the hub. A missing file is downloaded only after the hub has answered a
    short request, because the hub's client alone would retry for a minute.

    Raises:
        ModelError: the weights are not on this machine and cannot be downloaded, or do not fit.
    """
    config = timm.get_pretrained_cfg(name)
    cached = cached_file(config)
    if cached is None and config is not None and config.hf_hub_id:
        require_hub(name)
    try:
        with quiet("huggingface_hub"):
            overlay = {"file": cached} if cached else None
            return timm.create_model(name, pretrained=True, features_only=True, pretrained_cfg_overlay=overlay)
    except Exception as error:  # connection, hub, file and timm raise exceptions without a common base
        raise weights_unavailable(name, error) from error


def cached_file(config: Any) -> str | None:
    """Return the safetensors file of a timm pretrained configuration in the hub's cache, None if it is not there."""
    if config is None or not config.hf_hub_id or config.custom_load:
        return None
    repository, _, revision = config.hf_hub_id.partition("@")
    file = try_to_load_from_cache(repository, config.hf_hub_filename or "model.safetensors", revision=revision or None)
    return file if isinstance(file, str) and file.endswith(".safetensors") else None


def require_hub(name: str) -> None:
    """Raise ModelError unless the hub answers. The request goes through the hub client's session, which respects
    proxies, mirrors and the offline setting."""
    try:
        get_session().head(ENDPOINT, timeout=TIMEOUT)
    except Exception as error:  # the exceptions depend on the HTTP library of the hub's client
        raise weights_unavailable(name, error) from error


def weights_unavailable(name: str, error: Exception) -> ModelError:
    """Return the error for pretrained weights that are neither cached nor downloadable."""
    reason = next(iter(str(error).splitlines()), "no reason given")
    return ModelError(
        f"the pretrained weights of {name} are not on this machine and could not be fetched "
        f"({type(error).__name__}: {reason})",
        where=f"timm model {name}",
        hint="name a local file with --weights FILE.safetensors, or start from random weights with --weights none",
    )


@contextmanager
def quiet(logger: str) -> Iterator[None]:
    """Limit a logger to errors inside the context."""
    named = logging.getLogger(logger)
    level = named.level
    named.setLevel(logging.ERROR)
    try:
        yield
    finally:
        named.setLevel(level)
