"""Encoders and decoders of the caller's own: torch modules in place of names.

A bundle holds the weights of such a module and its name, but not its code: whoever loads the bundle passes it again.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from streetseg.errors import ModelError, with_article

PREFIX = "python:"  # of the name of an encoder of the caller's own, as in the name of data of the caller's own
STRIDES = (2, 4, 8, 16, 32)
PROBE = 64  # side of the image on which a module shows the shapes of its maps
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class OwnModules:
    """Modules of the caller's own; none by default.

    Args:
        encoders: name of the encoder, as `own_name` gives it, -> module: see `OwnEncoder`.
        decoder: see `OwnDecoder`.
    """

    encoders: Mapping[str, nn.Module] = field(default_factory=dict)
    decoder: nn.Module | None = None


NO_MODULES = OwnModules()


def own_name(module: nn.Module) -> str:
    """Return "python:NAME", with the module's `name`, timm's name of it, or the name of its class."""
    known = getattr(module, "name", None) or getattr(module, "pretrained_cfg", {}).get("architecture")
    return f"{PREFIX}{known if isinstance(known, str) else type(module).__name__}"


def is_own(name: str) -> bool:
    """Return whether the name of an encoder is that of a module of the caller's own."""
    return name.startswith(PREFIX)


class OwnEncoder(nn.Module):
    """A copy of the caller's module as a feature pyramid.

    Args:
        module: called with normalized float images (B, 3, H, W), H and W multiples of 32. It returns a list of maps
            (B, channels[i], H / s, W / s) with s = 2, 4, 8, 16, 32, or without the first. It may have `channels`,
            which are then compared with what it returns, and `mean` and `std` of RGB 0..1, three numbers each; without
            them those of timm, or of ImageNet, are taken. A timm model with features_only=True is such a module.
        name: what model.json and the recipe call it.

    Attributes:
        channels: channels of the maps, shallow to deep: four or five.
        mean, std: normalization of RGB 0..1.

    Raises:
        ModelError: the module returns anything else.
    """

    def __init__(self, module: nn.Module, name: str) -> None:
        super().__init__()
        require_module(module, f"encoder {name}")
        self.name = name
        self.body = copy.deepcopy(module).cpu()
        self.channels = channels_of(self.body, name)
        declared = getattr(module, "channels", None)
        if isinstance(declared, (list, tuple)) and tuple(declared) != self.channels:
            problem = f"the module says channels {tuple(declared)}, its maps have {self.channels}"
            raise ModelError(problem, where=f"encoder {name}")
        known = getattr(module, "pretrained_cfg", {})
        self.mean = three_numbers(getattr(module, "mean", None), known.get("mean", IMAGENET_MEAN))
        self.std = three_numbers(getattr(module, "std", None), known.get("std", IMAGENET_STD))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Normalized float images (B, 3, H, W) -> the maps of the module."""
        maps: list[Tensor] = list(self.body(images))
        return maps


class OwnDecoder(nn.Module):
    """A copy of the caller's module as a decoder.

    Args:
        module: called with the list of maps of the encoder. It returns features (B, N, H / k, W / k), k a power of two
            from 1 to 32; a 1x1 convolution makes the logits of them.
        encoder_channels: channels of the maps, shallow to deep.

    Attributes:
        out_channels: N.

    Raises:
        ModelError: the module returns anything else.
    """

    def __init__(self, module: nn.Module, encoder_channels: Sequence[int]) -> None:
        super().__init__()
        require_module(module, "decoder")
        self.body = copy.deepcopy(module).cpu()
        maps = [torch.zeros(1, n, *shape, device="cpu") for n, shape in zip(
            encoder_channels, map_sizes(len(encoder_channels)), strict=True)]  # fmt: skip
        features = shown(self.body, maps, "decoder")
        shape = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
        sides = [(PROBE // k, PROBE // k) for k in (1, *STRIDES)]
        if not isinstance(features, Tensor) or features.ndim != 4 or tuple(features.shape[2:]) not in sides:
            raise ModelError(
                f"the decoder returns {shape} for an image of {PROBE}x{PROBE}",
                where="decoder",
                hint="one tensor (B, N, H / k, W / k), k a power of two from 1 to 32",
            )
        self.out_channels = features.shape[1]

    def forward(self, pyramid: list[Tensor]) -> Tensor:
        """Maps of the encoder -> features (B, out_channels, H / k, W / k)."""
        features: Tensor = self.body(pyramid)
        return features


def require_module(module: Any, where: str) -> None:
    """Raise ModelError unless `module` is a torch module."""
    if not isinstance(module, nn.Module):
        problem = f"found {with_article(type(module).__qualname__)} (expected a name or a torch.nn.Module)"
        raise ModelError(problem, where=where)


def channels_of(module: nn.Module, name: str) -> tuple[int, ...]:
    """Return the channels of the maps of an encoder. Raise ModelError if they are no pyramid."""
    maps = shown(module, torch.zeros(1, 3, PROBE, PROBE, device="cpu"), f"encoder {name}")
    shapes = [tuple(m.shape) for m in maps] if isinstance(maps, (list, tuple)) else []
    if len(shapes) not in (4, 5) or [shape[2:] for shape in shapes] != map_sizes(len(shapes)):
        found = ", ".join(map(str, shapes)) or f"a {type(maps).__name__}"
        raise ModelError(
            f"the encoder returns {found} for an image of {PROBE}x{PROBE}",
            where=f"encoder {name}",
            hint="a list of maps (B, C, H / s, W / s) at strides s = 2, 4, 8, 16, 32, or from 4 on",
        )
    return tuple(shape[1] for shape in shapes)


def map_sizes(count: int) -> list[tuple[int, int]]:
    """Return the sizes of so many maps of the probe image, shallow to deep; the deepest is at stride 32."""
    return [(PROBE // stride, PROBE // stride) for stride in STRIDES[-count:]]


def shown(module: nn.Module, value: object, where: str) -> Any:
    """Return what a module makes of a value, in evaluation mode on the CPU. Raise ModelError if it fails."""
    training = module.training
    try:
        with torch.device("cpu"), torch.no_grad():
            return module.eval()(value)
    except Exception as error:  # any, of code that is not ours
        raise ModelError(f"the module failed on an image of {PROBE}x{PROBE} ({error})", where=where) from error
    finally:
        module.train(training)


def three_numbers(value: Any, otherwise: Sequence[float]) -> tuple[float, ...]:
    """Return a value of three numbers as floats, else `otherwise`."""
    numbers = value.flatten().tolist() if isinstance(value, Tensor) else value
    return tuple(map(float, numbers if isinstance(numbers, (list, tuple)) and len(numbers) == 3 else otherwise))
