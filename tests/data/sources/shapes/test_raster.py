"""Regions become the same pixels as the tools themselves draw."""

from hashlib import sha256
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from conftest import missing
from streetseg.data.sources.shapes import rle
from streetseg.data.sources.shapes.raster import Drawn, Ellipse, Patch, Polygons, Region, Runs, points_of


def painted(region: Region, height: int, width: int) -> np.ndarray:
    """Return the pixels of a region, bool (H, W)."""
    labels = np.zeros((height, width), np.uint8)
    region.paint(labels, 1)
    return labels == 1


@pytest.fixture(scope="module")
def pycocotools() -> Any:
    if find_spec("pycocotools") is None:
        missing("oracles", "pycocotools is not installed")
    from pycocotools import mask

    return mask


def corners(seed: int, count: int, height: int, width: int) -> np.ndarray:
    """Return random corners, also outside the image: any, whole, halves, on the borders of fifths, or one twice."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(-0.5, 1.5, (count, 2)) * (width, height)
    match seed % 5:
        case 1:
            points = np.round(points)
        case 2:
            points = np.round(points * 2) / 2
        case 3:
            points = np.round(points * 5) / 5 + 0.1
        case 4:
            points[1] = points[0]
    return points


def test_polygons_are_those_of_pycocotools(pycocotools: Any) -> None:
    for seed in range(200):
        rng = np.random.default_rng(seed)
        height, width = int(rng.integers(1, 60)), int(rng.integers(1, 60))
        rings = [corners(seed + k, int(rng.integers(3, 12)), height, width) for k in range(1 + seed % 3)]
        runs = pycocotools.merge(pycocotools.frPyObjects([ring.ravel().tolist() for ring in rings], height, width))
        expected = pycocotools.decode(runs).astype(bool)
        drawn = painted(Polygons(tuple(rings)), height, width)
        assert (drawn == expected).all(), f"seed {seed}"
        assert rle.compress(rle.encode(drawn)) == runs["counts"].decode()
        assert rle.decompress(runs["counts"].decode()) == rle.encode(drawn)


def test_a_long_outline_is_traced_in_parts(pycocotools: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streetseg.data.sources.shapes.raster._CHUNK", 100)
    points = corners(0, 30, 50, 70)
    expected = pycocotools.decode(pycocotools.frPyObjects([points.ravel().tolist()], 50, 70))[..., 0]
    assert (painted(Polygons((points,)), 50, 70) == expected).all()


@pytest.mark.parametrize(
    ("kind", "count", "recorded"),
    [
        ("polygon", 7, "e8533a115c755c3d"),
        ("rectangle", 2, "dd457c1bdbe7db8b"),
        ("circle", 2, "152bb475c33a79a2"),
        ("line", 2, "dd685837285ce936"),
        ("linestrip", 5, "5796806ea947709e"),
        ("point", 1, "c3f546955d84eb17"),
    ],
)
def test_shapes_are_those_of_labelme(kind: Any, count: int, recorded: str) -> None:
    """What is recorded is the SHA-256 of what labelme 6.3.1 draws of the same shapes: `labelme.utils.shape_to_mask`.

    labelme is under the GPL and brings a window, so the tests do not install it.
    """
    drawn = sha256()
    for seed in range(40):
        points = corners(seed, max(count, 2), 40, 60)[:count]
        drawn.update(np.packbits(painted(Drawn(kind, points), 40, 60)).tobytes())
    assert drawn.hexdigest()[:16] == recorded


def test_a_hole_leaves_its_outline_to_the_shape() -> None:
    outer, hole = (np.array([(a, a), (b, a), (b, b), (a, b)], float) for a, b in ((0, 9), (3, 6)))
    drawn = painted(Drawn("polygon", outer, (hole,)), 10, 10)
    assert drawn.sum() == 96
    assert not drawn[4:6, 4:6].any()


def test_edges_that_regions_share_belong_to_one_of_them() -> None:
    left, right = [(0, 0), (3.3, 0), (5.2, 8), (0, 8)], [(3.3, 0), (9, 0), (9, 8), (5.2, 8)]
    drawn = [painted(Polygons((np.array(points, float),)), 8, 9) for points in (left, right)]
    assert (drawn[0] ^ drawn[1]).all()


def test_an_ellipse_holds_the_pixels_whose_centers_are_inside() -> None:
    drawn = painted(Ellipse(5, 4, 5, 3), 8, 10)
    assert drawn[:, 5].sum() == 6
    assert drawn[4].sum() == 10
    assert (painted(Ellipse(5, 5, 5, 3, 90), 10, 10) == painted(Ellipse(5, 5, 3, 5), 10, 10)).all()


@pytest.mark.parametrize(("left", "top", "pixels"), [(0, 0, 12), (-2, -1, 4), (8, 6, 4), (10, 0, 0), (0, -(10**20), 0)])
def test_a_patch_is_cut_off_at_the_border(left: int, top: int, pixels: int) -> None:
    drawn = painted(Patch(np.ones((3, 4), bool), left, top), 8, 10)
    assert drawn.sum() == pixels


def test_run_lengths_of_another_size_are_an_error() -> None:
    with pytest.raises(ValueError, match="run lengths of 8x10, the image is 10x8"):
        painted(Runs([80], (8, 10)), 10, 8)


def test_a_point_far_outside_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"point 300, 2 lies far outside the image of 10x8"):
        painted(Polygons((np.array([(0, 0), (300, 2), (4, 4)], float),)), 8, 10)


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ([1, 2, 3, 4], "2 points, expected 3"),
        ([1, 2, 3, 4, 5], "no pairs"),
        ([[1, 2], [3]], "no pairs"),
        ([1, 2, 3, 4, 5, float("nan")], "not finite"),
        ([1, 2, 3, 4, 5, 10**400], "no pairs"),
    ],
)
def test_points_that_are_none_are_errors(numbers: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        points_of(numbers)
