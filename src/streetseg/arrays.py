"""Arrays of images: their sizes, the one rule for the size at which a network sees an image, and resizing."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Size = tuple[int, int]  # height, width
Array = Any  # a numpy array or a torch tensor: what an engine works on


def input_size(image: Size, trained: Size | None) -> Size:
    """Return the size at which a network trained for `trained` (`data.size`) sees an image.

    It has as many pixels as `trained`, in the image's own shape: nothing is squeezed, and the cost does not depend on
    the image. Training, validation, evaluation, prediction, export checks, calibration and bench all ask here, image by
    image, so that one network has one score.

    Args:
        image: the image's own size.
        trained: None for a network that sees each image at its own size.
    """
    if trained is None:
        return image
    scale = (trained[0] * trained[1] / (image[0] * image[1])) ** 0.5
    return max(1, round(image[0] * scale)), max(1, round(image[1] * scale))


def resize_image(image: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """Return uint8 (H, W, 3) at another size, bilinear and antialiased, by Pillow wherever an image is resized.

    Every engine and the store resize here: another library rounds in another way, and the labels would differ.
    """
    if image.shape[:2] == size:
        return image
    return np.asarray(Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BILINEAR))


@dataclass(frozen=True)
class Taps:
    """The two values of an axis that each value of a resized axis lies between.

    Args:
        before, after: their positions, int (n,).
        weight: share of the second, float32 (n,), 0..1.
    """

    before: NDArray[np.intp]
    after: NDArray[np.intp]
    weight: NDArray[np.float32]

    def part(self, chosen: slice, start: int) -> "Taps":
        """Those of a part of the resized axis, for an array that begins at `start` of the old one."""
        return Taps(self.before[chosen] - start, self.after[chosen] - start, self.weight[chosen])


def bilinear_taps(old: int, new: int) -> Taps:
    """How an axis of `old` values becomes one of `new`, bilinear, corners not aligned."""
    centers = np.maximum((np.arange(new) + 0.5) * (old / new) - 0.5, 0)
    before = np.minimum(centers.astype(np.intp), old - 1)
    return Taps(before, np.minimum(before + 1, old - 1), (centers - before).astype(np.float32))
