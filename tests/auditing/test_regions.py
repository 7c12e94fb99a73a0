"""Connected regions of disagreement: against brute force, and their boxes, cores and masses."""

import numpy as np
import pytest
from numpy.typing import NDArray

from streetseg.auditing.reading import Reading
from streetseg.auditing.regions import connected, core_of, regions_of


def reading(labels: NDArray[np.uint8], predicted: NDArray[np.uint8], confidence: float = 0.9) -> Reading:
    shape = labels.shape
    return Reading(
        labels,
        predicted,
        confidence=np.full(shape, confidence, np.float32),
        margin=np.where(labels == predicted, 0, confidence - 0.1).astype(np.float32),
        entropy=np.zeros(shape, np.float32),
    )


def filled(keys: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the parts of a map by a flood fill, numbered in the order of their first pixels."""
    parts = np.full(keys.shape, -1)
    for start in np.ndindex(*keys.shape):
        if parts[start] >= 0:
            continue
        number, waiting = parts.max() + 1, [start]
        while waiting:
            y, x = waiting.pop()
            inside = 0 <= y < keys.shape[0] and 0 <= x < keys.shape[1]
            if inside and parts[y, x] < 0 and keys[y, x] == keys[start]:
                parts[y, x] = number
                waiting += [(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)]
    return parts


@pytest.mark.parametrize("seed", range(8))
def test_parts_are_those_of_a_flood_fill(seed: int) -> None:
    rng = np.random.default_rng(seed)
    keys = rng.integers(0, 3, (int(rng.integers(1, 14)), int(rng.integers(1, 14)))).astype(np.int32)
    parts, count = connected(keys)
    assert (parts == filled(keys)).all()
    assert count == parts.max() + 1


def test_a_spiral_is_one_part() -> None:
    keys = np.zeros((21, 21), np.int32)
    y = x = 0
    dy, dx, left = 0, 1, 20
    for turn in range(20):
        for _ in range(left):
            keys[y, x] = 1
            y, x = y + dy, x + dx
        dy, dx = dx, -dy
        left -= 2 * (turn % 2)
        if left <= 0:
            break
    parts, _ = connected(keys)
    assert len(np.unique(parts[keys == 1])) == 1


def test_the_core_leaves_out_the_border_but_not_the_edge_of_the_image() -> None:
    keys = np.zeros((20, 30), np.int32)
    keys[0:10, 5:20] = 7
    core = core_of(keys, 2)
    expected = np.zeros_like(core)
    expected[0:8, 7:18] = True
    assert (core == expected).all()


def test_a_region_has_box_size_and_mass() -> None:
    labels = np.zeros((100, 200), np.uint8)
    predicted = labels.copy()
    predicted[20:40, 50:90] = 3
    (region,) = regions_of(5, reading(labels, predicted), 4, 255)
    assert (region.image, region.label, region.predicted) == (5, 0, 3)
    assert (region.left, region.top, region.width, region.height) == (50, 20, 40, 20)
    assert region.pixels == 800
    assert region.confidence == pytest.approx(0.9)
    assert region.mass == pytest.approx(0.8 * 38 * 18 / labels.size)


def test_ignored_pixels_and_thin_borders_are_no_regions() -> None:
    labels = np.zeros((100, 200), np.uint8)
    labels[:50] = 255
    predicted = np.full_like(labels, 1)
    predicted[50:] = 0
    predicted[50:, 100:102] = 2  # an outline that differs by two pixels
    assert regions_of(0, reading(labels, predicted), 4, 255) == []


def test_regions_of_different_pairs_are_apart() -> None:
    labels = np.zeros((60, 60), np.uint8)
    labels[:, 30:] = 1
    found = regions_of(0, reading(labels, np.full_like(labels, 2)), 3, 255)
    assert {(region.label, region.predicted, region.pixels) for region in found} == {(0, 2, 1800), (1, 2, 1800)}
