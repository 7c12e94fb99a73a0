"""Sizes of images, and the one rule for the size at which a network sees an image."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Size = tuple[int, int]  # height, width


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
