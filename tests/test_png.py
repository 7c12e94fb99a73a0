"""PNG files that are encoded band by band are read as the image that the bands are of."""

import io

import numpy as np
import pytest
from PIL import Image

from streetseg.png import encode_png_bands


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (7, 5, 3), (300, 4), (64, 48, 3)])
@pytest.mark.parametrize("rows", [1, 3, 1000])
def test_bands_make_the_whole(shape: tuple[int, ...], rows: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    bands = (image[top : top + rows] for top in range(0, shape[0], rows))
    data = encode_png_bands(bands, shape[0], text={"Software": "a test"}, level=3)
    with Image.open(io.BytesIO(data)) as read:
        assert read.mode == ("RGB" if len(shape) == 3 else "L")
        assert read.info == {"Software": "a test"}
        assert np.array_equal(np.array(read), image)
