"""Image arrays: their sizes, the rule for the size at which a network sees an image, and resizing."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Size = tuple[int, int]  # height, width
Array = Any  # a numpy array or a torch tensor, depending on the engine


def input_size(image: Size, trained: Size | None) -> Size:
    """Return the size at which a network trained for `trained` (`data.size`) sees an image.

    This size has as many pixels as `trained` and the aspect ratio of the image. The image is not distorted, and the
    cost does not depend on the image. Training, validation, evaluation, prediction, export checks, calibration and
    bench all call this function for each image, so that a network has the same score everywhere.

    Args:
        image: height and width of the image.
        trained: height and width of the training; None for a network that sees each image at its own size.
    """
    if trained is None:
        return image
    scale = (trained[0] * trained[1] / (image[0] * image[1])) ** 0.5
    return max(1, round(image[0] * scale)), max(1, round(image[1] * scale))


def fitted_size(image: Size, frame: Size) -> Size:
    """Return the largest size within `frame` that has the aspect ratio of the image, for files of one fixed size."""
    scale = min(frame[0] / image[0], frame[1] / image[1])
    return min(frame[0], max(1, round(image[0] * scale))), min(frame[1], max(1, round(image[1] * scale)))


def resize_image(image: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """Return an image, uint8 (H, W, 3), at another size; bilinear and antialiased, by Pillow.

    Every engine and the store resize with this function: another library rounds differently, and the predicted labels
    would differ.
    """
    if image.shape[:2] == size:
        return image
    return np.asarray(Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BILINEAR))


@dataclass(frozen=True)
class Taps:
    """The two old values that each of the n values of a resized axis is interpolated from.

    Args:
        before, after: positions of the two values on the old axis, intp (n,).
        weight: weight of the value at `after`, float32 (n,), 0..1.
    """

    before: NDArray[np.intp]
    after: NDArray[np.intp]
    weight: NDArray[np.float32]

    def part(self, chosen: slice, start: int) -> "Taps":
        """Return the taps of a part of the resized axis, for an array that begins at `start` of the old axis."""
        return Taps(self.before[chosen] - start, self.after[chosen] - start, self.weight[chosen])


def bilinear_taps(old: int, new: int) -> Taps:
    """Return the taps that resize an axis from `old` to `new` values: bilinear, corners not aligned."""
    centers = np.maximum((np.arange(new) + 0.5) * (old / new) - 0.5, 0)
    before = np.minimum(centers.astype(np.intp), old - 1)
    return Taps(before, np.minimum(before + 1, old - 1), (centers - before).astype(np.float32))
