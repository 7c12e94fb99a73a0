"""The sums behind cross-entropy and Dice, compared with torch's functions and autograd."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from streetseg.recipe.schema import Loss
from streetseg.training.dice_ce import class_sums, class_sums_in_pairs, softmax_sums
from streetseg.training.objective import Objective

CLASSES, IGNORE = 5, 255


def batch(cell: int, *, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Return logits (2, 5, 4, 6) that require a gradient, and labels of cell x cell pixels for each, some ignored."""
    generator = torch.Generator().manual_seed(cell)
    logits = torch.randn(2, CLASSES, 4, 6, generator=generator, dtype=dtype).mul_(3).requires_grad_()
    labels = torch.randint(0, CLASSES + 1, (2, 4 * cell, 6 * cell), generator=generator)
    labels[labels == CLASSES] = IGNORE
    return logits, labels.to(torch.uint8)


def by_autograd(logits: Tensor, labels: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    enlarged = F.interpolate(logits, labels.shape[-2:], mode="nearest")
    counted = (labels != IGNORE).unsqueeze(1)
    p = enlarged.softmax(1) * counted
    ground_truth = F.one_hot(labels.clamp(max=CLASSES - 1).long(), CLASSES).permute(0, 3, 1, 2)
    cross_entropy = F.cross_entropy(enlarged, labels.long(), weights, ignore_index=IGNORE, reduction="sum")
    return cross_entropy, (p * ground_truth).sum((0, 2, 3)), p.sum((0, 2, 3))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("cell", [1, 2, 4])
def test_values_and_gradients(cell: int, weighted: bool) -> None:
    logits, labels = batch(cell)
    weights = torch.linspace(0.2, 3, CLASSES) if weighted else None
    directions = [torch.tensor(1.7), *torch.randn(2, CLASSES, generator=torch.Generator().manual_seed(9))]

    ours = softmax_sums(logits, labels, weights, IGNORE)
    expected = by_autograd(logits, labels, None if weights is None else weights.double())

    assert ours.ground_truth.tolist() == [int((labels == c).sum()) for c in range(CLASSES)]
    for found, needed, direction in zip(ours[:3], expected, directions, strict=True):
        torch.testing.assert_close(found.double(), needed, rtol=1e-5, atol=1e-5)
        gradients = [torch.autograd.grad((s * direction).sum(), logits, retain_graph=True)[0] for s in (found, needed)]
        torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-5)


def test_logits_in_half_precision_get_a_gradient_in_theirs() -> None:
    logits, labels = batch(2, dtype=torch.bfloat16)

    sums = softmax_sums(logits, labels, None, IGNORE)
    (gradient,) = torch.autograd.grad(sums.cross_entropy, logits)

    assert (sums.cross_entropy.dtype, gradient.dtype) == (torch.float32, torch.bfloat16)


def test_a_hopeless_pixel_costs_much_and_not_infinitely() -> None:
    logits = torch.zeros(1, 2, 1, 1)
    logits[0, 1] = 500.0  # its exponential is beyond float32
    logits.requires_grad_()

    sums = softmax_sums(logits, torch.zeros(1, 1, 1, dtype=torch.uint8), None, IGNORE)
    (gradient,) = torch.autograd.grad(sums.cross_entropy, logits)

    assert sums.cross_entropy.item() == 500.0
    assert gradient.flatten().tolist() == [-1.0, 1.0]


@pytest.mark.parametrize(
    "settings", [Loss(), Loss(ohem=0.3), Loss(region="lovasz", label_smoothing=0.1), Loss(border_weight=0.3)], ids=str
)
def test_coarse_logits_count_as_if_they_were_repeated(settings: Loss) -> None:
    logits, labels = batch(2, dtype=torch.float32)
    objective = Objective(settings, [100] * CLASSES, IGNORE)

    coarse = objective(logits, labels)[0]
    repeated = objective(F.interpolate(logits, scale_factor=2.0, mode="nearest"), labels)[0]

    torch.testing.assert_close(coarse, repeated)
    torch.testing.assert_close(torch.autograd.grad(coarse, logits), torch.autograd.grad(repeated, logits))


def test_without_float64_the_sums_of_classes_are_as_exact() -> None:
    """MPS has no float64. A running sum in float32 over 1.5 million pixels would be wrong in the third digit."""
    values = torch.rand(2, 1 << 21, generator=torch.Generator().manual_seed(0))
    index = torch.zeros(1 << 21, dtype=torch.int64)
    index[::4] = 2
    torch.testing.assert_close(
        class_sums_in_pairs(values, index, CLASSES), class_sums(values, index, CLASSES), rtol=1e-6, atol=0
    )
