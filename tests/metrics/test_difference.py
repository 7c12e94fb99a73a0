"""The paired comparison: the verdict follows from interval and p-value, and the images must be the same."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from some_counts import counts
from streetseg.errors import RequestError
from streetseg.metrics.bootstrap import interval
from streetseg.metrics.difference import Difference, compare, compare_classes, holm
from streetseg.metrics.scores import OVERALL, mean_scores, scores

shares = st.floats(-1, 1)


def difference(value: float, low: float, high: float, p_value: float) -> Difference:
    return Difference(value, low, high, p_value, p_value, 1, 2000, "image", None, None)


def test_a_clear_difference_is_called_by_name() -> None:
    better, worse = counts(0.75, seed=1), counts(0.65, seed=2)
    assert compare([better], [worse]).verdict == "A is better"
    assert compare([worse], [better]).verdict == "B is better"
    result = compare([better], [worse])
    assert result.value == scores(better.total).mean["iou"] - scores(worse.total).mean["iou"]
    assert result.low < result.value < result.high
    assert result.p_value == pytest.approx(0.0018, abs=1e-4)  # none of 2000 resamples: 2 / 2001 = 0.0010, as 60 units


def test_networks_of_one_quality_are_not_distinguishable() -> None:
    assert compare([counts(0.7, seed=1)], [counts(0.7, seed=2)]).verdict == "not distinguishable"
    same = compare([counts(0.7)], [counts(0.7)])
    assert (same.value, same.low, same.high, same.p_value, same.verdict) == (0.0, 0.0, 0.0, 1.0, "not distinguishable")


def test_the_other_way_round_is_the_same_with_the_other_sign() -> None:
    a, b = counts(0.71, seed=1), counts(0.70, seed=2)
    one, two = compare([a], [b]), compare([b], [a])
    assert (one.value, one.low, one.high, one.p_value) == (-two.value, -two.high, -two.low, two.p_value)


def test_pairing_takes_out_what_is_hard_for_both() -> None:
    a, b = counts(0.72, seed=1), counts(0.70, seed=2)
    paired = compare([a], [b])
    widths = [np.diff(interval(split).overall["mean_iou"]).item() for split in (a, b)]
    assert paired.high - paired.low < 0.5 * sum(widths)


def test_several_seeds_are_compared_by_their_means() -> None:
    a = [counts(0.72, seed=k) for k in range(3)]
    b = [counts(0.70, seed=k) for k in (7, 8)]
    of_a, of_b = (mean_scores([scores(split.total) for split in networks]).mean["iou"] for networks in (a, b))
    result = compare(a, b)
    assert result.value == pytest.approx(of_a - of_b, abs=1e-15)
    assert compare(a * 2, b * 3).low == pytest.approx(result.low, abs=1e-15)
    assert result.high - result.low < max(c.high - c.low for c in (compare([one], [two]) for one in a for two in b))


@pytest.mark.parametrize("seed", range(20))
def test_the_p_value_is_small_exactly_where_the_interval_leaves_out_zero(seed: int) -> None:
    result = compare([counts(0.708, seed=seed, images=12 + seed)], [counts(0.7, seed=100 + seed, images=12 + seed)])
    assert (result.p_value <= 0.05) == (result.low > 0 or result.high < 0)


@given(shares, shares, shares, st.floats(0, 1))
def test_the_verdict_follows_from_interval_and_p_value(one: float, two: float, three: float, p_value: float) -> None:
    low, value, high = sorted([one, two, three])
    verdict = difference(value, low, high, p_value).verdict
    if low <= 0 <= high or p_value >= 0.05:
        assert verdict == "not distinguishable"
    else:
        assert verdict == ("A is better" if low > 0 else "B is better")


def test_what_has_no_interval_decides_nothing() -> None:
    assert difference(0.2, math.nan, math.nan, math.nan).verdict == "not distinguishable"
    result = compare([counts(0.75, images=4)], [counts(0.5, images=4)])
    assert result.value > 0
    assert np.isnan([result.low, result.high, result.p_value, result.adjusted]).all()
    assert result.verdict == "not distinguishable"
    assert result.note == "4 images say too little about others, so there is no interval"


def test_holm_is_what_his_paper_says() -> None:
    """Ascending p-values times m, m - 1, ..., never falling; the example is worked out by hand."""
    result = holm([difference(1, 1, 1, p) for p in (0.03, 0.005, 0.02, math.nan, 0.6)])
    assert [d.adjusted for d in result] == pytest.approx([0.06, 0.02, 0.06, math.nan, 0.6], nan_ok=True)
    assert [d.family for d in result] == [4, 4, 4, 1, 4]
    assert [d.p_value for d in result] == pytest.approx([0.03, 0.005, 0.02, math.nan, 0.6], nan_ok=True)


@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=20))
def test_holm_rejects_as_the_step_down_procedure_does(p_values: list[float]) -> None:
    """The smallest p-values are rejected one after the other against 5 % / (m - rank), until one is not."""
    rejected: set[int] = set()
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        if (len(p_values) - rank) * p_values[i] >= 0.05:
            break
        rejected.add(i)
    adjusted = [d.adjusted for d in holm([difference(1, 1, 1, p) for p in p_values])]
    assert {i for i, p in enumerate(adjusted) if p < 0.05} == rejected
    assert all(one <= two <= 1 for one, two in zip(p_values, adjusted, strict=True))


def test_classes_are_compared_one_by_one_and_adjusted_for_each_other() -> None:
    a, b = counts(0.7, seed=1, classes=5), counts(0.7, seed=2, classes=5)
    matrices = b.counts.copy()
    taken = matrices[:, 0, 0] // 4  # of class 0 a quarter less is found, and called class 1
    matrices[:, 0, 0] -= taken
    matrices[:, 0, 1] += taken
    result = compare_classes([a], [replace(b, counts=matrices)])
    assert [d.verdict for d in result][:2] == ["A is better"] * 2
    assert [d.verdict for d in result][2:] == ["not distinguishable"] * 3
    assert [d.family for d in result] == [5] * 5
    assert result[0].value == scores(a.total).iou[0] - scores(matrices.sum(axis=0)).iou[0]


def test_an_absent_class_is_no_comparison() -> None:
    a, b = counts(0.75, seed=1), counts(0.65, seed=2)
    wider = [replace(split, counts=np.pad(split.counts, ((0, 0), (0, 1), (0, 1)))) for split in (a, b)]
    result = compare_classes(wider[:1], wider[1:])
    assert math.isnan(result[4].value)
    assert result[4].verdict == "not distinguishable"
    assert [d.family for d in result[:4]] == [4] * 4


@pytest.mark.parametrize(("images", "has_interval"), [(4, False), (5, True)])
def test_a_class_in_fewer_than_five_images_has_no_interval(images: int, has_interval: bool) -> None:
    """All resamples with the class would have about the same IoU, which gives a narrow interval without evidence."""
    a, b = counts(0.75, seed=1), counts(0.65, seed=2)
    for split in (a, b):
        split.counts[images:, 3] = 0
    result = compare_classes([a], [b])[3]
    assert math.isfinite(result.value)
    assert math.isfinite(result.low) == math.isfinite(result.p_value) == has_interval
    assert np.isfinite(interval(a).per_class["f1"][3]).all() == has_interval
    assert [d.family for d in compare_classes([a], [b])[:3]] == [3 + has_interval] * 3


def test_more_is_drawn_where_many_comparisons_of_few_units_are_made() -> None:
    """With 10 images the smallest p-value of 2000 resamples is 0.012, too large to be adjusted for 11 classes."""
    a, b = counts(0.8, images=10, classes=11, seed=1), counts(0.4, images=10, classes=11, seed=2)
    result = compare_classes([a], [b])
    assert result[0].resamples > 2000
    assert all(d.verdict == "A is better" for d in result)
    assert compare([a], [b]).resamples == 2000


def test_every_score_can_be_compared() -> None:
    a, b = counts(0.75, seed=1), counts(0.65, seed=2)
    for metric in OVERALL:
        assert compare([a], [b], metric=metric).verdict == "A is better"
    with pytest.raises(RequestError, match="no score is called iou"):
        compare([a], [b], metric="iou")


def test_only_the_same_images_with_the_same_truth_can_be_compared() -> None:
    a = counts(0.7)
    with pytest.raises(RequestError, match="same images") as other_images:
        compare([a], [replace(a, names=("image x", *a.names[1:]))])
    assert set(other_images.value.where) == {"image x", "image 0"}
    with pytest.raises(RequestError, match="different ground truth"):
        compare([a], [replace(a, counts=a.counts[::-1].copy())])
    with pytest.raises(RequestError, match="different ground truth"):
        compare([a, replace(a, counts=a.counts[::-1].copy())], [a])
