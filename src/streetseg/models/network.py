"""The segmentation network, from uint8 RGB images to logits."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from streetseg.labels.space import LabelSpace
from streetseg.models.decoders import make_decoder
from streetseg.models.encoder import STRIDES, Encoder
from streetseg.recipe.decoders import DECODERS, DecoderName
from streetseg.recipe.reading import AS_USUAL, ImageReading


class SegmentationNetwork(nn.Module):
    """Normalization, encoder, decoder and head.

    The normalization is a buffer of the network, so that a caller cannot forget it: the input is the image as read.

    Args:
        encoder: the feature pyramid.
        space: the classes, one logit each.
        decoder: "classic" or "fast".
        channels: decoder channels, deep to shallow; None for the decoder's default.
        size: (height, width) that the network is trained for, None for the images' own.
        reading: how the image files that it is trained on become 8-bit RGB.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        encoder: Encoder,
        space: LabelSpace,
        *,
        decoder: DecoderName,
        channels: tuple[int, ...] | None = None,
        size: tuple[int, int] | None = None,
        reading: ImageReading = AS_USUAL,
    ) -> None:
        super().__init__()
        self.encoder_name = encoder.name
        self.space = space
        self.decoder_name: DecoderName = decoder
        self.channels = DECODERS[decoder].channels if channels is None else channels
        self.size = size
        self.reading = reading
        self.encoder = encoder
        parts = make_decoder(decoder, encoder.channels, self.channels, space.num_classes)
        self.decoder, self.head = parts.body, parts.head
        self.register_buffer("mean", torch.tensor(encoder.mean).view(1, 3, 1, 1) * 255.0)
        self.register_buffer("std", torch.tensor(encoder.std).view(1, 3, 1, 1) * 255.0)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (B, C, H, W) of RGB images 0..255, uint8 or float, (B, 3, H, W) of any size.

        In training mode, if H and W are multiples of 32, the logits keep the decoder's stride k: (B, C, H / k, W / k).
        The objective accepts them, and upsampling them would cost as much as the decoder.

        Images whose size is no multiple of 32 are padded at the bottom and right with the mean color, which
        augmentation also uses outside an image; the logits are cropped. Logits of a decoder that ends at a stride
        above 1 are upsampled, bilinear, corners not aligned.
        """
        height, width = images.shape[-2:]
        x = (images.float() - self.mean) / self.std
        pad_bottom, pad_right = -height % STRIDES[-1], -width % STRIDES[-1]
        if pad_bottom or pad_right:
            x = F.pad(x, (0, pad_right, 0, pad_bottom))
        x = x.contiguous(memory_format=torch.channels_last)
        logits: Tensor = self.head(self.decoder(self.encoder(x)))
        if self.training and x.shape[-2:] == (height, width):
            return logits
        if logits.shape[-2:] != x.shape[-2:]:
            logits = F.interpolate(logits, x.shape[-2:], mode="bilinear", align_corners=False)
        return logits[..., :height, :width]
