"""The peer of the training benchmarks: a step of segmentation_models.pytorch's Unet."""

from collections.abc import Callable

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from streetseg.labels.space import IGNORE_INDEX
from streetseg.runtime.precision import Precision


def smp_step(
    encoder: str,
    images: Tensor,
    labels: Tensor,
    classes: int,
    precision: Precision,
    *,
    at_its_best: bool,
    clip: float | None,
) -> Callable[[], None]:
    """Return a step of the peer: forward, loss, backward and optimizer.

    The peer has the same timm encoder, its own Dice loss, and torch's cross-entropy.

    Args:
        images: uint8 (B, 3, H, W) on the device of the step; converted to float32 before, which is not measured.
        labels: uint8 (B, H, W).
        at_its_best: channels_last, fused optimizer, and compiled on a GPU; otherwise as commonly written.
        clip: the largest norm of the gradient; None for no clipping.
    """
    torch.manual_seed(0)
    device = images.device
    network: nn.Module = smp.Unet(f"tu-{encoder}", encoder_weights=None, classes=classes).to(device).train()
    images, labels = images.contiguous().float() / 255, labels.long()
    if at_its_best:
        network.to(memory_format=torch.channels_last)
        images = images.contiguous(memory_format=torch.channels_last)
    compiled = at_its_best and device.type == "cuda"
    called = torch.compile(network, mode="reduce-overhead") if compiled else network
    dice = smp.losses.DiceLoss("multiclass", ignore_index=IGNORE_INDEX)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=at_its_best)

    def step() -> None:
        optimizer.zero_grad()
        with precision.autocast(device):
            logits = called(images).float()
        loss = F.cross_entropy(logits, labels, ignore_index=IGNORE_INDEX) + dice(logits, labels)
        loss.backward()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(network.parameters(), clip)
        optimizer.step()

    return step
