"""Optimization: AdamW with the encoder's own learning rate, its schedule, averaged weights, and the length of a run."""

import copy
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from streetseg.models.network import SegmentationNetwork
from streetseg.recipe.schema import Optim, Train

POLY_POWER = 0.9  # as in DeepLab, arXiv:1606.00915
START, END = 0.04, 1e-4  # one-cycle: factors at the first and the last step
FIFTHS = 5  # of the encoder, each with a rate of its own: about as many as there are scales


def make_optimizer(network: SegmentationNetwork, settings: Optim, *, pretrained: bool) -> torch.optim.AdamW:
    """Return AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101) over six groups of parameters.

    They are encoder, decoder and head, each with and without weight decay. The schedule scales the `peak_lr` of each
    group. That of a pretrained encoder is `encoder_lr_scale` times the rate; with a `layer_decay` below 1 its layers
    are ten groups in place of two.
    """
    encoder = list(network.encoder.parameters())
    if pretrained:
        rates = with_layer_decay(encoder, settings.lr * settings.encoder_lr_scale, settings.layer_decay)
    else:
        rates = [(encoder, settings.lr)]
    groups = []
    for parameters, lr in (
        *rates,
        (list(network.decoder.parameters()), settings.lr),
        (list(network.head.parameters()), settings.lr),
    ):
        matrices = [p for p in parameters if p.ndim > 1]
        vectors = [p for p in parameters if p.ndim <= 1]
        groups.append({"params": matrices, "lr": lr, "peak_lr": lr, "weight_decay": settings.weight_decay})
        groups.append({"params": vectors, "lr": lr, "peak_lr": lr, "weight_decay": 0.0})
    return torch.optim.AdamW(groups, fused=True)


def with_layer_decay(parameters: list[nn.Parameter], lr: float, decay: float) -> list[tuple[list[nn.Parameter], float]]:
    """Return parameters, first layer first, in fifths with their learning rates: `lr` for the last, each `decay` times
    that of the next. With a decay of 1 they stay together."""
    if decay == 1:
        return [(parameters, lr)]
    ends = [len(parameters) * fifth // FIFTHS for fifth in range(FIFTHS + 1)]
    return [
        (parameters[first:end], lr * decay ** (FIFTHS - fifth))
        for fifth, (first, end) in enumerate(pairwise(ends), start=1)
    ]


def follow_layout(optimizer: torch.optim.Optimizer) -> None:
    """Give the moments of a checkpoint the memory layout of their weights.

    A fused step pairs weights and moments by their place in memory: on a CPU it moves weights by the moments of others
    where the layouts differ, on a GPU it refuses them. One device may keep a network in another layout than the next.
    """
    for parameter, moments in optimizer.state.items():
        for name, moment in moments.items():
            if isinstance(moment, Tensor) and moment.shape == parameter.shape and moment.stride() != parameter.stride():
                moments[name] = torch.empty_like(parameter, requires_grad=False).copy_(moment)


def set_lr(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set the learning rate of every group to its peak rate times `factor`."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak_lr"] * factor


def hold_where(optimizer: torch.optim.Optimizer, flag: Tensor) -> None:
    """Let `step` change nothing while `flag`, float32 and 0-dimensional on the optimizer's device, is 1 and not 0.

    torch's GradScaler tells a fused optimizer of an overflow in this way. The device decides: the CPU does not wait.
    """
    optimizer.found_inf = flag  # type: ignore[attr-defined]


def lr_factor(step: int, steps: int, settings: Optim) -> float:
    """Return the factor 0..1 on the learning rate at a step.

    Args:
        step: 0..steps-1.
        steps: the number of steps of the whole run.
        settings: schedule and share of warm-up. "poly" rises in a line and falls as (1 - t)^0.9; "one-cycle" rises and
            falls as half cosines (Smith 2018, arXiv:1708.07120).
    """
    warmup = round(settings.warmup * steps)
    if step < warmup:
        rise = (step + 1) / warmup
        return rise if settings.schedule == "poly" else between(START, 1.0, rise)
    fall = (step - warmup) / max(1, steps - warmup)
    return (1.0 - fall) ** POLY_POWER if settings.schedule == "poly" else between(1.0, END, fall)


def between(first: float, last: float, t: float) -> float:
    """Return the value at t of half a cosine from `first` at t = 0 to `last` at t = 1."""
    return last + (first - last) * (1.0 + math.cos(math.pi * t)) / 2.0


class ExponentialAverage:
    """An exponential moving average of a network's weights and batch-norm statistics.

    Args:
        network: the network that is averaged, on its device; `self.network` is the averaged copy, in evaluation mode.
        decay: share of the old average kept at each step; early on less, (1 + n) / (10 + n), so that the first
            weights are soon forgotten.
    """

    def __init__(self, network: SegmentationNetwork, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._averaged, self._current = floats(self.network), floats(network)
        self.decay = decay
        self.updates = 0

    @torch.no_grad()
    def update(self) -> None:
        """Add the weights after a step to the average."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        torch._foreach_lerp_(self._averaged, self._current, 1.0 - decay)

    def state_dict(self) -> dict[str, Any]:
        """Return the content for a checkpoint."""
        return {"network": self.network.state_dict(), "updates": self.updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the content of a checkpoint."""
        self.network.load_state_dict(state["network"])
        self.updates = state["updates"]


def floats(network: nn.Module) -> list[Tensor]:
    """Return all floating-point parameters and buffers in a fixed order: the tensors themselves, not copies."""
    return [tensor for tensor in (*network.parameters(), *network.buffers()) if tensor.is_floating_point()]


@dataclass(frozen=True)
class Length:
    """The length of a run.

    Args:
        epochs: the number of epochs; the last may end early.
        of_epoch: steps of a whole epoch.
        steps: steps of the whole run. The last epoch ends early where they are no multiple of `of_epoch`.
    """

    epochs: int
    of_epoch: int
    steps: int

    def steps_in(self, epoch: int) -> int:
        """Return the number of steps of an epoch, counted from 1."""
        return min(self.of_epoch, self.steps - (epoch - 1) * self.of_epoch)


def is_validated(epoch: int, epochs: int, train: Train) -> bool:
    """Return whether the network is validated after an epoch, counted from 1, of `epochs`."""
    return epoch % train.validate_every == 0 or epoch == epochs


def length_of(train: Train, of_epoch: int) -> Length:
    """Return epochs and steps of the run; `of_epoch` is the number of steps of a whole epoch."""
    if train.steps is None:
        return Length(train.epochs, of_epoch, train.epochs * of_epoch)
    return Length(-(-train.steps // max(1, of_epoch)), of_epoch, train.steps)
