"""A U-Net decoder for CPUs that costs little compared to its encoder; docs/explanation/decoder.md has the experiments.

Like every U-Net decoder it upsamples block by block and joins the encoder's map at each scale. Three things make it
cheap:
- 1x1 convolutions reduce deep and skip map to the block's few channels, the deep map before it is upsampled. The two
  are added, where the classic decoder concatenates all their channels at the larger size.
- A block has one depthwise-separable 3x3 convolution (Howard et al. 2017, arXiv:1704.04861) instead of two dense ones.
- The last of three blocks works at stride 4, a fourth one at stride 2. Logits are computed there and upsampled, so that
  no convolution works at the image's own size, where the classic decoder spends most of its time.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SeparableConv(nn.Sequential):
    """Depthwise 3x3 and pointwise 1x1 convolution, batch norm after each, ReLU at the end: (B, C, H, W) -> the same."""

    def __init__(self, channels: int) -> None:
        super().__init__(
            nn.Conv2d(channels, channels, kernel_size=3, padding=1, groups=channels, bias=False),
            nn.BatchNorm2d(channels),
            nn.Conv2d(channels, channels, kernel_size=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        )


class FastBlock(nn.Module):
    """One decoder block: reduce the channels of both maps, double the size of the deep one, add, convolve."""

    def __init__(self, in_channels: int, skip_channels: int, out_channels: int) -> None:
        super().__init__()
        self.deep = nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False)
        self.skip = nn.Conv2d(skip_channels, out_channels, kernel_size=1, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(out_channels)
        self.mix = SeparableConv(out_channels)

    def forward(self, deep: Tensor, skip: Tensor) -> Tensor:
        """Join a deep map (B, in, h, w) and a skip map (B, skip, 2h, 2w): -> (B, out, 2h, 2w)."""
        upsampled = F.interpolate(self.deep(deep), scale_factor=2.0, mode="bilinear", align_corners=False)
        mixed: Tensor = self.mix(F.relu(self.norm(upsampled + self.skip(skip)), inplace=True))
        return mixed

    @torch.no_grad()
    def reparameterize(self) -> None:
        """Fold the batch norm after the sum into the two convolutions before it, for inference. Exporters do not."""
        norm = self.norm
        if not isinstance(norm, nn.BatchNorm2d):
            return
        assert norm.running_mean is not None and norm.running_var is not None
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        for convolution in (self.deep, self.skip):
            convolution.weight.mul_(scale.view(-1, 1, 1, 1))
        self.skip.bias = nn.Parameter(norm.bias - norm.running_mean * scale)
        self.norm = nn.Identity()


class FastDecoder(nn.Module):
    """A decoder from the encoder's pyramid to features at stride 4 (three blocks) or stride 2 (four blocks).

    Args:
        encoder_channels: channels of the maps at strides 2, 4, 8, 16, 32.
        channels: output channels of the blocks, deep to shallow.
    """

    def __init__(self, encoder_channels: tuple[int, ...], channels: tuple[int, ...]) -> None:
        super().__init__()
        deepest, *skips = reversed(encoder_channels)
        sizes = zip((deepest, *channels[:-1]), skips[: len(channels)], channels, strict=True)
        self.blocks = nn.ModuleList(FastBlock(*block_channels) for block_channels in sizes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, pyramid: list[Tensor]) -> Tensor:
        """Decode maps at strides 2, 4, 8, 16, 32: -> (B, channels[-1], H / s, W / s), s = 4 or 2."""
        *skips, x = pyramid
        for block, skip in zip(
            self.blocks, reversed(skips), strict=False
        ):  # with three blocks the stride-2 map is unused
            x = block(x, skip)
        return x
