"""The whole network: uint8 RGB in, logits out."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from streetseg.errors import RequestError
from streetseg.labels.space import LabelSpace
from streetseg.models.encoder import STRIDES, Encoder
from streetseg.models.unet import ClassicDecoder


class Segmenter(nn.Module):
    """Normalise -> encode -> decode -> logits.

    Args:
        encoder: the feature pyramid.
        space: the classes; one logit each.
        channels: decoder channels, deep to shallow, five of them.
        size: (height, width) the network was trained for, or None for the pictures' own.

    Normalisation is a buffer, so nobody can forget it: the input is the picture as it was read.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, encoder: Encoder, space: LabelSpace, *, channels: tuple[int, ...], size: tuple[int, int] | None = None
    ) -> None:
        super().__init__()
        if len(channels) != len(STRIDES):
            raise RequestError(
                f"the decoder has {len(STRIDES)} steps, {len(channels)} channel counts were given",
                where="model.channels",
            )
        self.encoder_name = encoder.name
        self.space = space
        self.channels = channels
        self.size = size
        self.encoder = encoder
        self.decoder = ClassicDecoder(encoder.channels, channels)
        self.head = nn.Conv2d(channels[-1], space.num_classes, kernel_size=3, padding=1)
        nn.init.xavier_uniform_(self.head.weight)
        nn.init.zeros_(self.head.get_parameter("bias"))
        self.register_buffer("mean", torch.tensor(encoder.mean).view(1, 3, 1, 1) * 255.0)
        self.register_buffer("std", torch.tensor(encoder.std).view(1, 3, 1, 1) * 255.0)

    def forward(self, pictures: Tensor) -> Tensor:
        """RGB 0..255, uint8 or float, (B, 3, H, W) of any size -> logits (B, C, H, W).

        Sizes that are no multiple of 32 are extended at the bottom and right with the mean colour, as augmentation
        fills what lies outside a picture, and the logits cut back.
        """
        height, width = pictures.shape[-2:]
        x = (pictures.float() - self.mean) / self.std
        pad_bottom, pad_right = -height % STRIDES[-1], -width % STRIDES[-1]
        if pad_bottom or pad_right:
            x = F.pad(x, (0, pad_right, 0, pad_bottom))
        x = x.contiguous(memory_format=torch.channels_last)
        logits: Tensor = self.head(self.decoder(self.encoder(x)))
        return logits[..., :height, :width]
