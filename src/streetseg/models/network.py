"""The segmentation network: uint8 RGB in, logits out."""

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from streetseg.errors import RequestError
from streetseg.labels.space import LabelSpace
from streetseg.models.calibration import Calibration
from streetseg.models.decoders import make_decoder
from streetseg.models.encoder import Encoder
from streetseg.models.own import STRIDES, OwnEncoder
from streetseg.recipe.decoders import DECODERS, DecoderName
from streetseg.recipe.reading import AS_USUAL, ImageReading


class SegmentationNetwork(nn.Module):
    """Segmentation network: normalization, encoder, decoder, head.

    Args:
        encoder: returns the feature maps.
        space: the classes; one logit for each.
        decoder: one of `DECODERS`.
        channels: output channels of the decoder blocks, deep to shallow; None for the default of the decoder.
        size: (height, width) that the network was trained for; None for the size of each image.
        reading: how the image files that it was trained on became 8-bit RGB.
        own_decoder: the module that is meant by "own".

    Normalization is a buffer of the network: its input is the image as it was read, and nobody can forget to normalize.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        encoder: Encoder | OwnEncoder,
        space: LabelSpace,
        *,
        decoder: DecoderName,
        channels: tuple[int, ...] | None = None,
        size: tuple[int, int] | None = None,
        reading: ImageReading = AS_USUAL,
        own_decoder: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.encoder_name = encoder.name
        self.space = space
        self.decoder_name: DecoderName = decoder
        self.channels = DECODERS[decoder].channels if channels is None else channels
        self.size = size
        self.reading = reading
        self.calibration: Calibration | None = None  # fitted after training
        self.mask_ids: Sequence[Sequence[int]] | None = None  # of each class in the masks it was trained on, if known
        self.encoder = encoder
        self.encoder_is_frozen = self.statistics_are_frozen = False
        parts = make_decoder(decoder, encoder.channels, self.channels, space.num_classes, own_decoder)
        self.decoder, self.head = parts.body, parts.head
        self.has_depthwise = any(
            isinstance(module, nn.Conv2d) and 1 < module.groups == module.in_channels for module in self.modules()
        )
        self.register_buffer("mean", torch.tensor(encoder.mean).view(1, 3, 1, 1) * 255.0)
        self.register_buffer("std", torch.tensor(encoder.std).view(1, 3, 1, 1) * 255.0)

    def layout(self, device: torch.device) -> torch.memory_format:
        """Return the memory format of feature maps and weights on a device.

        It is channels_last, but not on CUDA with depthwise convolutions: cuDNN from 9.10 on compiles their kernels in
        channels_last for each new shape (https://github.com/NVIDIA/cudnn-frontend/issues/1066). On an H200 with cuDNN
        9.14 that took about a second for each of them, and more than 50 s before the first step of MobileNetV2. With
        contiguous maps, for which torch has kernels of its own, the first step took a second.
        """
        return torch.contiguous_format if device.type == "cuda" and self.has_depthwise else torch.channels_last

    def place(self, device: torch.device) -> None:
        """Move the network to a device, with its weights in the layout of that device."""
        self.to(device).to(memory_format=self.layout(device))

    def freeze_encoder(self) -> None:
        """Keep the encoder as it is: from now on neither a step nor a batch changes its weights or statistics."""
        self.encoder.requires_grad_(False).eval()
        self.encoder_is_frozen = True

    def freeze_stages(self, stages: int) -> None:
        """Keep the weights and statistics of the first stages of the encoder: all on which its map at stride 2^stages,
        and those before it, depend.

        Call it before the network is placed on a device. Raise RequestError if the encoder has no such map.
        """
        frozen_maps = stages - (len(STRIDES) - len(self.encoder.channels))  # an encoder may begin at stride 4
        if frozen_maps < 1:
            raise RequestError(
                f"{self.encoder_name} has no map at stride {2**stages}, its first is at stride 4",
                where=f"optim.freeze_stages={stages}",
                hint="optim.freeze_stages=2 freezes its first stage",
            )
        mode, weights = self.training, list(self.encoder.parameters())
        self.eval()
        maps = self.encoder(torch.zeros(1, 3, 2 * STRIDES[-1], 2 * STRIDES[-1]))[:frozen_maps]
        gradients = torch.autograd.grad(sum(values.sum() for values in maps), weights, allow_unused=True)
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.requires_grad_(gradient is None)
        self.train(mode)

    def freeze_statistics(self) -> None:
        """Keep the batch-norm statistics of the encoder: from now on it normalizes by them in training, too."""
        self.statistics_are_frozen = True
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Set training or evaluation mode; what is frozen stays in evaluation mode, so that its statistics stay."""
        super().train(mode)
        if self.encoder_is_frozen:
            self.encoder.eval()
        for module in self.encoder.modules():
            if isinstance(module, (nn.BatchNorm2d, nn.SyncBatchNorm)) and (
                self.statistics_are_frozen or not all(weight.requires_grad for weight in module.parameters())
            ):
                module.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (B, C, H, W) of RGB images 0..255, uint8 or float, (B, 3, H, W) of any size.

        In training mode, where H and W are multiples of 32, the logits keep the stride k of the decoder,
        (B, C, H / k, W / k): the objective takes them like this, and to enlarge them costs as much as the decoder.

        Images whose sides are no multiples of 32 are padded at the bottom and right with the mean color, as in
        augmentation, and the logits are cut back. Logits of a decoder with a stride above 1 are enlarged, bilinear,
        corners not aligned.
        """
        height, width = images.shape[-2:]
        x = (images.float() - self.mean) / self.std
        pad_bottom, pad_right = -height % STRIDES[-1], -width % STRIDES[-1]
        if pad_bottom or pad_right:
            x = F.pad(x, (0, pad_right, 0, pad_bottom))
        x = x.contiguous(memory_format=self.layout(x.device))
        logits: Tensor = self.head(self.decoder(self.encoder(x)))
        if self.training and x.shape[-2:] == (height, width):
            return logits
        if logits.shape[-2:] != x.shape[-2:]:
            logits = F.interpolate(logits, x.shape[-2:], mode="bilinear", align_corners=False)
        return logits[..., :height, :width]
