"""Augmentation: one function for a batch of images and their labels together, the same on CPU and GPU.

It is our own: libraries augment image by image on the CPU, or draw from a global generator, and a run could not be
resumed exactly.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streetseg.data.augment.color import blur_drawn, colour_maps, fill_outside, recolour
from streetseg.data.augment.geometry import crop_to_picture, sample_labels, sample_pictures, sampling_grid
from streetseg.data.augment.rng import Draws
from streetseg.errors import RequestError
from streetseg.recipe.schema import Augment, Size

_MULTIPLE = 32  # the deepest stride of the encoders: such a crop needs no padding inside the network


def training_crop(size: Size, settings: Augment) -> Size:
    """Height and width of the training crop: as asked, or the pictures' `size` rounded down to multiples of 32.

    Raises:
        RequestError: no crop was asked for and the pictures are smaller than 32 x 32.
    """
    if settings.crop is not None:
        return settings.crop
    height, width = (side // _MULTIPLE * _MULTIPLE for side in size)
    if not height or not width:
        raise RequestError(
            f"pictures of {size[0]}x{size[1]} are too small to train on (found less than {_MULTIPLE} pixels a side)",
            hint="data.size=HEIGHTxWIDTH enlarges them, augment.crop=HEIGHTxWIDTH sets the crop",
        )
    return height, width


@torch.no_grad()
def augment(
    pictures: Tensor,
    labels: Tensor,
    settings: Augment,
    crop: Size,
    draws: Draws,
    sizes: NDArray[np.int64] | None = None,
) -> tuple[Tensor, Tensor]:
    """Cuts a changed crop out of each picture, and the same out of its label.

    Args:
        pictures: uint8 RGB (B, 3, H, W), in any memory format.
        labels: uint8 (B, H, W), on the same device.
        settings: how far each change goes.
        crop: (h, w), height and width of what comes out.
        draws: what was drawn for each picture.
        sizes: int64 (B, 2), the height and width of each picture where some were padded at the bottom and right to the
            common H, W (with their edge pixels, so that nothing bleeds in); none: all fill it.

    Returns:
        Pictures uint8 (B, 3, h, w) and labels uint8 (B, h, w). Pictures are read bilinearly, labels at the nearest
        pixel, both at the same coordinates. What lies outside a picture has the mean colour of ImageNet and the ignore
        index.
    """
    padded = (pictures.shape[2], pictures.shape[3])
    if sizes is None:
        sizes = np.tile(np.array(padded, dtype=np.int64), (len(pictures), 1))

    grid = sampling_grid(crop_to_picture(settings, draws, sizes, crop), padded, crop, pictures.device)
    cropped_labels, inside = sample_labels(labels, grid, sizes)
    cropped = sample_pictures(pictures, grid)
    blur_drawn(cropped, settings, draws)
    coloured = recolour(cropped, colour_maps(settings, draws))
    fill_outside(coloured, inside)
    return coloured, cropped_labels
