"""What the training steps of an epoch have come to so far."""

from typing import Any

import numpy as np
import torch
from torch import Tensor


class Tally:
    """Loss and counts of an epoch's steps, kept on the device until they are read, and taken along in a checkpoint.

    Args:
        num_classes: of the label space.
        device: where logits and labels are.
    """

    def __init__(self, num_classes: int, device: torch.device) -> None:
        self.num_classes = num_classes
        self.steps = 0
        self.images = 0
        self.loss = 0.0
        self.seconds = 0.0
        self.counts = torch.zeros(num_classes * num_classes, dtype=torch.int64, device=device)
        self.ignored = torch.zeros(3, dtype=torch.int64, device=device)

    @torch.no_grad()
    def add(self, loss: float, logits: Tensor, labels: Tensor) -> None:
        """Take in one step's loss, logits (B, C, H, W) and labels uint8 (B, H, W)."""
        counted = labels < self.num_classes
        pairs = labels.long() * self.num_classes + logits.argmax(dim=1)
        self.counts += torch.bincount(pairs[counted], minlength=len(self.counts))
        nothing_counts = ~counted.flatten(1).any(dim=1)
        self.ignored += torch.stack([(~counted).sum(), nothing_counts.sum(), nothing_counts.all().long()])
        self.loss += loss * len(labels)
        self.images += len(labels)
        self.steps += 1

    def matrix(self) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
        """int64 (C, C), rows are truth."""
        return self.counts.view(self.num_classes, self.num_classes).cpu().numpy()

    def ignored_counts(self) -> dict[str, int]:
        """How many pixels, whole crops and whole batches the objective left out, for the journal."""
        names = ("ignored_pixels", "ignored_only_crops", "ignored_only_batches")
        return dict(zip(names, self.ignored.tolist(), strict=True))

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {name: value for name, value in vars(self).items() if name != "num_classes"}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """From a checkpoint."""
        for name, value in state.items():
            setattr(self, name, value.to(self.counts.device) if isinstance(value, Tensor) else value)
