"""Error maps: each kind of pixel looks different, in color and in gray."""

import numpy as np
import pytest

from streetseg.evaluation.error_maps import INCORRECT, ONLY_A_INCORRECT, ONLY_B_INCORRECT, dispute_map, error_map
from streetseg.labels.tables import STREET_11

SIZE = (48, 60)
IMAGE = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
GROUND_TRUTH = np.zeros(SIZE, np.uint8)


def is_gray(pixels: np.ndarray) -> bool:
    return bool((pixels == pixels[..., :1]).all())


def test_right_is_gray_wrong_is_colored_ignored_is_black() -> None:
    ground_truth, prediction = GROUND_TRUTH.copy(), GROUND_TRUTH.copy()
    ground_truth[:10] = 255
    prediction[:10] = 7
    prediction[20:40, 10:50] = 3
    shown = error_map(IMAGE, ground_truth, prediction, STREET_11)
    incorrect = np.zeros(SIZE, bool)
    incorrect[20:40, 10:50] = True
    assert shown.dtype == np.uint8
    assert not shown[:10].any()
    assert is_gray(shown[~incorrect])
    assert shown[10:20].min() > 0  # a right pixel is never as black as an ignored one
    assert (shown[incorrect] == INCORRECT).all(axis=1).any()
    assert not any(is_gray(pixel) for pixel in shown[incorrect])


def test_wrong_areas_are_hatched_so_that_color_is_not_the_only_signal() -> None:
    flat = np.full((*SIZE, 3), 128, np.uint8)
    shown = error_map(flat, GROUND_TRUTH, np.ones(SIZE, np.uint8), STREET_11)
    brightness = shown.mean(axis=2)
    assert brightness.max() > 2 * brightness.min()  # strokes and fill
    assert (brightness == brightness.min()).mean() == pytest.approx(7 / 16, abs=0.02)  # crossed strokes, each a quarter


@pytest.mark.parametrize(
    ("a", "b", "color"),
    [(0, 0, None), (0, 5, ONLY_B_INCORRECT), (5, 0, ONLY_A_INCORRECT), (5, 5, INCORRECT), (4, 5, INCORRECT)],
)
def test_who_is_wrong(a: int, b: int, color: tuple[int, int, int] | None) -> None:
    shown = dispute_map(IMAGE, GROUND_TRUTH, np.full(SIZE, a, np.uint8), np.full(SIZE, b, np.uint8), STREET_11)
    if color is None:
        assert is_gray(shown)
    else:
        assert ((shown == color).all(axis=2)).mean() > 0.4


def test_incorrect_looks_the_same_in_the_map_of_one_and_of_two() -> None:
    incorrect = np.full(SIZE, 5, np.uint8)
    one = error_map(IMAGE, GROUND_TRUTH, incorrect, STREET_11)
    assert np.array_equal(one, dispute_map(IMAGE, GROUND_TRUTH, incorrect, incorrect, STREET_11))


def test_strokes_lean_one_way_for_a_and_the_other_way_for_b() -> None:
    incorrect = np.full(SIZE, 5, np.uint8)
    flat = np.zeros((*SIZE, 3), np.uint8)
    only_a = dispute_map(flat, GROUND_TRUTH, incorrect, GROUND_TRUTH, STREET_11).mean(axis=2)
    only_b = dispute_map(flat, GROUND_TRUTH, GROUND_TRUTH, incorrect, STREET_11).mean(axis=2)
    assert np.array_equal(only_a[1:, 1:], only_a[:-1, :-1])  # like \
    assert np.array_equal(only_b[1:, :-1], only_b[:-1, 1:])  # like /
    assert not np.array_equal(only_b[1:, 1:], only_b[:-1, :-1])
