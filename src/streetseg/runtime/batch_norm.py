"""Batch norm whose statistics cover the whole batch, of which each rank holds a part."""

import torch
from timm.layers.norm_act import convert_sync_batchnorm
from torch import Tensor, nn

from streetseg.runtime.distributed import all_reduce_sum


def share_batch_norm(network: nn.Module) -> None:
    """Let every batch norm of a network compute its training statistics over all ranks.

    Weights, buffers and their names do not change. On GPUs this uses torch's SyncBatchNorm. Torch has none for the CPU;
    there `SharedBatchNorm` is used.
    """
    if next(network.parameters()).device.type == "cuda":
        # The conversion of torch would remove the activations that timm fuses into its norms.
        convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        return
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, SharedBatchNorm(child))


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch norm with statistics over all ranks, with the dropout and activation that a norm of timm contains.

    Args:
        norm: the batch norm to replace; its weights and buffers are used, not copied.

    Means and variances of the ranks are combined as those of parts of one sample (Chan, Golub & LeVeque 1979,
    "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances"), which avoids cancellation.
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
        """Normalize this rank's part of the batch, (B, C, H, W); shape and dtype stay the same."""
        normalized: Tensor = self.act(self.drop(self.normalize(x) if self.training else super().forward(x)))
        return normalized

    def normalize(self, x: Tensor) -> Tensor:
        """Normalize this rank's part, (B, C, H, W), by mean and variance of the whole batch."""
        values = x.float()
        local_variance, local_mean = torch.var_mean(values, dim=(0, 2, 3), correction=0)
        local_count = torch.full_like(local_mean, values.numel() / self.num_features)
        count = all_reduce_sum(local_count)
        mean = all_reduce_sum(local_count * local_mean) / count
        variance = all_reduce_sum(local_count * (local_variance + (local_mean - mean).square())) / count
        self.update_running_stats(mean.detach(), (variance * count / (count - 1)).detach())
        scale = self.weight * torch.rsqrt(variance + self.eps)
        mean, scale, bias = (numbers.view(1, -1, 1, 1) for numbers in (mean, scale, self.bias))
        return ((values - mean) * scale + bias).to(x.dtype)

    def update_running_stats(self, mean: Tensor, unbiased_variance: Tensor) -> None:
        """Update the running statistics, which are used after the training; mean and variance (C,), float32."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(unbiased_variance, self.momentum)
        self.num_batches_tracked += 1
