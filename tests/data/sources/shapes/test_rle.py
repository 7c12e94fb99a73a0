"""Run lengths, plain and compressed."""

import numpy as np
import pytest

from streetseg.data.sources.shapes import rle


def drawn(seed: int, height: int, width: int) -> np.ndarray:
    """Return a mask (H, W) of random runs."""
    rng = np.random.default_rng(seed)
    return rng.random((height, width)) < rng.choice([0.02, 0.5, 0.98])


@pytest.mark.parametrize("seed", range(20))
def test_run_lengths_give_the_mask_back(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = drawn(seed, int(rng.integers(1, 60)), int(rng.integers(1, 60)))
    lengths = rle.encode(mask)
    assert rle.decompress(rle.compress(lengths)) == lengths
    assert (rle.decode(lengths, *mask.shape) == mask).all()


def test_a_known_text() -> None:
    mask = np.zeros((4, 5), bool)
    mask[1:3, 1:4] = True
    assert rle.encode(mask) == [5, 2, 2, 2, 2, 2, 5]
    assert rle.compress([5, 2, 2, 2, 2, 2, 5]) == "5220003"
    assert rle.compress([1000, 3, 1]) == "Xo031"


@pytest.mark.parametrize(
    ("lengths", "words"),
    [
        ([5, 2], "run lengths of 7 pixels, expected 2x4 = 8"),
        ([9, -1], "no whole number"),
        ([7.0, 1], "no whole number"),
        ([10**30], "expected 2x4"),
    ],
)
def test_lengths_that_do_not_fit_are_errors(lengths: list[int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        rle.decode(lengths, 2, 4)


@pytest.mark.parametrize("text", ["5\x1f", "5é", "P", "P" * 40])
def test_a_damaged_text_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="compressed run lengths"):
        rle.decompress(text)
