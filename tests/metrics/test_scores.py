"""Scores, compared with scikit-learn and torchmetrics; the rule for absent classes; very large counts."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as sklearn
from torchmetrics.classification import MulticlassJaccardIndex

from streetseg.metrics.confusion import confusion
from streetseg.metrics.scores import METRICS, per_image, scores

Ids = NDArray[np.uint8]


def pixels(classes: int, seed: int, share_correct: float = 0.6) -> tuple[Ids, Ids]:
    """Return flat ground truth with ignored pixels, and a flat prediction."""
    rng = np.random.default_rng(seed)
    ground_truth, prediction = rng.integers(0, classes, (2, 5000), dtype=np.uint8)
    prediction = np.where(rng.random(5000) < share_correct, ground_truth, prediction)
    ground_truth[rng.random(5000) < 0.1] = 255
    return ground_truth, prediction


@pytest.mark.parametrize("classes", [2, 11, 19, 34])
def test_equals_scikit_learn(classes: int) -> None:
    ground_truth, prediction = pixels(classes, seed=classes)
    result = scores(confusion(ground_truth, prediction, classes))
    counted = ground_truth != 255
    t, p, labels = ground_truth[counted], prediction[counted], range(classes)
    assert result.f1 == pytest.approx(sklearn.f1_score(t, p, labels=labels, average=None), rel=1e-12)
    assert result.recall == pytest.approx(sklearn.recall_score(t, p, labels=labels, average=None), rel=1e-12)
    assert result.precision == pytest.approx(sklearn.precision_score(t, p, labels=labels, average=None), rel=1e-12)
    assert result.iou == pytest.approx(sklearn.jaccard_score(t, p, labels=labels, average=None), rel=1e-12)
    assert result.mean["sensitivity"] == pytest.approx(sklearn.balanced_accuracy_score(t, p), rel=1e-12)
    assert result.mean["f1"] == pytest.approx(sklearn.f1_score(t, p, labels=labels, average="macro"), rel=1e-12)
    assert result.pixel_accuracy == pytest.approx(sklearn.accuracy_score(t, p), rel=1e-12)
    one_vs_rest = [sklearn.accuracy_score(t == c, p == c) for c in labels]
    assert result.accuracy == pytest.approx(one_vs_rest, rel=1e-12)
    specificity = [sklearn.recall_score(t != c, p != c) for c in labels]
    assert result.specificity == pytest.approx(specificity, rel=1e-12)


@pytest.mark.parametrize("classes", [2, 11, 19])
def test_equals_torchmetrics(classes: int) -> None:
    ground_truth, prediction = pixels(classes, seed=classes)
    result = scores(confusion(ground_truth, prediction, classes))
    target, preds = torch.from_numpy(ground_truth).long(), torch.from_numpy(prediction).long()
    each = MulticlassJaccardIndex(classes, average=None, ignore_index=255)(preds, target)
    mean = MulticlassJaccardIndex(classes, average="macro", ignore_index=255)(preds, target)
    assert result.iou == pytest.approx(each.numpy(), rel=1e-6)  # torchmetrics computes in float32
    assert result.mean["iou"] == pytest.approx(float(mean), rel=1e-6)


@given(
    st.integers(1, 6).flatmap(
        lambda c: st.lists(st.lists(st.integers(0, 2**40), min_size=c, max_size=c), min_size=c, max_size=c)
    )
)
def test_equals_the_formulas_in_exact_arithmetic(matrix: list[list[int]]) -> None:
    result = scores(np.array(matrix, np.int64))
    total = sum(map(sum, matrix))
    for c in range(len(matrix)):
        tp = matrix[c][c]
        fn, fp = sum(matrix[c]) - tp, sum(row[c] for row in matrix) - tp
        tn = total - tp - fn - fp
        parts = {
            "iou": (tp, tp + fp + fn),
            "f1": (2 * tp, 2 * tp + fp + fn),
            "sensitivity": (tp, tp + fn),
            "specificity": (tn, tn + fp),
            "precision": (tp, tp + fp),
            "accuracy": (tp + tn, total),
        }
        absent = tp + fn + fp == 0
        for name, (part, whole) in parts.items():
            value = float(result.per_class[name][c])
            if absent or whole == 0:
                assert np.isnan(value), name
            else:
                assert value == pytest.approx(float(Fraction(part, whole)), rel=1e-15, abs=0), name


def test_a_class_in_neither_truth_nor_prediction_is_left_out_of_every_mean() -> None:
    result = scores(np.array([[8, 2, 0], [1, 9, 0], [0, 0, 0]]))
    for name in METRICS:
        assert np.isnan(result.per_class[name][2])
        assert result.counted[name] == 2
        assert result.mean[name] == pytest.approx(result.per_class[name][:2].mean())


def test_a_class_only_predicted_has_iou_0_and_counts() -> None:
    result = scores(np.array([[8, 0, 2], [0, 10, 0], [0, 0, 0]]))
    assert result.iou.tolist() == [0.8, 1.0, 0.0]
    assert result.counted["iou"] == 3
    assert result.mean["iou"] == pytest.approx(0.6)
    assert np.isnan(result.recall[2])
    assert result.counted["sensitivity"] == 2


def test_a_class_never_predicted_has_iou_0_and_no_precision() -> None:
    result = scores(np.array([[10, 0], [5, 0]]))
    assert result.iou[1] == 0.0
    assert np.isnan(result.precision[1])
    assert result.counted["precision"] == 1


def test_nothing_but_ignored_pixels_scores_nan_not_0() -> None:
    result = scores(np.zeros((3, 3), np.int64))
    assert np.isnan([*result.mean.values(), result.pixel_accuracy, result.frequency_weighted_iou]).all()
    assert set(result.counted.values()) == {0}


def test_counts_beyond_32_bits() -> None:
    once = np.array([[3, 1], [2, 4]], np.int64)
    many = once * 2**33
    assert many.sum() > 2**35
    assert scores(many).iou.tolist() == scores(once).iou.tolist()
    assert scores(many).pixel_accuracy == scores(once).pixel_accuracy == 0.7


def test_frequency_weighted_iou_weighs_by_truth() -> None:
    result = scores(np.array([[6, 2], [1, 1]]))
    assert result.frequency_weighted_iou == pytest.approx((8 * 6 / 9 + 2 * 1 / 4) / 10)


def test_per_image_scores_are_means_over_the_classes_present_in_that_image() -> None:
    counts = np.array(
        [[[4, 0, 4], [0, 0, 0], [0, 0, 0]], [[0, 0, 0], [0, 2, 0], [1, 0, 1]], np.zeros((3, 3))], np.int64
    )
    images = per_image(counts)
    assert images["iou"][:2] == pytest.approx([0.5, (1.0 + 0.5) / 2])
    assert images["dice"][:2] == pytest.approx([2 / 3, (1.0 + 2 / 3) / 2])
    assert images["pixel_accuracy"][:2] == pytest.approx([0.5, 0.75])
    assert all(np.isnan(values[2]) for values in images.values())
