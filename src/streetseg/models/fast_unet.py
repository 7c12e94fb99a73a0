"""The fast U-Net decoder, whose cost is small beside that of its encoder; docs/explanation/decoder.md has the trials.

Like every U-Net decoder it doubles the size block by block and joins the map of the encoder at each size. It is cheap
because
- 1x1 convolutions reduce deep map and skip to the few channels of the block, the deep map before it is enlarged, and
  the two are added; the classic decoder concatenates all their channels at the larger size;
- a block has one depthwise-separable 3x3 convolution (Howard et al. 2017, arXiv:1704.04861) in place of two dense ones;
- the last block ends at stride 4, or a fourth one at stride 2: logits are made there and enlarged, so there is no
  convolution at the size of the image, where the classic decoder spends most of its time.
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
    """Decoder block: reduce the channels of both maps, enlarge the deep one by two, add, convolve.

    Args:
        in_channels: channels of the deep map.
        skip_channels: channels of the skip.
        out_channels: channels of the result.
        light: leave out the convolution after the sum.
    """

    def __init__(self, in_channels: int, skip_channels: int, out_channels: int, *, light: bool = False) -> None:
        super().__init__()
        self.deep = nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False)
        self.skip = nn.Conv2d(skip_channels, out_channels, kernel_size=1, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(out_channels)
        self.mix = nn.Identity() if light else SeparableConv(out_channels)

    def forward(self, deep: Tensor, skip: Tensor) -> Tensor:
        """Return (B, out, 2h, 2w) of the deep map (B, in, h, w) and the skip (B, skip, 2h, 2w)."""
        raised = F.interpolate(self.deep(deep), scale_factor=2.0, mode="bilinear", align_corners=False)
        mixed: Tensor = self.mix(F.relu(self.norm(raised + self.skip(skip)), inplace=True))
        return mixed

    @torch.no_grad()
    def reparameterize(self) -> None:
        """Fold the batch norm of the sum into both of its terms, for inference: exporters do not do this."""
        norm = self.norm
        if not isinstance(norm, nn.BatchNorm2d):
            return
        assert norm.running_mean is not None and norm.running_var is not None
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        for convolution in (self.deep, self.skip):
            convolution.weight.mul_(scale.view(-1, 1, 1, 1))
        self.skip.bias = nn.Parameter(norm.bias - norm.running_mean * scale)
        self.norm = nn.Identity()


class Context(nn.Module):
    """Tell every place of the deepest map what the whole image shows.

    The mean over the map passes two 1x1 convolutions; the result is added, as by the image-level features of DeepLabv3
    (arXiv:1706.05587), or scales the channels, as in LR-ASPP (arXiv:1905.02244). At first it changes nothing.

    Args:
        channels: channels of the deepest map.
        hidden: channels between the two convolutions.
        gate: scale, and do not add.
    """

    def __init__(self, channels: int, hidden: int, *, gate: bool) -> None:
        super().__init__()
        self.gate = gate
        self.reduce = nn.Conv2d(channels, hidden, kernel_size=1)
        self.expand = nn.Conv2d(hidden, channels, kernel_size=1)
        nn.init.kaiming_normal_(self.reduce.weight, nonlinearity="relu")
        for parameter in self.expand.parameters():
            nn.init.zeros_(parameter)

    def forward(self, deep: Tensor) -> Tensor:
        """Return the changed map, of the same shape (B, C, h, w)."""
        whole: Tensor = self.expand(F.relu(self.reduce(deep.mean(dim=(2, 3), keepdim=True))))
        return deep * (2.0 * torch.sigmoid(whole)) if self.gate else deep + whole


class FastDecoder(nn.Module):
    """Decoder from the maps of the encoder to features at stride 4, or with a fourth block at stride 2.

    Args:
        encoder_channels: channels of the maps at strides 2, 4, 8, 16, 32, or from 4 on.
        channels: output channels of the blocks, deep to shallow.
        context: changes the deepest map before the blocks; None for nothing.
        light_end: the last block is a light one.
    """

    def __init__(
        self,
        encoder_channels: tuple[int, ...],
        channels: tuple[int, ...],
        context: Context | None = None,
        *,
        light_end: bool = False,
    ) -> None:
        super().__init__()
        self.context = context
        deepest, *skips = reversed(encoder_channels)
        sizes = zip((deepest, *channels[:-1]), skips[: len(channels)], channels, strict=True)
        self.blocks = nn.ModuleList(
            FastBlock(*block_channels, light=light_end and block == len(channels))
            for block, block_channels in enumerate(sizes, start=1)
        )
        for module in self.blocks.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, pyramid: list[Tensor]) -> Tensor:
        """Return features (B, channels[-1], H / s, W / s) of the maps, s the stride of the last block."""
        *skips, x = pyramid
        if self.context is not None:
            x = self.context(x)
        for block, skip in zip(self.blocks, reversed(skips), strict=False):  # the shallowest map may have no block
            x = block(x, skip)
        return x
