"""The perceptual hash: close for images that look the same, far for others; search compared with a naive loop."""

import io
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from streetseg.data.check.perceptual_hash import ALIKE, BITS, nearest, perceptual_hash
from streetseg.data.images import read_image


def differing(one: bytes, other: bytes) -> int:
    return (int.from_bytes(one) ^ int.from_bytes(other)).bit_count()


@given(
    ours=st.lists(st.binary(min_size=16, max_size=16), min_size=1, max_size=5),
    theirs=st.lists(st.binary(min_size=16, max_size=16), min_size=1, max_size=9),
)
@settings(max_examples=60)
def test_the_nearest_is_that_of_a_naive_loop(ours: list[bytes], theirs: list[bytes]) -> None:
    index, bits = nearest(ours, theirs)
    for k, one in enumerate(ours):
        distances = [differing(one, other) for other in theirs]
        assert bits[k] == min(distances)
        assert index[k] == distances.index(min(distances))


def test_many_are_compared_a_few_rows_at_a_time() -> None:
    rng = np.random.default_rng(0)
    hashes = [rng.bytes(BITS // 8) for _ in range(700)]
    index, bits = nearest(hashes, hashes[::-1])
    assert index.tolist() == list(range(699, -1, -1))
    assert not bits.any()


def test_each_bit_compares_neighboring_cells() -> None:
    rising = np.tile(np.arange(0, 180, dtype=np.uint8), (90, 1))[..., None].repeat(3, axis=2)
    assert perceptual_hash(rising) == b"\xff" * 8 + b"\x00" * 8  # brighter to the right, equal from top to bottom
    assert perceptual_hash(rising.transpose(1, 0, 2)) == b"\x00" * 8 + b"\xff" * 8


@pytest.fixture(scope="module")
def streets(shared: Path) -> list[np.ndarray]:
    """Return images of CamVid that are ten seconds or more apart."""
    return [read_image(str(path)) for path in sorted((shared / "data/camvid/train").glob("*.png"))[::12]]


def stored_again(image: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=50)
    return np.asarray(Image.open(file))


CHANGES = {
    "JPEG": stored_again,
    "half": lambda image: np.asarray(Image.fromarray(image).resize((240, 180), Image.Resampling.BILINEAR)),
    "darker": lambda image: np.asarray(ImageEnhance.Brightness(Image.fromarray(image)).enhance(0.85)),
    "noise": lambda image: (image + np.random.default_rng(0).normal(0, 5, image.shape)).clip(0, 255).astype(np.uint8),
}


@pytest.mark.parametrize("change", CHANGES)
def test_copies_of_real_streets_are_alike(change: str, streets: list[np.ndarray]) -> None:
    for image in streets:
        assert differing(perceptual_hash(image), perceptual_hash(CHANGES[change](image))) <= ALIKE


def test_different_real_streets_are_not_alike(streets: list[np.ndarray]) -> None:
    hashes = [perceptual_hash(image) for image in streets]
    assert min(differing(one, other) for one, other in combinations(hashes, 2)) > 2 * ALIKE
