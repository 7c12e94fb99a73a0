"""The encoder: any timm network with a five-step pyramid, asked about itself rather than known.

Pretrained weights come from this machine where they are, else from the model hub; else they are refused within seconds.
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
from streetseg.models.own import STRIDES, is_own
from streetseg.models.relu6 import relu6_without_copy

EXAMPLES = "mobilenetv2_100, resnet50, resnext50_32x4d"
TIMEOUT = 5.0  # seconds for the hub to say anything at all


class Encoder(nn.Module):
    """A timm backbone as a feature pyramid.

    Args:
        name: timm model name, e.g. "mobilenetv2_100", "resnext50_32x4d".
        pretrained: load timm's default pretrained weights (may download).

    Attributes:
        channels: channels of the five feature maps, shallow to deep.
        mean, std: normalization of RGB 0..1 that the weights expect.

    Raises:
        ModelError: if timm has no such model, its pyramid is not at strides 2, 4, 8, 16, 32, or the pretrained weights
            cannot be had.
    """

    def __init__(self, name: str, *, pretrained: bool = False) -> None:
        super().__init__()
        require_no_own(name)
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
        """Normalized float images (B, 3, H, W) -> five maps (B, channels[i], H / STRIDES[i], W / STRIDES[i])."""
        features: list[Tensor] = self.body(images)
        return features


def require_no_own(name: str) -> None:
    """Raise ModelError if the name is that of a module of the caller's own, which timm cannot make."""
    if is_own(name):
        raise ModelError(
            f"the encoder {name} is a torch module of the caller's own, and was not passed",
            where=f"encoder {name}",
            hint="in Python: streetseg.train(DATA, encoder=MODULE), streetseg.load(MODEL, encoder=MODULE)",
        )


def require_known(name: str) -> None:
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


def with_pretrained_weights(name: str) -> Any:
    """timm's feature network with its default pretrained weights.

    A file that is on this machine already is taken as it is. Only what is missing is asked for, and only if the hub
    answers: left alone, its client tries for a minute.

    Raises:
        ModelError: if the weights are not here and cannot be fetched, or do not fit.
    """
    config = timm.get_pretrained_cfg(name)
    cached = cached_file(config)
    if cached is None and config is not None and config.hf_hub_id:
        require_hub(name)
    try:
        with quiet("huggingface_hub"):
            overlay = {"file": cached} if cached else None
            return timm.create_model(name, pretrained=True, features_only=True, pretrained_cfg_overlay=overlay)
    except Exception as error:  # of the network, the hub, the file, or timm
        raise cannot_be_had(name, error) from error


def cached_file(config: Any) -> str | None:
    """The safetensors file of a timm pretrained configuration in the hub's cache, if it is there."""
    if config is None or not config.hf_hub_id or config.custom_load:
        return None
    repository, _, revision = config.hf_hub_id.partition("@")
    found = try_to_load_from_cache(repository, config.hf_hub_filename or "model.safetensors", revision=revision or None)
    return found if isinstance(found, str) and found.endswith(".safetensors") else None


def require_hub(name: str) -> None:
    """Raises ModelError unless the hub answers; through its own session, so that proxies, mirrors and its offline
    switch are respected."""
    try:
        get_session().head(ENDPOINT, timeout=TIMEOUT)
    except Exception as error:  # whichever HTTP library the hub's client is built on
        raise cannot_be_had(name, error) from error


def cannot_be_had(name: str, error: Exception) -> ModelError:
    reason = next(iter(str(error).splitlines()), "no reason given")
    return ModelError(
        f"the pretrained weights of {name} are not on this machine and could not be fetched "
        f"({type(error).__name__}: {reason})",
        where=f"timm model {name}",
        hint="name a local file with --weights FILE.safetensors, or start from random weights with --weights none",
    )


@contextmanager
def quiet(logger: str) -> Iterator[None]:
    """Only errors of that logger are seen meanwhile."""
    chatty = logging.getLogger(logger)
    level = chatty.level
    chatty.setLevel(logging.ERROR)
    try:
        yield
    finally:
        chatty.setLevel(level)
