"""The objective, compared with other libraries and a naive loop; ignored pixels have no effect."""

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
import segmentation_models_pytorch as smp
import torch
from torch import Tensor
from torch.nn import functional as F

from streetseg.errors import RequestError
from streetseg.recipe.schema import Loss
from streetseg.runtime.distributed import Ranks
from streetseg.training.objective import Objective, jaccard_steps, lovasz_softmax

CLASSES, IGNORE = 5, 255
PIXELS = [1000, 10, 400, 0, 90]  # of each class in the training split

EVERY_KIND = [
    Loss(region=region, class_weights=weights, ohem=ohem, label_smoothing=smoothing, region_weight=0.7)
    for region, weights, ohem, smoothing in product(
        ("none", "dice", "lovasz"), ("none", "mild", "balanced"), (None, 0.3), (0.0, 0.1)
    )
] + [
    Loss(region=region, class_weights=weights, ohem=ohem, focal=focal)
    for region, weights, ohem, focal in product(
        ("none", "tversky"), ("none", (1.0, 4.0, 0.5, 2.0, 3.0)), (None, 0.3), (None, 0.5, 2.0)
    )
]
EVERY_KIND += [Loss(border=1, border_weight=3.0, class_weights="mild", ohem=ohem) for ohem in (None, 0.3)]


def names(settings: Loss) -> str:
    parts = (settings.region, settings.class_weights, settings.ohem, settings.focal, settings.label_smoothing)
    return "-".join(map(str, (*parts, settings.border_weight)))


def objective(**settings: Any) -> Objective:
    return Objective(Loss(**settings), PIXELS, IGNORE)


