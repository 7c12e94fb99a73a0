"""Scenes: equal on every machine, with all classes, and without colors that reveal a class."""

import hashlib
import os
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from color_baseline import color_iou
from streetseg.labels.tables import STREET_11
from streetseg.scenes.render import render

SMALL = (96, 192)
Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]


@cache
def scene(index: int) -> Pair:
    return render(0, index, SMALL)


@cache
def shares(count: int) -> NDArray[np.float64]:
    """Return the share of pixels of each class in each of the first scenes, float64 (count, 11)."""
    return np.stack([np.bincount(scene(i)[1].reshape(-1), minlength=256)[:11] / scene(i)[1].size for i in range(count)])


def test_image_and_label_have_the_asked_size_and_only_known_ids() -> None:
    for size in (SMALL, (33, 47), (64, 40)):
        image, label = render(3, 5, size)
        assert image.shape == (*size, 3)
        assert image.dtype == np.uint8
        assert label.shape == size
        assert label.dtype == np.uint8
        assert set(np.unique(label)) <= {*range(STREET_11.num_classes), STREET_11.ignore_index}


def test_a_scene_is_drawn_again_byte_for_byte() -> None:
    again = render(0, 1, SMALL)
    assert np.array_equal(again[0], scene(1)[0])
    assert np.array_equal(again[1], scene(1)[1])


def test_seed_and_index_change_the_scene() -> None:
    first = scene(1)
    for seed, index in ((0, 2), (1, 1), (1, 0)):
        other = render(seed, index, SMALL)
        assert (other[1] != first[1]).mean() > 0.1
        assert (other[0] != first[0]).mean() > 0.8


def test_another_processor_draws_the_same_bytes() -> None:
    """In another process, numpy has all its optional instruction sets switched off."""
    code = (
        "import hashlib; from streetseg.scenes.render import render;"
        "p, l = render(0, 1, (96, 192)); print(hashlib.sha256(p.tobytes() + l.tobytes()).hexdigest())"
    )
    extensions = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    plain = {**os.environ, "NPY_DISABLE_CPU_FEATURES": " ".join(extensions), "PYTHONHASHSEED": "1"}
    printed = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], env=plain, capture_output=True, text=True, check=True
    ).stdout.strip()
    image, label = scene(1)
    assert printed == hashlib.sha256(image.tobytes() + label.tobytes()).hexdigest()


def test_the_same_street_at_another_size() -> None:
    """The size decides the pixels, not the street."""
    _, small = scene(4)
    _, large = render(0, 4, (192, 384))
    assert (large[::2, ::2] == small).mean() > 0.93


def test_every_class_is_common() -> None:
    """Each class is in most scenes, none fills an image, and few pixels are void."""
    found = shares(20)
    present = (found > 0).mean(axis=0)
    names = np.array(STREET_11.names)
    assert (present[names != "fence"] > 0.75).all(), dict(zip(names, present, strict=True))
    assert (present > 0.5).all(), dict(zip(names, present, strict=True))
    assert (found.mean(axis=0) > 0.002).all()
    assert found.mean(axis=0).max() < 0.45
    assert found.sum(axis=1).min() > 0.9


def test_sky_is_above_and_road_is_below() -> None:
    heights = {}
    for name in ("sky", "building", "road"):
        rows = [np.nonzero(scene(i)[1] == STREET_11.names.index(name))[0] for i in range(20)]
        heights[name] = np.concatenate(rows).mean()
    assert heights["sky"] < heights["building"] < heights["road"]


def test_light_differs_from_scene_to_scene() -> None:
    brightness = [scene(i)[0].mean() for i in range(20)]
    assert max(brightness) - min(brightness) > 40


@pytest.mark.parametrize("balanced", [False, True])
def test_color_alone_does_not_tell_the_classes(balanced: bool) -> None:
    train, test = [scene(i) for i in range(20)], [render(0, 1_000_000 + i, SMALL) for i in range(10)]
    iou = color_iou(train, test, STREET_11.num_classes, balanced=balanced)
    assert iou.mean() < 0.2, dict(zip(STREET_11.names, iou.round(2), strict=True))


def test_version_is_raised_with_the_images() -> None:
    """If this fails, a scene looks different: raise SCENES_VERSION, then renew these figures."""
    image, label = scene(2)
    counts = np.bincount(label.reshape(-1), minlength=256)[:11]
    assert image.mean(axis=(0, 1)) == pytest.approx([78.1, 91.4, 100.0], abs=0.5)
    assert counts == pytest.approx([3304, 2352, 363, 4928, 48, 1549, 123, 180, 5330, 5, 250], abs=25)
