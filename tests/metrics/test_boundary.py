"""Boundary IoU, compared with its definition computed pixel by pixel."""

import numpy as np
import pytest
from numpy.typing import NDArray

from streetseg.metrics.boundary import boundary_counts
from streetseg.metrics.scores import class_scores

Ids = NDArray[np.uint8]


def band_of(mask: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """Return the pixels of a region within `width` pixels (in a square) of its outside or of the image's edge."""
    outside = np.pad(~mask, width, constant_values=True)
    band = np.zeros_like(mask)
    for y, x in zip(*np.nonzero(mask), strict=True):
        band[y, x] = outside[y : y + 2 * width + 1, x : x + 2 * width + 1].any()
    return band


def blobs(seed: int, size: tuple[int, int], classes: int) -> Ids:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, classes, (size[0] // 12 + 1, size[1] // 12 + 1), dtype=np.uint8)
    return np.kron(coarse, np.ones((12, 12), np.uint8))[: size[0], : size[1]]


@pytest.mark.parametrize(("size", "width"), [((40, 61), 1), ((90, 120), 3), ((200, 110), 5)])
def test_equals_the_definition(size: tuple[int, int], width: int) -> None:
    ground_truth, prediction = blobs(0, size, 4), np.roll(blobs(0, size, 4), (3, -2), axis=(0, 1))
    assert width == max(1, round(0.02 * np.hypot(*size)))
    expected = np.zeros((3, 4), np.int64)
    for c in range(4):
        t, p = band_of(ground_truth == c, width), band_of(prediction == c, width)
        expected[:, c] = (t & p).sum(), t.sum(), p.sum()
    assert np.array_equal(boundary_counts(ground_truth, prediction, 4), expected)


def test_equal_maps_score_1_and_a_shift_costs_thin_things_most() -> None:
    ground_truth = np.zeros((100, 100), np.uint8)
    ground_truth[:, 20:23] = 1
    ground_truth[30:70, 50:90] = 2
    same = class_scores(*boundary_counts(ground_truth, ground_truth, 3))["iou"]
    assert same.tolist() == [1.0, 1.0, 1.0]
    shifted = class_scores(*boundary_counts(ground_truth, np.roll(ground_truth, 1, axis=1), 3))["iou"]
    assert shifted[1] < shifted[2] < 1.0


def test_ignored_pixels_are_in_no_band_whatever_is_predicted_there() -> None:
    ground_truth = blobs(1, (60, 60), 3)
    ground_truth[20:40, 10:50] = 255
    prediction = blobs(1, (60, 60), 3)
    other = prediction.copy()
    other[20:40, 10:50] = 2
    counted = boundary_counts(ground_truth, prediction, 3)
    assert np.array_equal(counted, boundary_counts(ground_truth, other, 3))
    assert np.array_equal(counted[0], counted[1])
    assert np.array_equal(counted[1], counted[2])


def test_a_single_pixel_is_all_boundary() -> None:
    one = np.zeros((1, 1), np.uint8)
    assert boundary_counts(one, one, 2).tolist() == [[1, 0], [1, 0], [1, 0]]
