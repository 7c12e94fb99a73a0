"""Tiles give the labels of the whole image."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from streetseg.inference.logits import SMALLEST_TILE, STRIDE, _windows, predict_logits

TILES = st.integers(SMALLEST_TILE // STRIDE, 24).map(lambda count: count * STRIDE)
EXTENTS = st.integers(1, 3000)


@given(EXTENTS, TILES)
@settings(max_examples=300)
def test_windows_keep_every_pixel_once(extent: int, tile: int) -> None:
    weights = torch.zeros(extent, dtype=torch.int64)
    margin = min((keep.start - window.start for window, keep in _windows(extent, tile) if window.start), default=0)
    for window, keep in _windows(extent, tile):
        assert 0 <= window.start <= keep.start < keep.stop <= window.stop <= extent
        assert window.start % STRIDE == 0  # the window meets the network's grid as the whole does
        assert window.stop - window.start <= tile
        assert window.start == 0 or keep.start - window.start == margin
        assert window.stop == extent or window.stop - keep.stop >= margin
        weights[keep] += 1

    assert (weights == 1).all()


@given(
    st.integers(1, 420), st.integers(1, 420), st.sampled_from([128, 160, 256]), st.integers(0, 16), st.integers(0, 99)
)
@settings(max_examples=25)
def test_tiles_equal_the_whole_for_a_network_that_looks_near(
    height: int, width: int, tile: int, reach: int, seed: int
) -> None:
    """All values are whole numbers, so that results are equal to the last bit."""
    generator = torch.Generator().manual_seed(seed)
    image = torch.randint(0, 256, (1, 3, height, width), dtype=torch.uint8, generator=generator)

    def network(seen: Tensor) -> Tensor:
        """Sum the pixels at distance `reach` above, below, left and right, in each color."""
        far = F.pad(seen.double(), (reach, reach, reach, reach))
        rows, columns = seen.shape[-2:]
        return sum(
            far[..., y : y + rows, x : x + columns]
            for y, x in ((0, reach), (2 * reach, reach), (reach, 0), (reach, 2 * reach))
        )  # type: ignore[return-value]

    assert torch.equal(predict_logits(network, image, tile=tile), predict_logits(network, image))


@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from([None, 128]), st.booleans())
@settings(max_examples=25)
def test_the_weights_of_all_windows_and_views_sum_to_one(height: int, width: int, tile: int | None, tta: bool) -> None:
    """The merged logits of a network that returns 1 everywhere are 1 everywhere."""
    image = torch.zeros(1, 3, height, width, dtype=torch.uint8)
    merged = predict_logits(lambda seen: torch.ones(1, 2, *seen.shape[-2:]), image, tile=tile, tta=tta)

    assert merged.shape == (1, 2, height, width)
    torch.testing.assert_close(merged, torch.ones_like(merged), rtol=0, atol=1e-6)
