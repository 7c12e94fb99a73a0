"""Augmentation: one function that augments a batch of images and their labels, with the same result on CPU and GPU.

It is written by hand: libraries augment image by image on the CPU or use a global random generator, so that a run
could not be resumed exactly.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streetseg.data.augment.color import add_noise, blur_drawn, color_maps, curve, fill_outside, recolor
from streetseg.data.augment.geometry import crop_to_image, erase_drawn, sample_images, sample_labels, sampling_grid
from streetseg.data.augment.rng import RandomParams
from streetseg.errors import RequestError
from streetseg.recipe.schema import Augment, Size

_MULTIPLE = 32  # the deepest stride of the encoders: such a crop needs no padding inside the network


def training_crop(size: Size, settings: Augment) -> Size:
    """Return height and width of the training crop: `settings.crop`, or `size` rounded down to multiples of 32.

    Args:
        size: height and width of the images.
        settings: the augmentation.

    Raises:
        RequestError: `settings.crop` is None and the images are smaller than 32 x 32.
    """
    if settings.crop is not None:
        return settings.crop
    height, width = (side // _MULTIPLE * _MULTIPLE for side in size)
    if not height or not width:
        raise RequestError(
            f"images of {size[0]}x{size[1]} are too small to train on (found less than {_MULTIPLE} pixels a side)",
            hint="data.size=HEIGHTxWIDTH enlarges them, augment.crop=HEIGHTxWIDTH sets the crop",
        )
    return height, width


def largest_scale(settings: Augment) -> float:
    """Return the largest scale factor of all epochs, at most 1: no crop needs more of an image than this."""
    early = settings.early_scale if settings.early_crop is not None else 1.0
    return min(1.0, settings.scale[1] * max(1.0, early))


def of_reduced(settings: Augment, reduced: float) -> Augment:
    """Return the same augmentation for images that were reduced by this factor."""
    low, high = settings.scale
    return settings.model_copy(update={"scale": (low / reduced, high / reduced)})


@torch.no_grad()
def augment(
    images: Tensor,
    labels: Tensor,
    settings: Augment,
    crop: Size,
    random_params: RandomParams,
    sizes: NDArray[np.int64] | None = None,
    shown: NDArray[np.int64] | None = None,
) -> tuple[Tensor, Tensor]:
    """Transform each image, with the same geometry for its labels, and crop both.

    Args:
        images: uint8 RGB (B, 3, H, W), in any memory format.
        labels: uint8 (B, H, W), on the same device.
        settings: the range of each random change.
        crop: (h, w), height and width of the result.
        random_params: the random numbers of each image.
        sizes: int64 (B, 2), height and width of each image before it was padded at the bottom and right, by repeating
            its edge pixels, to the common H and W; None: no image is padded.
        shown: int64 (B,), the pixel that each crop has to show, as in `RareCrops`; None: crops may lie anywhere.

    Returns:
        Images uint8 (B, 3, h, w) and labels uint8 (B, h, w). Images are sampled bilinearly, labels by the nearest
        pixel, both at the same coordinates. Pixels outside an image, and those of a cut-out, have the mean color of
        ImageNet and the ignore index.
    """
    padded = (images.shape[2], images.shape[3])
    if sizes is None:
        sizes = np.tile(np.array(padded, dtype=np.int64), (len(images), 1))

    maps = crop_to_image(settings, random_params, sizes, crop, shown)
    grid = sampling_grid(maps, padded, crop, images.device)
    cropped_labels, inside = sample_labels(labels, grid, sizes)
    erase_drawn(cropped_labels, inside, settings, random_params)
    cropped = sample_images(images, grid)
    blur_drawn(cropped, settings, random_params)
    curve(cropped, settings, random_params)
    add_noise(cropped, settings, random_params)
    colored = recolor(cropped, color_maps(settings, random_params))
    fill_outside(colored, inside)
    return colored, cropped_labels
