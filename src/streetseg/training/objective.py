"""The objective: what training minimizes.

Cross-entropy over the pixels that count, plus a region term that looks at whole classes:
- Dice: 1 - the soft Dice coefficient of each class over the batch (Milletari et al. 2016, arXiv:1606.04797);
- Tversky: the same, with weights for false positives and false negatives (Salehi et al. 2017, arXiv:1706.05721);
- Lovász-softmax: the Lovász extension of each class's Jaccard loss (Berman et al. 2018, arXiv:1705.08790).
All average over the classes that are present in the ground truth of the batch. A batch in which every pixel is ignored
has the loss 0. The focal loss (Lin et al. 2017, arXiv:1708.02002) can take the place of cross-entropy. Pixels near a
border between classes may have another weight in it.

Where several ranks share a batch, sums are taken over all ranks before anything is divided. So the loss is that of the
whole batch, the same on each rank, even if the shares are unequal. Two terms are no sums: OHEM takes the hardest pixels
of each rank's own share, and Lovász-softmax is the mean over the ranks of the loss of each share.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from streetseg.data.class_weights import weights_of_classes
from streetseg.recipe.schema import Loss
from streetseg.runtime.distributed import ALONE, Ranks
from streetseg.training.dice_ce import SoftmaxSums, softmax_sums

# Replaces a total weight of 0. Its inverse is the gradient of a mean: it must stay a finite float32 when many ranks add
# theirs. The inverse of the smallest float32 overflows on four ranks, and infinity times a weight of 0 is NaN.
LEAST = 1e-30

Terms = dict[str, Tensor]


class Objective(nn.Module):
    """Named loss terms and their weighted sum.

    Args:
        settings: which terms, and their weights.
        class_pixels: pixels of each class in the training split, for balanced class weights.
        names: of the classes, for class weights by name.
        ignore_index: the label of pixels that count nowhere.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        settings: Loss,
        class_pixels: Sequence[int] | NDArray[np.int64],
        ignore_index: int,
        names: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.ignore_index = ignore_index
        names = [str(i) for i in range(len(class_pixels))] if names is None else names
        weights = weights_of_classes(settings.class_weights, names, class_pixels)
        self.register_buffer("class_weights", None if weights is None else torch.from_numpy(weights).float())

    @property
    def obstacle(self) -> str | None:
        """Why a step with this loss cannot be recorded as a CUDA graph; None: it can."""
        if self.settings.ohem is not None:
            return "loss.ohem waits for the GPU to count pixels"
        if self.settings.region == "lovasz":
            return "loss.region=lovasz waits for the GPU to count pixels and classes"
        return None

    def forward(self, logits: Tensor, labels: Tensor, ranks: Ranks = ALONE) -> tuple[Tensor, Terms]:
        """Return the loss of logits (B, C, h, w) and labels uint8 (B, H, W), and its terms.

        H and W are k times h and w: each logit stands for a cell of k x k label pixels. The images may be this rank's
        share of a batch; `ranks` have the other shares.
        """
        settings = self.settings
        of_pixels = None
        if settings.border_weight != 1:
            of_pixels = border_weights(labels, settings.border, settings.border_weight, self.ignore_index)
        sums = softmax_sums(logits, labels, self.class_weights, self.ignore_index, of_pixels)
        if settings.ohem is None and settings.focal is None and not settings.label_smoothing:
            if of_pixels is not None:
                weight = sums.weight
            elif self.class_weights is not None:
                weight = sums.ground_truth @ self.class_weights
            else:
                weight = sums.ground_truth.sum()
            cross_entropy = mean(sums.cross_entropy, weight, ranks)
        else:
            cross_entropy = self.cross_entropy(log_probabilities_at(labels, logits), labels, ranks, of_pixels)
        terms = {"cross_entropy" if settings.focal is None else "focal": cross_entropy}
        match settings.region:
            case "dice":
                terms["dice"] = settings.region_weight * tversky_loss(sums, 0.5, 0.5, ranks)
            case "tversky":
                terms["tversky"] = settings.region_weight * tversky_loss(sums, *settings.tversky, ranks)
            case "lovasz":
                probabilities, counted = log_probabilities_at(labels, logits).exp(), labels != self.ignore_index
                lovasz = lovasz_softmax(probabilities, labels.long(), counted, ranks)
                terms["lovasz"] = settings.region_weight * lovasz
        return torch.stack(list(terms.values())).sum(), terms

    def cross_entropy(
        self, log_probabilities: Tensor, labels: Tensor, ranks: Ranks = ALONE, of_pixels: Tensor | None = None
    ) -> Tensor:
        """Return weighted, smoothed or focal cross-entropy; with OHEM, of the hardest pixels only.

        `of_pixels`, float (B, H, W), are factors on the weights of the pixels.

        Weights and smoothing are as torch defines them. The focal loss of a pixel with probability p of its label is
        -weight (1 - p)^focal log p.
        """
        smoothing, focal, keep = self.settings.label_smoothing, self.settings.focal, self.settings.ohem
        target, counted = labels.long(), labels != self.ignore_index
        pixels = F.nll_loss(
            log_probabilities, target, self.class_weights, ignore_index=self.ignore_index, reduction="none"
        )
        if focal is not None:
            log_p = -F.nll_loss(log_probabilities, target, ignore_index=self.ignore_index, reduction="none")
            # At p = 1 and a power below 1 the slope of (1 - p)^focal is infinite; the loss there is 0 all the same.
            pixels = pixels * (1 - log_p.exp()).clamp(min=torch.finfo(log_p.dtype).eps) ** focal
        if smoothing:
            per_class = log_probabilities
            if self.class_weights is not None:
                per_class = per_class * self.class_weights.view(1, -1, 1, 1)
            pixels = (1 - smoothing) * pixels - smoothing * per_class.mean(dim=1) * counted
        if self.class_weights is None:
            weights = counted
        else:
            weights = self.class_weights[target.clamp(max=len(self.class_weights) - 1)] * counted
        if of_pixels is not None:
            pixels, weights = pixels * of_pixels, weights * of_pixels
        if keep is not None:
            here = int(counted.sum())
            hardest = pixels[counted].topk(min(here, max(1, round(keep * here)))).indices
            pixels, weights = pixels[counted][hardest], weights[counted][hardest]
        return mean(pixels.sum(), weights.sum(), ranks)


