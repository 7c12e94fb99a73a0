"""The classic U-Net decoder.

Each block upsamples by two (nearest neighbor), concatenates the encoder's map of that scale, and applies two 3x3
convolutions with batch norm and ReLU. The last block, at the image's own scale, has no skip connection.
"""

from itertools import zip_longest

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ConvNormReLU(nn.Sequential):
    """3x3 convolution without bias, batch norm, ReLU: (B, in, H, W) -> (B, out, H, W)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )


class DecoderBlock(nn.Module):
    """Decoder block: enlarge by two, concatenate the skip, convolve twice."""

    def __init__(self, in_channels: int, skip_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = ConvNormReLU(in_channels + skip_channels, out_channels)
        self.conv2 = ConvNormReLU(out_channels, out_channels)

    def forward(self, deep: Tensor, skip: Tensor | None) -> Tensor:
        """Return (B, out, 2h, 2w) of the deep map (B, in, h, w) and the skip (B, skip, 2h, 2w) or None."""
        x = F.interpolate(deep, scale_factor=2.0, mode="nearest")
        if skip is not None:
            x = torch.cat([x, skip], dim=1)
        refined: Tensor = self.conv2(self.conv1(x))
        return refined


class ClassicDecoder(nn.Module):
    """Decoder from the maps of the encoder to features of the size of the image.

    Args:
        encoder_channels: channels of the maps at strides 2, 4, 8, 16, 32, or from 4 on: then the block that ends at
            stride 2 has no skip.
        channels: output channels of the five blocks, deep to shallow.
    """

    def __init__(self, encoder_channels: tuple[int, ...], channels: tuple[int, ...]) -> None:
        super().__init__()
        deep_to_shallow = encoder_channels[::-1]
        inputs = (deep_to_shallow[0], *channels[:-1])
        skips = (*deep_to_shallow[1:], *[0] * (len(channels) - len(encoder_channels) + 1))
        self.blocks = nn.ModuleList(DecoderBlock(*sizes) for sizes in zip(inputs, skips, channels, strict=True))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, mode="fan_in", nonlinearity="relu")

    def forward(self, pyramid: list[Tensor]) -> Tensor:
        """Return features (B, channels[-1], H, W) of the maps at strides 2 or 4, …, 16, 32."""
        *skips, x = pyramid
        for block, skip in zip_longest(self.blocks, reversed(skips)):
            x = block(x, skip)
        return x
