"""Build a decoder by name: its layers and its head."""

from dataclasses import dataclass
from typing import assert_never

from torch import nn

from streetseg.errors import RequestError
from streetseg.models.fast_unet import FastDecoder
from streetseg.models.unet import ClassicDecoder
from streetseg.recipe.decoders import DECODERS, DecoderName


@dataclass(frozen=True)
class DecoderParts:
    """The layers between the encoder's pyramid and the logits.

    Args:
        body: pyramid (maps at strides 2, 4, 8, 16, 32) -> features.
        head: features -> logits at the same stride, one channel per class.
    """

    body: nn.Module
    head: nn.Conv2d


def make_decoder(
    name: DecoderName, encoder_channels: tuple[int, ...], channels: tuple[int, ...], num_classes: int
) -> DecoderParts:
    """Return the layers of a decoder with random weights.

    Args:
        encoder_channels: channels of the maps at strides 2, 4, 8, 16, 32.
        channels: output channels of the decoder's blocks, deep to shallow.

    Raises:
        RequestError: the decoder cannot have that number of blocks.
    """
    if len(channels) not in DECODERS[name].blocks:
        raise RequestError(
            f"the {name} decoder has {DECODERS[name].blocks_in_words} blocks,"
            f" {len(channels)} channel counts were given",
            where="model.channels",
        )
    match name:
        case "classic":
            body: nn.Module = ClassicDecoder(encoder_channels, channels)
            head = nn.Conv2d(channels[-1], num_classes, kernel_size=3, padding=1)
        case "fast":
            body = FastDecoder(encoder_channels, channels)
            head = nn.Conv2d(channels[-1], num_classes, kernel_size=1)
        case _:
            assert_never(name)
    nn.init.xavier_uniform_(head.weight)
    nn.init.zeros_(head.get_parameter("bias"))
    return DecoderParts(body, head)