class OwnObjective(nn.Module):
    """A loss of the caller's own, in place of the recipe's.

    Args:
        function: logits float32 (B, C, H, W) and labels int64 (B, H, W) -> a number. It treats pixels of the ignore
            index (255) itself, as with `cross_entropy(..., ignore_index=255)`.
    """

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    @property
    def obstacle(self) -> str:
        """Why a step with this loss cannot be recorded as a CUDA graph."""
        return "the loss is the caller's own"

    def forward(self, logits: Tensor, labels: Tensor, ranks: Ranks = ALONE) -> tuple[Tensor, Terms]:
        """Return the loss of logits (B, C, h, w) and labels uint8 (B, H, W), and the same as the only term."""
        logits = logits.float()
        if labels.shape[-2:] != logits.shape[-2:]:
            logits = F.interpolate(logits, labels.shape[-2:], mode="nearest")
        loss = self.function(logits, labels.long())
        return loss, {"own_loss": loss}


def border_weights(labels: Tensor, width: int, weight: float, ignore_index: int) -> Tensor:
    """Return the weights of labels uint8 (B, H, W) by their distance from another class, float32 (B, H, W).

    It is `weight` where a pixel of another class is at most `width` rows and columns away, and 1 elsewhere. Ignored
    pixels are of no class.
    """
    counted = labels != ignore_index
    # The highest of 255 - id belongs to the lowest id. Both ends are found at once, as bytes: a pooling takes floats.
    ends = torch.stack([labels * counted, (255 - labels) * counted])
    for axis, padding in ((2, (0, 0, width, width)), (3, (width, width))):
        padded, length = F.pad(ends, padding), ends.shape[axis]
        ends = padded.narrow(axis, 0, length)
        for shift in range(1, 2 * width + 1):
            ends = torch.maximum(ends, padded.narrow(axis, shift, length))
    highest, lowest = ends.unbind()
    return torch.where(highest + lowest == 255, 1.0, weight)


def log_probabilities_at(labels: Tensor, logits: Tensor) -> Tensor:
    """Return the log-softmax float32 (B, C, H, W) of logits (B, C, h, w), repeated up to the size of the labels."""
    log_probabilities = F.log_softmax(logits.float(), dim=1)
    if labels.shape[-2:] == logits.shape[-2:]:
        return log_probabilities
    return F.interpolate(log_probabilities, labels.shape[-2:], mode="nearest")


def mean(total: Tensor, weight: Tensor, ranks: Ranks = ALONE) -> Tensor:
    """Return the weighted mean over all ranks; 0 where the total weight is 0, without a wait for the device."""
    total, weight = ranks.all_reduce_sum(torch.stack([total, weight.to(total.dtype)])).unbind()
    return total / weight.clamp(min=LEAST)


def tversky_loss(sums: SoftmaxSums, false_positives: float, false_negatives: float, ranks: Ranks = ALONE) -> Tensor:
    """Return 1 - mean soft Tversky index over the classes present; 0 where no class is.

    The index is TP / (TP + a FP + b FN) with the weights a and b of false positives and negatives. With 0.5 and 0.5 it
    is the Dice coefficient.
    """
    overlap, ground_truth, predicted = ranks.all_reduce_sum(
        torch.stack([sums.overlap, sums.ground_truth, sums.predicted])
    ).unbind()
    present = (ground_truth > 0).to(overlap.dtype)
    incorrect = false_positives * (predicted - overlap) + false_negatives * (ground_truth - overlap)
    index = overlap / (overlap + incorrect).clamp(min=LEAST)
    return ((1.0 - index) * present).sum() / present.sum().clamp(min=1.0)


def lovasz_softmax(probabilities: Tensor, target: Tensor, counted: Tensor, ranks: Ranks = ALONE) -> Tensor:
    """Return the mean over the classes present of the Lovász extension of the Jaccard loss.

    Args:
        probabilities: float32 (B, C, H, W).
        target: labels int64 (B, H, W).
        counted: bool (B, H, W), False where a pixel is ignored.
        ranks: those that share the batch.
    """
    pixels = probabilities.movedim(1, -1)[counted]
    classes = target[counted]
    losses = []
    for c in torch.unique(classes):
        ground_truth = (classes == c).to(pixels.dtype)
        errors, order = (ground_truth - pixels[:, c]).abs().sort(descending=True)
        losses.append(errors @ jaccard_steps(ground_truth[order]))
    of_these = torch.stack(losses).mean() if losses else pixels.sum()
    return mean(of_these, counted.any(), ranks)


def jaccard_steps(ground_truth: Tensor) -> Tensor:
    """Return how much the Jaccard loss grows with each further incorrect pixel, float32 (P,).

    Args:
        ground_truth: 0 or 1 of each pixel, float32 (P,), in order of falling error.
    """
    total = ground_truth.sum()
    intersection = total - ground_truth.cumsum(0)
    union = total + (1.0 - ground_truth).cumsum(0)
    jaccard = 1.0 - intersection / union
    return torch.diff(jaccard, prepend=jaccard.new_zeros(1))
