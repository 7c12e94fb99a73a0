"""Color augmentation: brightness, contrast, saturation and hue as one affine map of RGB; blur, gamma and noise."""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from streetseg.data.augment.rng import RandomParams, either_way, normal_numbers
from streetseg.recipe.schema import Augment

# RGB to NTSC luma and chroma (FCC 1953). The first row gives the lightness; the others span hue and saturation.
_RGB_TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
_YIQ_TO_RGB = np.linalg.inv(_RGB_TO_YIQ)

# The mean color of ImageNet, 0..255; after normalization it is nearly 0.
MEAN_COLOR = (124, 116, 104)
# Lightness of the mean color. Contrast scales the distance of a color from it, the same for every image.
_MIDDLE = float(_RGB_TO_YIQ[0] @ MEAN_COLOR)

# Lowest and highest standard deviation of the blur, in crop pixels. The radius covers 99.2 % of the widest kernel.
_BLUR_SIGMA = (0.5, 1.5)
_BLUR_RADIUS = 4

_NOISE_STARTS = 2**20  # of the noise of an image in the normal numbers: so many images have different noise


def color_maps(settings: Augment, random_params: RandomParams) -> NDArray[np.float64]:
    """Return the affine map of colors (R, G, B, 1), 0..255, for each image: float64 (B, 3, 4).

    Hue rotates the chroma plane of YIQ, saturation scales it. Both keep lightness, and gray stays gray.
    """
    brightness = _factor(random_params.brightness, settings.brightness)
    contrast = _factor(random_params.contrast, settings.contrast)
    saturation = _factor(random_params.saturation, settings.saturation)
    turn = 2 * np.pi * settings.hue * either_way(random_params.hue)

    chroma = np.zeros((len(turn), 3, 3))
    chroma[:, 0, 0] = 1
    chroma[:, 1, 1] = chroma[:, 2, 2] = saturation * np.cos(turn)
    chroma[:, 2, 1] = saturation * np.sin(turn)
    chroma[:, 1, 2] = -chroma[:, 2, 1]

    maps = np.empty((len(turn), 3, 4))
    maps[:, :, :3] = (brightness * contrast)[:, None, None] * (_YIQ_TO_RGB @ chroma @ _RGB_TO_YIQ)
    maps[:, :, 3] = ((1 - contrast) * _MIDDLE)[:, None]
    return maps


def recolor(images: Tensor, maps: NDArray[np.float64]) -> Tensor:
    """Apply `maps` to float32 (B, 3, h, w) in 0..255, round and clip. Return uint8 (B, 3, h, w)."""
    coefficients = torch.from_numpy(maps.astype(np.float32)).to(images.device, non_blocking=True)
    # Adding 0.5 turns the truncation of the conversion into rounding.
    colored = torch.baddbmm(coefficients[:, :, 3:] + 0.5, coefficients[:, :, :3], images.flatten(2))
    # torch converts to int16 with vector instructions; a direct conversion to uint8 takes twice the time.
    return colored.clamp_(0, 255).to(torch.int16).to(torch.uint8).view(images.shape)


def fill_outside(images: Tensor, inside: Tensor) -> None:
    """Set pixels of uint8 (B, 3, h, w), in place, to the mean color where `inside`, uint8 (B, h, w), is 0 and not 1."""
    mean = torch.tensor(MEAN_COLOR, dtype=torch.uint8).view(3, 1, 1).to(images.device, non_blocking=True)
    # uint8 wraps around, so the addition undoes the subtraction. On a CPU this takes a sixth of a masked fill's time.
    images.sub_(mean).mul_(inside.unsqueeze(1)).add_(mean)


def blur_drawn(images: Tensor, settings: Augment, random_params: RandomParams) -> None:
    """Blur, in place, the images float (B, 3, h, w) whose random number is below the probability.

    One image at a time, as most batches have none or one to blur.
    """
    low, high = _BLUR_SIGMA
    for i in np.flatnonzero(random_params.blur < settings.blur).tolist():
        images[i] = _gaussian_blur(images[i : i + 1], low + (high - low) * float(random_params.blur_width[i]))[0]


def curve(images: Tensor, settings: Augment, random_params: RandomParams) -> None:
    """Raise float32 (B, 3, h, w) in 0..255, in place, to the exponent drawn for each image; 0 and 255 stay."""
    if settings.gamma:
        exponents = (2.0 ** (settings.gamma * either_way(random_params.gamma))).astype(np.float32)
        on_device = torch.from_numpy(exponents).to(images.device, non_blocking=True).view(-1, 1, 1, 1)
        # By logarithms, as torch's power of a tensor takes twice the time. log 0 is -inf, whose exponential is 0.
        images.div_(255).log_().mul_(on_device).exp_().mul_(255)


def add_noise(images: Tensor, settings: Augment, random_params: RandomParams) -> None:
    """Add to float32 (B, 3, h, w), in place, normal noise of the standard deviation drawn for each image.

    The noise of an image is a part of one row of normal numbers that begins at a random place. So it costs one
    addition, and is the same on every device.
    """
    if settings.noise:
        count = images[0].numel()
        row = _row_of_noise(count + _NOISE_STARTS, images.device)
        starts = (random_params.noise_start * _NOISE_STARTS).astype(np.int64).tolist()
        for image, start, share in zip(images, starts, random_params.noise.tolist(), strict=True):
            image.add_(row[start : start + count].view(image.shape), alpha=settings.noise * share)


@lru_cache(maxsize=2)  # a run has at most two sizes of crops
def _row_of_noise(length: int, device: torch.device) -> Tensor:
    return torch.from_numpy(normal_numbers(length)).to(device)


def _gaussian_blur(image: Tensor, sigma: float) -> Tensor:
    """Return (1, C, h, w) blurred along columns, then rows. Outside the image, the edge pixels are repeated.

    The sum of shifted images is bit for bit the convolution on a CPU, and takes little more than half its time.
    """
    distance = np.arange(-_BLUR_RADIUS, _BLUR_RADIUS + 1)
    weights = np.exp(-0.5 * (distance / sigma) ** 2)
    first, *others = (weights / weights.sum()).tolist()
    image = F.pad(image, (_BLUR_RADIUS,) * 4, mode="replicate")
    for axis in (2, 3):
        length = image.shape[axis] - 2 * _BLUR_RADIUS
        blurred = first * image.narrow(axis, 0, length)
        for shift, weight in enumerate(others, 1):
            blurred.add_(image.narrow(axis, shift, length), alpha=weight)
        image = blurred
    return image


def _factor(uniform: NDArray[np.float64], largest: float) -> NDArray[np.float64]:
    """Map [0, 1) to [1 - largest, 1 + largest)."""
    return 1 + largest * either_way(uniform)
