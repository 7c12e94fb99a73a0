"""Meters: what the training steps of an epoch have come to so far, and the numbers of one step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from streetseg.inference.backend_torch import argmax
from streetseg.metrics.batch_confusion import batch_confusion
from streetseg.runtime.device import summing_device
from streetseg.runtime.distributed import ALONE, Ranks


class Meters:
    """Loss and confusion counts of the steps of an epoch; part of every checkpoint.

    They stay on the device that `summing_device` names until they are read. Each rank counts its own share of every
    batch; `together` adds the ranks up.

    Args:
        num_classes: of the label space.
        device: where logits and labels are.
        ranks: those that train together.
    """

    def __init__(self, num_classes: int, device: torch.device, ranks: Ranks = ALONE) -> None:
        self.num_classes = num_classes
        self.ranks = ranks
        device = summing_device(device)
        self.steps = 0
        self.images = 0
        self.loss = torch.zeros((), dtype=torch.float64, device=device)
        self.seconds = 0.0
        self.counts = torch.zeros(num_classes * num_classes, dtype=torch.int64, device=device)
        self.ignored = torch.zeros(3, dtype=torch.int64, device=device)

    @torch.no_grad()
    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Add a step: its loss, 0-dimensional, and logits (B, C, h, w) and labels (B, H, W) of this rank's share.

        The loss is that of the whole batch. Coarser logits are repeated up to the size of the labels.
        """
        loss, ids, labels = (each.to(self.counts.device) for each in (loss, argmax(logits), labels))
        ids = F.interpolate(ids.unsqueeze(1), labels.shape[-2:], mode="nearest").squeeze(1)
        each = batch_confusion(labels, ids, self.num_classes).flatten(1)
        self.counts += each.sum(dim=0)
        pixels = each.sum(dim=1)
        nothing_counts = pixels == 0
        # A batch whose loss is 0 has no pixel that counts on any rank; only rank 0 counts it.
        whole_batch = nothing_counts.all() & (loss == 0.0) & self.ranks.is_main
        self.ignored += torch.stack([labels.numel() - pixels.sum(), nothing_counts.sum(), whole_batch])
        self.loss += loss.double() * len(labels)
        self.images += len(labels)
        self.steps += 1

    def together(self) -> "Meters":
        """Return the sum over the ranks, the same on all of them. All ranks call this at the same point."""
        if self.ranks.world == 1:
            return self
        numbers = torch.cat([self.counts.cpu(), self.ignored.cpu(), torch.tensor([self.images])])
        summed = torch.from_numpy(self.ranks.sum(numbers.numpy())).to(self.counts.device)
        whole = Meters(self.num_classes, self.counts.device)
        whole.counts, whole.ignored = summed[: len(self.counts)], summed[len(self.counts) : -1]
        whole.images = int(summed[-1])
        whole.loss = torch.from_numpy(self.ranks.sum(self.loss.view(1).cpu().numpy()))[0].to(self.counts.device)
        whole.steps, whole.seconds = self.steps, self.seconds
        return whole

    def matrix(self) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
        """Return the confusion matrix int64 (C, C): rows are ground truth, columns are predictions."""
        return self.counts.view(self.num_classes, self.num_classes).cpu().numpy()

    def ignored_counts(self) -> dict[str, int]:
        """Return how many pixels, whole crops and whole batches the objective ignored, for the journal."""
        names = ("ignored_pixels", "ignored_only_crops", "ignored_only_batches")
        return dict(zip(names, self.ignored.tolist(), strict=True))

    def state_dict(self) -> dict[str, Any]:
        """Return the content for a checkpoint; call it on what `together` returned."""
        return {name: value for name, value in vars(self).items() if name not in ("num_classes", "ranks")}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the content of a checkpoint: rank 0 gets the counts of all ranks, the others begin with zeros."""
        for name, value in state.items():
            if self.ranks.is_main or name in ("steps", "seconds"):
                setattr(self, name, value.to(self.counts.device) if isinstance(value, Tensor) else value)


@dataclass(frozen=True)
class StepNumbers:
    """The numbers of a step. They are read late: a GPU still computes them when the next step is handed to it.

    Args:
        epoch: counted from 1.
        step: of the run, counted from 1.
        lr: learning rate of the decoder and the head.
        images: paths of this rank's images.
        names: the names of the numbers.
        values: float32 (numbers,) in main memory, complete after `arrival`.
        arrival: the event on the GPU after which `values` may be read; None where they may be read at once.
    """

    epoch: int
    step: int
    lr: float
    images: Sequence[str]
    names: tuple[str, ...]
    values: Tensor
    arrival: torch.cuda.Event | None

    @classmethod
    def send(
        cls, epoch: int, step: int, lr: float, images: Sequence[str], numbers: Mapping[str, Tensor]
    ) -> "StepNumbers":
        """Start the copy of `numbers`, 0-dimensional tensors on one device, to main memory, without waiting for it."""
        values = torch.stack(list(numbers.values())).float()
        device, arrival = values.device, None
        if device.type == "cuda":
            there = torch.empty(values.shape, pin_memory=True)
            values = there.copy_(values, non_blocking=True)
            arrival = torch.cuda.Event()  # type: ignore[no-untyped-call]
            arrival.record(torch.cuda.current_stream(device))  # the current stream of cuda:0 would be the default
        return cls(epoch, step, lr, images, tuple(numbers), values, arrival)

    def read(self) -> dict[str, float]:
        """Return the numbers by name; wait until they have arrived."""
        if self.arrival is not None:
            self.arrival.synchronize()
        return dict(zip(self.names, self.values.tolist(), strict=True))
