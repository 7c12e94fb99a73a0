"""The counts of a validation as a text in model.json: exact, small, and refused where they are damaged."""

import json
import zlib
from base64 import b64encode

import numpy as np
import pytest

from streetseg.metrics.counts import Counts
from streetseg.metrics.validation_counts import MOST, ValidationCounts


def some(images: int, classes: int = 3, sequences: tuple[str | None, ...] | None = None) -> Counts:
    counts = np.random.default_rng(0).integers(0, 1000, (images, classes, classes))
    names = tuple(f"val/{i:05}" for i in range(images))
    return Counts(names, sequences or (None,) * images, counts, np.zeros(images, np.int64))


def again(validation: ValidationCounts, classes: int = 3) -> ValidationCounts:
    return ValidationCounts.unpack(json.loads(json.dumps(validation.pack())), classes)


def test_the_text_gives_the_counts_of_each_image_back() -> None:
    counts = some(7)
    read = again(ValidationCounts.of(counts))
    assert np.array_equal(read.counts, counts.counts)
    assert (read.images, read.unit, read.units.tolist()) == (7, "image", list(range(7)))


def test_frames_of_one_video_stay_together() -> None:
    read = again(ValidationCounts.of(some(12, sequences=tuple(f"video {i // 2}" for i in range(12)))))
    assert (read.unit, read.units.tolist()) == ("sequence", [i // 2 for i in range(12)])
    assert np.array_equal(read.per_unit.sum(axis=0), some(12).total)


def test_a_large_validation_is_summed_in_groups() -> None:
    counts = some(2 * MOST + 7)
    read = again(ValidationCounts.of(counts))
    assert len(read.counts) == MOST and read.images == 2 * MOST + 7
    assert np.array_equal(read.counts.sum(axis=0), counts.total)


def test_names_of_images_are_not_kept() -> None:
    assert "val/" not in json.dumps(ValidationCounts.of(some(7)).pack())


def test_500_images_of_19_classes_are_a_small_text() -> None:
    rng = np.random.default_rng(0)
    counts = np.zeros((500, 19, 19), np.int64)
    for matrix in counts:
        present = rng.choice(19, 12, replace=False)
        matrix[np.ix_(present, rng.choice(present, 6))] = rng.integers(1, 50_000, (12, 6))
    names = tuple(map(str, range(500)))
    packed = ValidationCounts.of(Counts(names, (None,) * 500, counts, np.zeros(500, np.int64))).pack()
    assert len(json.dumps(packed)) < 2**18


@pytest.mark.parametrize(
    "change",
    [
        {"counts": "no base64!"},
        {"counts": b64encode(b"no zlib").decode()},
        {"counts": b64encode(zlib.compress(bytes(8 * 9 * 6))).decode()},
        {"counts": b64encode(zlib.compress(bytes(8 * 9 * 7))).decode()},
        {"counts": b64encode(zlib.compress(bytes(2**28))).decode()},
        {"counts": b64encode(zlib.compress((b"\xff" * 8) * 63)).decode()},
        {"units": [0, 1, 2, 3, 4, 5, 9]},
    ],
    ids=["base64", "zlib", "too short", "all zero", "a bomb", "below zero", "units"],
)
def test_damaged_counts_are_an_error(change: dict[str, object]) -> None:
    entry = ValidationCounts.of(some(7)).pack() | change
    with pytest.raises(ValueError):
        ValidationCounts.unpack(entry, 3)