def batch(*, seed: int = 0, ignored: float = 0.2, classes: int = CLASSES) -> tuple[Tensor, Tensor]:
    """Return logits (2, 5, 6, 7) that require a gradient, and labels uint8 (2, 6, 7)."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, CLASSES, 6, 7, generator=generator).mul_(2).requires_grad_()
    labels = torch.randint(0, classes, (2, 6, 7), generator=generator)
    labels[torch.rand(2, 6, 7, generator=generator) < ignored] = IGNORE
    return logits, labels.to(torch.uint8)


def value_and_gradient(settings: Loss, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    logits = logits.detach().requires_grad_()
    loss, _ = Objective(settings, PIXELS, IGNORE)(logits, labels)
    return loss.detach(), torch.autograd.grad(loss, logits)[0]


def probabilities(logits: Tensor) -> Tensor:
    return logits.log_softmax(dim=1).exp()


# Against other implementations


@pytest.mark.parametrize("smoothing", [0.0, 0.15])
@pytest.mark.parametrize("class_weights", ["none", "mild", "balanced"])
def test_cross_entropy_is_torch_s_own(class_weights: str, smoothing: float) -> None:
    logits, labels = batch()
    ours = objective(region="none", class_weights=class_weights, label_smoothing=smoothing)

    loss, terms = ours(logits, labels)

    expected = F.cross_entropy(
        logits, labels.long(), ours.class_weights, ignore_index=IGNORE, label_smoothing=smoothing
    )
    torch.testing.assert_close(loss, expected)
    assert terms.keys() == {"cross_entropy"}
    torch.testing.assert_close(torch.autograd.grad(loss, logits), torch.autograd.grad(expected, logits))


def test_label_smoothing_is_smp_s_where_nothing_is_ignored() -> None:
    """smp counts ignored pixels in the mean, as zeros."""
    logits, labels = batch(ignored=0.0)
    smoothing = 0.1

    loss, _ = objective(region="none", label_smoothing=smoothing)(logits, labels)

    theirs = smp.losses.SoftCrossEntropyLoss(smooth_factor=smoothing, ignore_index=IGNORE)(logits, labels.long())
    torch.testing.assert_close(loss, theirs)


def test_dice_is_smp_s_where_all_classes_are_present() -> None:
    """smp gives absent classes the loss 0 and counts them in the mean; our loss leaves them out."""
    logits, labels = batch()
    assert set(labels.unique().tolist()) == {*range(CLASSES), IGNORE}

    _, terms = objective(region="dice")(logits, labels)

    expected = smp.losses.DiceLoss("multiclass", ignore_index=IGNORE)(logits, labels.long())
    torch.testing.assert_close(terms["dice"], expected)
    torch.testing.assert_close(
        torch.autograd.grad(terms["dice"], logits, retain_graph=True), torch.autograd.grad(expected, logits)
    )


@pytest.mark.parametrize("classes", [CLASSES, 3])
def test_lovasz_is_smp_s(classes: int) -> None:
    logits, labels = batch(classes=classes)

    _, terms = objective(region="lovasz")(logits, labels)

    expected = smp.losses.LovaszLoss("multiclass", ignore_index=IGNORE)(logits, labels.long())
    torch.testing.assert_close(terms["lovasz"], expected)
    torch.testing.assert_close(
        torch.autograd.grad(terms["lovasz"], logits, retain_graph=True), torch.autograd.grad(expected, logits)
    )


def test_dice_of_a_naive_loop() -> None:
    logits, labels = batch(classes=3)
    soft = probabilities(logits).tolist()

    losses = []
    for c in range(CLASSES):
        overlap = predicted = ground_truth = 0.0
        for b, y, x in product(range(2), range(6), range(7)):
            if labels[b, y, x] == IGNORE:
                continue
            predicted += soft[b][c][y][x]
            if labels[b, y, x] == c:
                ground_truth += 1
                overlap += soft[b][c][y][x]
        if ground_truth:
            losses.append(1 - 2 * overlap / (ground_truth + predicted))

    assert len(losses) == 3
    _, terms = objective(region="dice", region_weight=0.5)(logits, labels)
    assert terms["dice"].item() == pytest.approx(0.5 * sum(losses) / len(losses), rel=1e-5)


def soft_sums(logits: Tensor, labels: Tensor) -> list[tuple[float, float, float]]:
    """Return true positives, false positives and false negatives of each class, pixel by pixel."""
    soft = probabilities(logits).tolist()
    sums = []
    for c in range(CLASSES):
        true = false_positives = false_negatives = 0.0
        for b, y, x in product(range(2), range(6), range(7)):
            if labels[b, y, x] == c:
                true += soft[b][c][y][x]
                false_negatives += 1 - soft[b][c][y][x]
            elif labels[b, y, x] != IGNORE:
                false_positives += soft[b][c][y][x]
        sums.append((true, false_positives, false_negatives))
    return sums


@pytest.mark.parametrize("weights", [(0.3, 0.7), (0.5, 0.5), (1.0, 1.0), (0.0, 0.6)])
def test_tversky_is_its_formula(weights: tuple[float, float]) -> None:
    logits, labels = batch(classes=3)
    a, b = weights

    _, terms = objective(region="tversky", tversky=weights, region_weight=0.5)(logits, labels)

    losses = [1 - true / (true + a * fp + b * fn) for true, fp, fn in soft_sums(logits, labels)[:3]]
    assert terms["tversky"].item() == pytest.approx(0.5 * sum(losses) / 3, rel=1e-5)


@pytest.mark.parametrize("weights", ["none", (1.0, 4.0, 0.5, 2.0, 3.0)], ids=str)
@pytest.mark.parametrize("focal", [0.0, 0.5, 2.0])
def test_focal_is_its_formula(focal: float, weights: str | tuple[float, ...]) -> None:
    logits, labels = batch()
    soft = probabilities(logits).tolist()
    of_class = [1.0] * CLASSES if isinstance(weights, str) else list(weights)

    loss, terms = objective(region="none", focal=focal, class_weights=weights)(logits, labels)

    total = weight = 0.0
    for b, y, x in product(range(2), range(6), range(7)):
        if (c := int(labels[b, y, x])) != IGNORE:
            p = soft[b][c][y][x]
            total -= of_class[c] * (1 - p) ** focal * math.log(p)
            weight += of_class[c]
    assert terms.keys() == {"focal"}
    assert loss.item() == pytest.approx(total / weight, rel=1e-5)


@pytest.mark.parametrize("weights", [(1.0, 4.0, 0.5, 2.0, 3.0), {"b": 4, "c": 0.5, "d": 2, "e": 3}], ids=str)
def test_class_weights_of_one_s_own_are_torch_s(weights: Any) -> None:
    logits, labels = batch()

    loss, _ = Objective(Loss(region="none", class_weights=weights), PIXELS, IGNORE, "abcde")(logits, labels)

    expected = torch.tensor([1.0, 4.0, 0.5, 2.0, 3.0])
    torch.testing.assert_close(loss, F.cross_entropy(logits, labels.long(), expected, ignore_index=IGNORE))


@pytest.mark.parametrize(
    ("weights", "problem", "hint"),
    [
        ((1.0, 2.0), "2 class weights for 5 classes", "the classes are sky, road, car, pole, tree"),
        ({"polle": 2.0}, "there is no class polle", "did you mean pole?"),
    ],
    ids=str,
)
def test_class_weights_of_other_classes(weights: Any, problem: str, hint: str) -> None:
    with pytest.raises(RequestError) as caught:
        Objective(Loss(class_weights=weights), PIXELS, IGNORE, ("sky", "road", "car", "pole", "tree"))

    assert (caught.value.problem, caught.value.hint) == (problem, hint)


@pytest.mark.parametrize("weights", ["none", (1.0, 4.0, 0.5, 2.0, 3.0)], ids=str)
@pytest.mark.parametrize(("border", "weight", "smoothing"), [(1, 0.2, 0.0), (2, 3.0, 0.0), (2, 3.0, 0.1)])
def test_border_weight_is_its_formula(
    border: int, weight: float, smoothing: float, weights: str | tuple[float, ...]
) -> None:
    logits, labels = batch()
    labels = labels.repeat_interleave(3, 1).repeat_interleave(3, 2)
    logits = logits.detach().repeat_interleave(3, 2).repeat_interleave(3, 3)
    near = torch.ones(labels.shape)
    for image, row, column in product(*map(range, labels.shape)):
        rows, columns = (slice(max(0, i - border), i + border + 1) for i in (row, column))
        others = set(labels[image, rows, columns].flatten().tolist()) - {IGNORE, int(labels[image, row, column])}
        near[image, row, column] = weight if others else 1.0
    of_classes = torch.ones(CLASSES) if isinstance(weights, str) else torch.tensor(weights)
    pixels = F.cross_entropy(
        logits, labels.long(), of_classes, ignore_index=IGNORE, reduction="none", label_smoothing=smoothing
    )
    total = (near * of_classes[labels.long().clamp(max=CLASSES - 1)])[labels != IGNORE].sum()

    settings = {"border": border, "border_weight": weight, "label_smoothing": smoothing, "class_weights": weights}
    _, terms = objective(**settings)(logits, labels)

    assert 0.1 < (near == weight).float().mean() < 1
    torch.testing.assert_close(terms["cross_entropy"], (near * pixels).sum() / total)


def test_dice_of_a_large_class_is_right() -> None:
    """A running sum in float32 of 4.2 million pixels with probability 0.97 would be wrong by 3 %."""
    soft = torch.full((2, 2, 1024, 2048), 0.03)
    soft[:, 0] = 0.97

    _, terms = objective(region="dice")(soft.log(), torch.zeros(2, 1024, 2048, dtype=torch.uint8))

    assert terms["dice"].item() == pytest.approx(1 - 2 * 0.97 / 1.97, abs=3e-5)


def test_jaccard_steps_are_the_growth_of_the_jaccard_loss() -> None:
    ground_truth = [1, 0, 1, 1, 0]

    def jaccard_loss(incorrect: int) -> float:
        """Return the Jaccard loss if the first `incorrect` pixels are predicted wrongly and the others correctly."""
        predicted = [1 - t for t in ground_truth[:incorrect]] + ground_truth[incorrect:]
        both = sum(t and p for t, p in zip(ground_truth, predicted, strict=True))
        either = sum(t or p for t, p in zip(ground_truth, predicted, strict=True))
        return 1 - both / either

    steps = jaccard_steps(torch.tensor(ground_truth, dtype=torch.float64)).tolist()

    assert steps == pytest.approx([jaccard_loss(k + 1) - jaccard_loss(k) for k in range(len(ground_truth))])


def test_lovasz_of_hard_predictions_is_the_jaccard_loss() -> None:
    """At the corners of the cube the Lovász extension equals the loss (Berman et al. 2018, section 2)."""
    target = torch.tensor([[[0, 0, 1, 1, 1, 0]]])
    predicted = torch.tensor([[[0, 1, 1, 1, 0, 0]]])
    soft = F.one_hot(predicted, 2).movedim(-1, 1).double()

    loss = lovasz_softmax(soft, target, torch.ones_like(target, dtype=torch.bool))

    assert loss.item() == pytest.approx(((1 - 2 / 4) + (1 - 2 / 4)) / 2)


@pytest.mark.parametrize("keep", [0.01, 0.3, 1.0])
def test_ohem_is_the_mean_over_the_hardest_share_of_what_counts(keep: float) -> None:
    logits, labels = batch()

    loss, _ = objective(region="none", ohem=keep)(logits, labels)

    losses = F.cross_entropy(logits, labels.long(), ignore_index=IGNORE, reduction="none")[labels != IGNORE]
    hardest = sorted(losses.tolist(), reverse=True)[: max(1, round(keep * len(losses)))]
    assert loss.item() == pytest.approx(sum(hardest) / len(hardest), rel=1e-5)


@pytest.mark.parametrize("class_weights", ["none", "balanced"])
def test_ohem_of_everything_is_no_ohem(class_weights: str) -> None:
    logits, labels = batch()

    all_of_them, _ = objective(region="none", class_weights=class_weights, ohem=1.0)(logits, labels)
    plain, _ = objective(region="none", class_weights=class_weights)(logits, labels)

    torch.testing.assert_close(all_of_them, plain)


# Ignored pixels


@pytest.mark.parametrize("settings", EVERY_KIND, ids=names)
def test_more_ignored_pixels_change_nothing(settings: Loss) -> None:
    """Add a third image and wider borders, all ignored, with arbitrary logits."""
    logits, labels = batch()
    wide_logits = torch.randn(3, CLASSES, 9, 11, generator=torch.Generator().manual_seed(1)) * 20
    wide_labels = torch.full((3, 9, 11), IGNORE, dtype=torch.uint8)
    wide_logits[:2, :, 2:8, 3:10] = logits.detach()
    wide_labels[:2, 2:8, 3:10] = labels

    loss, gradient = value_and_gradient(settings, logits, labels)
    wide_loss, wide_gradient = value_and_gradient(settings, wide_logits, wide_labels)

    torch.testing.assert_close(wide_loss, loss)
    torch.testing.assert_close(wide_gradient[:2, :, 2:8, 3:10], gradient)
    outside = wide_gradient.clone()
    outside[:2, :, 2:8, 3:10] = 0
    assert outside.count_nonzero() == 0
    assert gradient[(labels == IGNORE).unsqueeze(1).expand_as(gradient)].count_nonzero() == 0


@pytest.mark.parametrize("settings", EVERY_KIND, ids=names)
def test_a_batch_without_a_pixel_that_counts_costs_nothing(settings: Loss) -> None:
    logits, labels = batch(ignored=1.1)

    loss, gradient = value_and_gradient(settings, logits, labels)

    assert loss.item() == 0.0
    assert torch.equal(gradient, torch.zeros_like(gradient))


class Alike(Ranks):
    """Ranks whose shares are equal."""

    def all_reduce_sum(self, values: Tensor) -> Tensor:
        return self.world * values


@pytest.mark.parametrize("settings", EVERY_KIND, ids=names)
def test_nor_does_it_on_many_ranks(settings: Loss) -> None:
    logits, labels = batch(ignored=1.1)

    loss, _ = Objective(settings, PIXELS, IGNORE)(logits, labels, Alike(world=1024))

    assert loss.item() == 0.0
    assert torch.autograd.grad(loss, logits)[0].count_nonzero() == 0  # a NaN is not zero


@pytest.mark.parametrize("settings", EVERY_KIND, ids=names)
def test_a_single_pixel_that_counts(settings: Loss) -> None:
    logits, labels = batch(ignored=1.1)
    labels[1, 2, 3] = 4

    loss, gradient = value_and_gradient(settings, logits, labels)

    assert loss > 0
    assert gradient.isfinite().all()
    assert gradient[1, :, 2, 3].count_nonzero() == CLASSES


# Terms, weights, extremes


@pytest.mark.parametrize("settings", EVERY_KIND, ids=names)
def test_the_loss_is_the_sum_of_its_terms(settings: Loss) -> None:
    logits, labels = batch()

    loss, terms = Objective(settings, PIXELS, IGNORE)(logits, labels)

    expected = {"cross_entropy" if settings.focal is None else "focal"} | ({settings.region} - {"none"})
    assert terms.keys() == expected
    torch.testing.assert_close(loss, sum(terms.values(), torch.zeros(())))


@pytest.mark.parametrize("region", ["dice", "lovasz"])
def test_a_perfect_and_an_opposite_prediction(region: str) -> None:
    _, labels = batch(ignored=0.0)
    right = F.one_hot(labels.long(), CLASSES).movedim(-1, 1).float() * 100

    perfect, _ = objective(region=region)(right, labels)
    opposite, terms = objective(region=region)(-right, labels)

    assert perfect.item() == pytest.approx(0, abs=1e-6)
    assert terms[region].item() == pytest.approx(1, abs=1e-6)
    assert opposite.isfinite()


@pytest.mark.parametrize("settings", EVERY_KIND, ids=names)
def test_extreme_logits_stay_finite(settings: Loss) -> None:
    logits, labels = batch()

    loss, gradient = value_and_gradient(settings, logits * 1e4, labels)

    assert loss.isfinite()
    assert gradient.isfinite().all()


def test_logits_in_bf16_are_counted_in_fp32() -> None:
    logits, labels = batch()
    rounded = logits.detach().bfloat16()

    loss, _ = objective(region="dice")(rounded, labels)

    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, objective(region="dice")(rounded.float(), labels)[0])


def test_class_weights_move_with_the_objective_and_are_none_when_not_asked_for() -> None:
    assert "class_weights" in dict(objective(class_weights="balanced").named_buffers())
    assert objective().class_weights is None


# Gradients in float64


GRADIENTS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "cross_entropy": lambda logits, target, counted: (
        objective(class_weights="balanced", label_smoothing=0.1).double().cross_entropy(logits.log_softmax(1), target)
    ),
    "ohem": lambda logits, target, counted: objective(ohem=0.5).cross_entropy(logits.log_softmax(1), target),
    "lovasz": lambda logits, target, counted: lovasz_softmax(logits.softmax(1), target, counted),
}


@pytest.mark.parametrize("term", GRADIENTS)
def test_gradients_against_finite_differences(term: str) -> None:
    logits = torch.randn(1, 3, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    if term == "cross_entropy":
        logits = torch.randn(1, 5, 2, 3, dtype=torch.float64).requires_grad_()
    target = torch.tensor([[[0, 1, IGNORE], [2, 1, 0]]])

    assert torch.autograd.gradcheck(lambda x: GRADIENTS[term](x, target, target != IGNORE), (logits,))
