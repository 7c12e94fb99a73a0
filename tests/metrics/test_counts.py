"""Counts: saved, loaded and summed."""

from pathlib import Path

import numpy as np
import pytest

from streetseg.errors import DataError
from streetseg.metrics.counts import Counts, joined


def counts() -> Counts:
    matrices = np.arange(2 * 3 * 3, dtype=np.int64).reshape(2, 3, 3) * 2**32
    return Counts(("val/a", 'val/"b" ü'), ("video", None), matrices, np.array([5, 0]))


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    counts().save(tmp_path / "counts.npz")
    loaded = Counts.load(tmp_path / "counts.npz")
    assert loaded.names == counts().names
    assert loaded.sequences == counts().sequences
    assert loaded.counts.dtype == np.int64
    assert np.array_equal(loaded.counts, counts().counts)
    assert np.array_equal(loaded.ignored, counts().ignored)


def test_the_total_is_the_sum_over_images_beyond_32_bits() -> None:
    assert counts().total.tolist() == (counts().counts[0] + counts().counts[1]).tolist()
    assert counts().total.max() > 2**35


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="1 names"):
        Counts(("a",), (None,), np.zeros((2, 3, 3), np.int64), np.zeros(2, np.int64))


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 torn"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "counts.npz"
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        Counts.load(path)
    assert error.value.where == (str(path),)


def test_pickled_objects_are_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "counts.npz"
    np.savez(path, counts=np.array([object()]), ignored=0, names="", sequences="", allow_pickle=True)
    with pytest.raises(DataError):
        Counts.load(path)


def test_parts_are_joined_by_name_and_no_image_twice() -> None:
    one = Counts(("b", "d"), (None, "v"), np.arange(8).reshape(2, 2, 2), np.array([1, 2]))
    two = Counts(("c", "a"), ("w", None), 10 * np.ones((2, 2, 2), np.int64), np.array([3, 4]))
    both = joined([one, two])
    assert both.names == ("a", "b", "c", "d") and both.sequences == (None, None, "w", "v")
    assert both.ignored.tolist() == [4, 1, 3, 2]
    np.testing.assert_array_equal(both.total, one.total + two.total)
    with pytest.raises(ValueError, match="two parts"):
        joined([one, one])
