"""The sums over pixels that cross-entropy and Dice are made of, with a gradient written by hand.

By hand, although autograd could do it: for the two losses, autograd keeps a dozen tensors of the size of the logits.
Here it is one, and the backward pass makes one more. Logits may be coarser than labels: each stands for a cell of k x k
label pixels, as if it were repeated, but no tensor of that size is made.
"""

from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from torch.nn import functional as F


class SoftmaxSums(NamedTuple):
    """Sums over all pixels that are not ignored, with p the softmax of the logits of a pixel and t its label.

    Args:
        cross_entropy: scalar, the sum of -weight[t] log p[t].
        overlap: (C,), for each class the sum of p[t] over the pixels with that label.
        predicted: (C,), the sum of p.
        ground_truth: (C,), the number of pixels with that label; it has no gradient.
        weight: scalar, the sum of the weights of cross-entropy; it has no gradient.
    """

    cross_entropy: Tensor
    overlap: Tensor
    predicted: Tensor
    ground_truth: Tensor
    weight: Tensor


def cells(labels: Tensor, logits: Tensor) -> Tensor:
    """Return labels (B, k h, k w) as cells (B, k * k, h, w) of the logits (B, C, h, w)."""
    return F.pixel_unshuffle(labels.unsqueeze(1), labels.shape[-1] // logits.shape[-1])


def softmax_sums(
    logits: Tensor, labels: Tensor, weights: Tensor | None, ignore_index: int, of_pixels: Tensor | None = None
) -> SoftmaxSums:
    """Return the sums, differentiable with respect to the logits, without a wait for the device.

    Args:
        logits: float (B, C, h, w).
        labels: uint8 (B, k h, k w), 0..C-1 or `ignore_index`, which counts nowhere.
        weights: float (C,), the weight of each class in cross-entropy; None for 1.
        ignore_index: the label of pixels that are ignored.
        of_pixels: float (B, k h, k w), factors on the weights of the pixels in cross-entropy; None for 1.
    """
    sums = _SoftmaxSums.apply(logits, labels, weights, ignore_index, of_pixels)
    return SoftmaxSums(*cast(tuple[Tensor, Tensor, Tensor, Tensor, Tensor], sums))


def class_sums(values: Tensor, index: Tensor, classes: int) -> Tensor:
    """Sum float32 (K, pixels) over the pixels of each class: (K, classes). `index`, (pixels,), holds their classes."""
    # A class may have millions of pixels: summed one by one in float32 it would be wrong in the third digit.
    sums = torch.zeros(len(values), classes, dtype=torch.float64, device=values.device)
    return sums.index_add_(1, index, values.double()).float()


def class_sums_in_pairs(values: Tensor, index: Tensor, classes: int) -> Tensor:
    """Return the same where there is no float64 (MPS): class by class, as torch adds up a whole row in pairs."""
    return torch.stack([(values * (index == i)).sum(dim=1) for i in range(classes)], dim=1)


class _SoftmaxSums(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, labels: Tensor, weights: Tensor | None, ignore_index: int, of_pixels: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        classes = logits.shape[1]
        ground_truth = cells(labels, logits)
        counted = (ground_truth != ignore_index).float()
        log_p = F.log_softmax(logits.float(), dim=1)
        index = ground_truth.clamp(max=classes - 1).long()
        weight = counted if weights is None else weights[index] * counted
        if of_pixels is not None:
            weight = weight * cells(of_pixels, logits)
        log_p_true = log_p.gather(1, index)
        p = log_p.exp_()
        p_true = log_p_true.exp() * counted
        times = counted.sum(dim=1, keepdim=True)
        sums = class_sums_in_pairs if p.device.type == "mps" else class_sums
        overlap, of_ground_truth = sums(
            torch.stack([p_true.flatten(), counted.flatten()]), index.flatten(), classes
        ).unbind()
        ctx.save_for_backward(p, p_true, index, weight, times)
        total = weight.sum()
        ctx.mark_non_differentiable(of_ground_truth, total)
        ctx.dtype = logits.dtype
        return -(weight * log_p_true).sum(), overlap, (p * times).sum(dim=(0, 2, 3)), of_ground_truth, total

    @staticmethod
    def backward(
        ctx: Any, by_cross_entropy: Tensor, by_overlap: Tensor, by_predicted: Tensor, *_: Tensor
    ) -> tuple[Tensor, None, None, None, None]:
        """Return the gradient of f(p) by a logit z[c]: p[c] (f'[c] - sum of p f').

        f' is `by_predicted`, plus `by_overlap` at the class of the ground truth.
        """
        p, p_true, index, weight, times = ctx.saved_tensors
        at_true = p_true * by_overlap[index]
        weighted = weight * by_cross_entropy
        mean = torch.einsum("c,bchw->bhw", by_predicted, p).unsqueeze(1)
        common = (at_true - weighted).sum(dim=1, keepdim=True) + times * mean
        gradient = (by_predicted.view(1, -1, 1, 1) * times).sub_(common).mul_(p)
        gradient.scatter_add_(1, index, at_true - weighted)
        return gradient.to(ctx.dtype), None, None, None, None
