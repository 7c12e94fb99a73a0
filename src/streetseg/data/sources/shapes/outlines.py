"""Outlines of masks: polygons along the edges of pixels, which give the mask back exactly."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Point = tuple[int, int]  # x, y: a corner of a pixel
Ring = list[Point]  # closed: the last point is the first
_TURNS = {(1, 0): (0, 1), (0, 1): (-1, 0), (-1, 0): (0, -1), (0, -1): (1, 0)}  # a step -> the step after a right turn


def polygons(mask: NDArray[np.bool_]) -> list[list[Ring]]:
    """Return the polygons of a mask (H, W) along the edges of its pixels: the outer ring first, then its holes.

    Pixels that touch only at a corner belong to different polygons.
    """
    rings = list(_rings(mask))
    areas = [signed_area(ring) for ring in rings]
    outer = sorted((area, index) for index, area in enumerate(areas) if area > 0)
    found: dict[int, list[Ring]] = {index: [rings[index]] for _, index in outer}
    for ring, area in zip(rings, areas, strict=True):
        if area < 0:  # it belongs to the smallest outer ring around it
            inside = _pixel_outside_hole(ring)
            found[next(index for _, index in outer if _contains(rings[index], inside))].append(ring)
    return list(found.values())


def _rings(mask: NDArray[np.bool_]) -> Iterator[Ring]:
    """Yield the borders of a mask, its pixels at the right hand of each step (y points downwards)."""
    padded = np.pad(mask, 1)
    steps: dict[Point, list[Point]] = {}  # a corner -> the steps that leave it
    inner = padded[1:-1, 1:-1]
    sides = (
        (inner & ~padded[:-2, 1:-1], (0, 0), (1, 0)),  # the upper side of a pixel, walked to the right
        (inner & ~padded[1:-1, 2:], (1, 0), (0, 1)),
        (inner & ~padded[2:, 1:-1], (1, 1), (-1, 0)),
        (inner & ~padded[1:-1, :-2], (0, 1), (0, -1)),
    )
    for border, (right, down), step in sides:
        for y, x in np.argwhere(border).tolist():
            steps.setdefault((x + right, y + down), []).append(step)
    while steps:
        start = next(iter(steps))
        point, step, ring = start, steps[start][0], [start]
        while True:
            _take(steps, point, step)
            point = (point[0] + step[0], point[1] + step[1])
            if point == start and _TURNS[step] not in steps.get(point, ()):
                break
            following = _next_step(steps[point], step)
            if following != step:
                ring.append(point)
            step = following
        yield [*ring, start]


def _take(steps: dict[Point, list[Point]], point: Point, step: Point) -> None:
    steps[point].remove(step)
    if not steps[point]:
        del steps[point]


def _next_step(choices: list[Point], step: Point) -> Point:
    """Return the right turn, if there is one: it stays at the same pixel where two touch at a corner."""
    return _TURNS[step] if _TURNS[step] in choices else choices[0]


def signed_area(ring: Ring) -> float:
    """Return the area inside a ring in pixels; below zero for the ring of a hole."""
    x, y = np.array(ring, dtype=np.int64).T
    return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum()) / 2


def _pixel_outside_hole(ring: Ring) -> tuple[float, float]:
    """Return the center of the pixel of the mask at the right hand of the first step."""
    (x, y), (to_x, to_y) = ring[:2]
    step = (int(np.sign(to_x - x)), int(np.sign(to_y - y)))
    right = _TURNS[step]
    return x + (step[0] + right[0]) / 2, y + (step[1] + right[1]) / 2


def _contains(ring: Ring, point: tuple[float, float]) -> bool:
    """Return whether a point, on no border, is inside: a ray to the right crosses the ring an odd number of times."""
    x, y = np.array(ring).T
    low, high = np.minimum(y[:-1], y[1:]), np.maximum(y[:-1], y[1:])
    crossed = (x[:-1] == x[1:]) & (x[:-1] > point[0]) & (low < point[1]) & (point[1] < high)
    return bool(crossed.sum() % 2)
