"""Facts of encoders before one is trained, as timm reports them: size, strides, weights and license."""

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import timm
import torch
from torch.utils.flop_counter import FlopCounterMode

from streetseg.errors import ModelError, RequestError
from streetseg.models.encoder import cached_file, maps_of, random_body
from streetseg.recipe.encoders import USUAL

SIZE = (384, 480)  # CamVid's 360x480, padded to multiples of 32


@dataclass(frozen=True)
class EncoderFacts:
    """Facts of an encoder.

    Args:
        name: timm's name.
        parameters: of the feature network, without the classifier.
        macs: multiply-accumulates of an image of `SIZE`; None where the encoder takes no such image.
        strides: of its feature maps.
        usable: whether a network can be built on it.
        weights: "here", "to download", or "none" where timm publishes none.
        license: of the published weights, as timm says; None where it does not.
    """

    name: str
    parameters: int
    macs: int | None
    strides: tuple[int, ...]
    usable: bool
    weights: str
    license: str | None


def encoder_names(pattern: str | None) -> list[str]:
    """Return the names that a pattern such as "resnext*" matches; of a word without *, those that hold it.

    None gives the usual ones. Raises RequestError if there is none.
    """
    if pattern is None:
        return list(USUAL)
    glob = pattern if any(char in pattern for char in "*?[") else f"*{pattern}*"
    names = [name for name in timm.list_models() if fnmatchcase(name, glob)]
    if not names:
        raise RequestError("no encoder has such a name", where=pattern, hint="streetseg encoders 'resnext*'")
    return names


def encoder_facts(
    names: list[str], on_encoder: Callable[[int, int], None] = lambda done, total: None
) -> list[EncoderFacts]:
    """Return the facts of each encoder of which timm can make a feature pyramid; the others are left out.

    Args:
        names: timm's names.
        on_encoder: called after each with the number done and the number of all.
    """
    found = []
    for done, name in enumerate(names, start=1):
        if (facts := facts_of(name)) is not None:
            found.append(facts)
        on_encoder(done, len(names))
    return found


def facts_of(name: str) -> EncoderFacts | None:
    """Return the facts of one encoder, built without memory for its weights; None where it is no pyramid."""
    try:
        with torch.device("meta"):
            body = random_body(name).eval()
    except ModelError:
        return None
    try:
        maps_of(name, body)
        usable = True
    except ModelError:
        usable = False
    config: Any = timm.get_pretrained_cfg(name)
    published = config is not None and (config.hf_hub_id or config.url)
    return EncoderFacts(
        name,
        sum(parameter.numel() for parameter in body.parameters()),
        macs_of(body),
        tuple(body.feature_info.reduction()),
        usable,
        "here" if cached_file(config) else "to download" if published else "none",
        (config.license or None) if published else None,
    )


def macs_of(body: torch.nn.Module) -> int | None:
    """Return the multiply-accumulates of one image; None where the network takes another size only."""
    try:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            body(torch.zeros(1, 3, *SIZE, device="meta"))
    except Exception:  # of timm or torch: a fixed size, or an operation that counts nothing
        return None
    return int(counter.get_total_flops()) // 2  # torch counts a multiply-accumulate as two operations
