"""AdamW with the encoder's own learning rate."""

import torch
from torch import Tensor

from streetseg.models.network import Segmenter
from streetseg.recipe.schema import Optim


def make_optimizer(segmenter: Segmenter, settings: Optim, *, pretrained: bool) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101) over six groups: encoder, decoder and head, decayed or not.

    Each group's `peak_lr` is what the schedule scales. A pretrained encoder moves by `encoder_lr` times the rate.
    """
    encoder_lr = settings.lr * (settings.encoder_lr if pretrained else 1.0)
    groups = []
    for module, lr in (
        (segmenter.encoder, encoder_lr),
        (segmenter.decoder, settings.lr),
        (segmenter.head, settings.lr),
    ):
        matrices = [p for p in module.parameters() if p.ndim > 1]
        vectors = [p for p in module.parameters() if p.ndim <= 1]
        groups.append({"params": matrices, "lr": lr, "peak_lr": lr, "weight_decay": settings.weight_decay})
        groups.append({"params": vectors, "lr": lr, "peak_lr": lr, "weight_decay": 0.0})
    return torch.optim.AdamW(groups, fused=True)


def set_lr(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Scale every group's peak learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak_lr"] * factor


def hold_where(optimizer: torch.optim.Optimizer, flag: Tensor) -> None:
    """Let `step` change nothing while `flag`, float32 and 0-dimensional on the optimiser's device, is 1 and not 0.

    It is how torch's own GradScaler tells a fused optimiser of an overflow: the device decides, and nobody waits.
    """
    optimizer.found_inf = flag  # type: ignore[attr-defined]
