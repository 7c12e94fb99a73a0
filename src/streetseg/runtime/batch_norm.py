"""Batch norm over a whole batch that several ranks share."""

import torch
from timm.layers.norm_act import convert_sync_batchnorm
from torch import Tensor, nn

from streetseg.runtime.distributed import all_reduce_sum


def share_batch_norm(network: nn.Module) -> None:
    """Let every batch norm of a network take its statistics over all ranks while it trains.

    Weights, buffers and their names stay as they are. On GPUs it is torch's own SyncBatchNorm; on the CPU, where torch
    has none, `SharedBatchNorm`.
    """
    if next(network.parameters()).device.type == "cuda":
        # torch's own conversion would drop the activations that timm fuses into its norms.
        convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        return
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, SharedBatchNorm(child))


class SharedBatchNorm(nn.BatchNorm2d):
    """A batch norm over all ranks, with whatever follows it in a norm of timm's.

    Args:
        norm: the batch norm whose place it takes; its weights and buffers are used, not copied.

    Each rank's mean and variance are put together as those of parts of one sample (Chan, Golub & LeVeque 1979,
    "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances"), so that nothing cancels.
    """

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum)
        self.weight, self.bias = norm.weight, norm.bias
        self.running_mean, self.running_var = norm.running_mean, norm.running_var
        self.num_batches_tracked = norm.num_batches_tracked
        self.drop = getattr(norm, "drop", nn.Identity())
        self.act = getattr(norm, "act", nn.Identity())
        self.train(norm.training)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W), this rank's share of the batch -> the same shape and dtype."""
        normal: Tensor = self.act(self.drop(self.of_whole_batch(x) if self.training else super().forward(x)))
        return normal

    def of_whole_batch(self, x: Tensor) -> Tensor:
        """The share, normalized by mean and variance of the whole batch."""
        values = x.float()
        variance, mean = torch.var_mean(values, dim=(0, 2, 3), correction=0)
        here = torch.full_like(mean, values.numel() / self.num_features)
        count = all_reduce_sum(here)
        mean_of_all = all_reduce_sum(here * mean) / count
        variance_of_all = all_reduce_sum(here * (variance + (mean - mean_of_all).square())) / count
        self.remember(mean_of_all.detach(), (variance_of_all * count / (count - 1)).detach())
        scale = self.weight * torch.rsqrt(variance_of_all + self.eps)
        mean, scale, bias = (numbers.view(1, -1, 1, 1) for numbers in (mean_of_all, scale, self.bias))
        return ((values - mean) * scale + bias).to(x.dtype)

    def remember(self, mean: Tensor, unbiased_variance: Tensor) -> None:
        """The running statistics that are used after training."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(unbiased_variance, self.momentum)
        self.num_batches_tracked += 1
