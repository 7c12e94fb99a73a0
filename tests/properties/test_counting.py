"""Counts are exact for any classes, shapes and numbers."""

from fractions import Fraction
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from streetseg.metrics.confusion import confusion
from streetseg.metrics.counts import Counts
from streetseg.metrics.scores import margins, scores

Ids = NDArray[np.uint8]

SHAPES = array_shapes(min_dims=1, max_dims=3, max_side=12)
BEYOND_32_BITS = st.integers(2**31, 2**45)
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20).filter(
    lambda name: name == name.rstrip("\0")
)


@st.composite
def labeled(draw: st.DrawFn, classes: st.SearchStrategy[int]) -> tuple[Ids, Ids, int]:
    """Draw ground truth with ids 0..C-1 and 255, a prediction of the same shape with ids 0..C-1, and C."""
    count, shape = draw(classes), draw(SHAPES)
    ids = st.integers(0, count - 1)
    return (
        draw(arrays(np.uint8, shape, elements=ids | st.just(255))),
        draw(arrays(np.uint8, shape, elements=ids)),
        count,
    )


def by_a_loop(ground_truth: Ids, prediction: Ids, classes: int) -> NDArray[np.int64]:
    matrix = np.zeros((classes, classes), np.int64)
    for true, predicted in zip(ground_truth.ravel().tolist(), prediction.ravel().tolist(), strict=True):
        if true != 255:
            matrix[true, predicted] += 1
    return matrix


@given(labeled(st.integers(1, 255)))
def test_every_pixel_is_counted_once(case: tuple[Ids, Ids, int]) -> None:
    ground_truth, prediction, classes = case
    matrix = confusion(ground_truth, prediction, classes)

    assert np.array_equal(matrix, by_a_loop(ground_truth, prediction, classes))
    assert matrix.sum() == (ground_truth != 255).sum()


@given(labeled(st.just(255)))
def test_with_255_classes_every_byte_is_an_id_or_ignored(case: tuple[Ids, Ids, int]) -> None:
    ground_truth, prediction, classes = case

    assert np.array_equal(confusion(ground_truth, prediction, classes), by_a_loop(ground_truth, prediction, classes))


@given(labeled(st.integers(1, 255)), st.randoms(use_true_random=False))
def test_neither_order_nor_grouping_of_pixels_matters(case: tuple[Ids, Ids, int], random: object) -> None:
    ground_truth, prediction, classes = (part.ravel() if isinstance(part, np.ndarray) else part for part in case)
    order = list(range(ground_truth.size))
    random.shuffle(order)  # type: ignore[attr-defined]
    cut = len(order) // 3
    whole = confusion(ground_truth, prediction, classes)

    assert np.array_equal(confusion(ground_truth[order], prediction[order], classes), whole)
    parts = [confusion(ground_truth[part], prediction[part], classes) for part in (order[:cut], order[cut:])]
    assert np.array_equal(parts[0] + parts[1], whole)


@st.composite
def huge_counts(draw: st.DrawFn) -> Counts:
    """Draw matrices of up to 40 images with entries beyond 32 bits, as billions of pixels would give."""
    images, classes = draw(st.integers(1, 40)), draw(st.integers(1, 6))
    entries = st.just(0) | BEYOND_32_BITS
    return Counts(
        tuple(draw(st.lists(NAMES, min_size=images, max_size=images))),
        tuple(draw(st.lists(st.none() | NAMES.filter(bool), min_size=images, max_size=images))),
        draw(arrays(np.int64, (images, classes, classes), elements=entries)),
        draw(arrays(np.int64, (images,), elements=entries)),
    )


@given(huge_counts())
@settings(max_examples=40)
def test_sums_beyond_32_bits_are_exact(counts: Counts) -> None:
    exact = [[sum(column) for column in zip(*rows, strict=True)] for rows in zip(*counts.counts.tolist(), strict=True)]

    assert counts.total.dtype == np.int64
    assert counts.total.tolist() == exact
    correct, ground_truth, predicted = margins(counts.total)
    assert correct.tolist() == [row[i] for i, row in enumerate(exact)]
    assert ground_truth.tolist() == [sum(row) for row in exact]
    assert predicted.tolist() == [sum(column) for column in zip(*exact, strict=True)]


@given(huge_counts())
@settings(max_examples=40)
def test_scores_of_huge_counts_are_those_of_exact_fractions(counts: Counts) -> None:
    result, matrix = scores(counts.total), counts.total.tolist()
    total = sum(map(sum, matrix))

    if total:
        accuracy = Fraction(sum(matrix[i][i] for i in range(len(matrix))), total)
        assert abs(Fraction(result.pixel_accuracy) - accuracy) < Fraction(1, 2**50)
    for i, iou in enumerate(result.iou.tolist()):
        union = sum(matrix[i]) + sum(row[i] for row in matrix) - matrix[i][i]
        assert union == 0 if np.isnan(iou) else abs(Fraction(iou) - Fraction(matrix[i][i], union)) < Fraction(1, 2**50)


@given(counts=huge_counts())
@settings(max_examples=25)
def test_counts_on_disk_come_back(counts: Counts, tmp_path_factory) -> None:
    path: Path = tmp_path_factory.mktemp("counts") / "counts.npz"
    counts.save(path)
    loaded = Counts.load(path)

    assert (loaded.names, loaded.sequences) == (counts.names, counts.sequences)
    assert np.array_equal(loaded.counts, counts.counts)
    assert np.array_equal(loaded.ignored, counts.ignored)
