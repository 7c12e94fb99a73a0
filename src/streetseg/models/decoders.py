"""The decoders by name: their layers, and the last layer that makes logits."""

from dataclasses import dataclass
from typing import assert_never

from torch import nn

from streetseg.errors import ModelError, RequestError
from streetseg.models.fast_unet import Context, FastDecoder
from streetseg.models.own import OwnDecoder
from streetseg.models.unet import ClassicDecoder
from streetseg.recipe.decoders import DECODERS, DecoderName


@dataclass(frozen=True)
class DecoderParts:
    """The layers between the maps of the encoder and the logits.

    Args:
        body: maps of the encoder, strides 2 or 4 to 32 -> features.
        head: features -> logits at the same stride; one output channel per class.
    """

    body: nn.Module
    head: nn.Conv2d


def make_decoder(
    name: DecoderName,
    encoder_channels: tuple[int, ...],
    channels: tuple[int, ...],
    num_classes: int,
    own: nn.Module | None = None,
) -> DecoderParts:
    """Return the decoder of that name with random weights, or the caller's own as it is.

    Args:
        encoder_channels: channels of the maps of the encoder, shallow to deep: strides 2, 4, 8, 16, 32, or from 4 on.
        channels: output channels of the blocks of the decoder, deep to shallow.
        num_classes: the number of logits.
        own: the module that is meant by "own"; see `OwnDecoder`.

    Raises:
        RequestError: the decoder has another number of blocks, or needs a map that the encoder lacks.
        ModelError: "own" without a module, or one that is no decoder.
    """
    facts = DECODERS[name]
    if len(channels) not in facts.blocks:
        raise RequestError(
            f"the {name} decoder has {facts.blocks_in_words} blocks, {len(channels)} channel counts were given",
            where="model.channels",
        )
    if name.startswith("fast") and len(channels) >= len(encoder_channels):
        raise RequestError(
            f"the encoder has {len(encoder_channels)} maps, too few for a fast decoder of {len(channels)} blocks",
            where="model.channels",
            hint="give three channel counts" if 3 in facts.blocks else "take the fast decoder",
        )
    match name:
        case "classic":
            body: nn.Module = ClassicDecoder(encoder_channels, channels)
            head = nn.Conv2d(channels[-1], num_classes, kernel_size=3, padding=1)
        case "fast" | "fast-pool" | "fast-gate" | "fast-half":
            context = None
            if name in ("fast-pool", "fast-gate"):
                context = Context(encoder_channels[-1], channels[0], gate=name == "fast-gate")
            body = FastDecoder(encoder_channels, channels, context, light_end=name == "fast-half")
            head = nn.Conv2d(channels[-1], num_classes, kernel_size=1)
        case "own":
            if own is None:
                raise ModelError(
                    "the decoder is your own torch module and was not passed",
                    where="model.decoder",
                    hint="in Python: streetseg.train(DATA, decoder=MODULE), streetseg.load(MODEL, decoder=MODULE)",
                )
            body = OwnDecoder(own, encoder_channels)
            head = nn.Conv2d(body.out_channels, num_classes, kernel_size=1)
        case _:
            assert_never(name)
    nn.init.xavier_uniform_(head.weight)
    nn.init.zeros_(head.get_parameter("bias"))
    return DecoderParts(body, head)
