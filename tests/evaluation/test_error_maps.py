"""Right/wrong maps: each kind of pixel looks different, in colour and without."""

import numpy as np
import pytest

from streetseg.evaluation.error_maps import BOTH_WRONG, ONLY_A_WRONG, ONLY_B_WRONG, dispute_map, right_wrong_map
from streetseg.labels.tables import STREET_11

SIZE = (48, 60)
PICTURE = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
TRUTH = np.zeros(SIZE, np.uint8)


def is_grey(pixels: np.ndarray) -> bool:
    return bool((pixels == pixels[..., :1]).all())


def test_right_is_grey_wrong_is_coloured_ignored_is_black() -> None:
    truth, prediction = TRUTH.copy(), TRUTH.copy()
    truth[:10] = 255
    prediction[:10] = 7
    prediction[20:40, 10:50] = 3
    shown = right_wrong_map(PICTURE, truth, prediction, STREET_11)
    wrong = np.zeros(SIZE, bool)
    wrong[20:40, 10:50] = True
    assert shown.dtype == np.uint8
    assert not shown[:10].any()
    assert is_grey(shown[~wrong])
    assert shown[10:20].min() > 0  # a right pixel is never as black as an ignored one
    assert (shown[wrong] == ONLY_B_WRONG).all(axis=1).any()
    assert not any(is_grey(pixel) for pixel in shown[wrong])


def test_wrong_areas_are_hatched_so_that_colour_is_not_the_only_signal() -> None:
    flat = np.full((*SIZE, 3), 128, np.uint8)
    shown = right_wrong_map(flat, TRUTH, np.ones(SIZE, np.uint8), STREET_11)
    brightness = shown.mean(axis=2)
    assert brightness.max() > 2 * brightness.min()  # strokes and fill
    assert 0.1 < (brightness == brightness.min()).mean() < 0.4


@pytest.mark.parametrize(
    ("a", "b", "color"),
    [(0, 0, None), (0, 5, ONLY_B_WRONG), (5, 0, ONLY_A_WRONG), (5, 5, BOTH_WRONG), (4, 5, BOTH_WRONG)],
)
def test_who_is_wrong(a: int, b: int, color: tuple[int, int, int] | None) -> None:
    shown = dispute_map(PICTURE, TRUTH, np.full(SIZE, a, np.uint8), np.full(SIZE, b, np.uint8), STREET_11)
    if color is None:
        assert is_grey(shown)
    else:
        assert ((shown == color).all(axis=2)).mean() > 0.4


def test_strokes_lean_one_way_for_a_and_the_other_way_for_b() -> None:
    wrong = np.full(SIZE, 5, np.uint8)
    flat = np.zeros((*SIZE, 3), np.uint8)
    only_a = dispute_map(flat, TRUTH, wrong, TRUTH, STREET_11).mean(axis=2)
    only_b = dispute_map(flat, TRUTH, TRUTH, wrong, STREET_11).mean(axis=2)
    assert np.array_equal(only_a[1:, 1:], only_a[:-1, :-1])  # like \
    assert np.array_equal(only_b[1:, :-1], only_b[:-1, 1:])  # like /
    assert not np.array_equal(only_b[1:, 1:], only_b[:-1, :-1])
