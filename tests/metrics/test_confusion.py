"""Counting pixels, compared with a naive loop and scikit-learn, at the limits of ids and counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from streetseg.errors import DataError
from streetseg.metrics.confusion import CHUNK, confusion


def naive(
    ground_truth: NDArray[np.uint8], prediction: NDArray[np.uint8], num_classes: int, ignore: int
) -> NDArray[np.int64]:
    matrix = np.zeros((num_classes, num_classes), np.int64)
    for t, p in zip(ground_truth.ravel(), prediction.ravel(), strict=True):
        if t != ignore:
            matrix[t, p] += 1
    return matrix


@st.composite
def labeled_pixels(draw: st.DrawFn) -> tuple[NDArray[np.uint8], NDArray[np.uint8], int, int]:
    num_classes = draw(st.integers(1, 255))
    ignore = draw(st.integers(num_classes, 255))
    size = draw(st.integers(0, 60))
    ids = st.integers(0, num_classes - 1)
    ground_truth = draw(st.lists(ids | st.just(ignore), min_size=size, max_size=size))
    prediction = draw(st.lists(ids, min_size=size, max_size=size))
    return np.array(ground_truth, np.uint8), np.array(prediction, np.uint8), num_classes, ignore


@given(labeled_pixels())
def test_equals_a_naive_loop(case: tuple[NDArray[np.uint8], NDArray[np.uint8], int, int]) -> None:
    counted = confusion(*case)
    assert counted.dtype == np.int64
    assert np.array_equal(counted, naive(*case))


@pytest.mark.parametrize("run", [1, 2, 3, 4, 1000])
def test_equals_scikit_learn_on_an_image_larger_than_a_chunk(run: int) -> None:
    """Images of noise, of long runs of equal pixels, and in between."""
    rng = np.random.default_rng(0)
    ground_truth, prediction = rng.integers(0, 19, (2, CHUNK * 2 // run + 3), dtype=np.uint8).repeat(run, axis=1)
    assert np.array_equal(
        confusion(ground_truth, prediction, 19), confusion_matrix(ground_truth, prediction, labels=range(19))
    )


def test_255_classes_beside_the_ignore_index() -> None:
    ground_truth = np.arange(256, dtype=np.uint8)
    prediction = np.minimum(ground_truth, 254)
    assert np.array_equal(confusion(ground_truth, prediction, 255), np.eye(255, dtype=np.int64))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.int64])
def test_any_integer_type_counts_alike(dtype: type[np.integer]) -> None:
    ground_truth, prediction = np.array([0, 1, 1, 255]), np.array([0, 0, 1, 1])
    assert confusion(ground_truth.astype(dtype).clip(0), prediction.astype(dtype), 2).tolist() == [[1, 0], [1, 1]]


def test_views_that_are_not_contiguous() -> None:
    rng = np.random.default_rng(1)
    ground_truth, prediction = rng.integers(0, 5, (2, 30, 40), dtype=np.uint8)
    assert np.array_equal(
        confusion(ground_truth[::2, ::-3], prediction[::2, ::-3], 5),
        naive(ground_truth[::2, ::-3], prediction[::2, ::-3], 5, 255),
    )


@pytest.mark.parametrize(
    ("ground_truth", "prediction", "words"),
    [
        (
            [0, 1, 2, 2],
            [0, 1, 1, 1],
            "ground truth holds ids outside the label space (found 2 on 2 pixels, expected 0..1)",
        ),
        ([0, 1], [0, 7], "prediction holds ids outside the label space (found 7 on 1 pixels, expected 0..1)"),
        ([0, 255], [0, 255], "prediction holds ids outside the label space (found 255 on 1 pixels, expected 0..1)"),
        ([0, -1], [0, 0], "ground truth holds ids outside 0..255 (found -1 to 0)"),
        ([0, 1], [0, 256], "prediction holds ids outside 0..255 (found 0 to 256)"),
    ],
)
def test_ids_outside_the_space_are_an_error_and_never_wrap(
    ground_truth: list[int], prediction: list[int], words: str
) -> None:
    with pytest.raises(DataError) as error:
        confusion(np.array(ground_truth), np.array(prediction), 2)
    assert error.value.problem == words


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="shape"):
        confusion(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8), 2)


def test_probabilities_are_no_ids() -> None:
    with pytest.raises(ValueError, match="float64"):
        confusion(np.zeros(4, np.uint8), np.zeros(4), 2)
