"""Brightness, contrast, saturation and hue as one affine map of RGB, and a Gaussian blur."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from streetseg.data.augment.rng import RandomParams
from streetseg.recipe.schema import Augment

# NTSC luma and chroma (FCC 1953): the first row weighs a color's lightness, the others span its hue and saturation.
_RGB_TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
_YIQ_TO_RGB = np.linalg.inv(_RGB_TO_YIQ)

# The mean color of ImageNet, 0..255: normalization turns it into (nearly) 0.
MEAN_COLOR = (124, 116, 104)
# Contrast pulls colors away from or toward the lightness of that mean, the same for every image.
_MIDDLE = float(_RGB_TO_YIQ[0] @ MEAN_COLOR)

# Standard deviations of the blur, in crop pixels; four pixels either way hold all but 0.8 % of the widest.
_BLUR_SIGMA = (0.5, 1.5)
_BLUR_RADIUS = 4


def color_maps(settings: Augment, random_params: RandomParams) -> NDArray[np.float64]:
    """The affine maps of colors (R, G, B, 1), 0..255, that were drawn: float64 (B, 3, 4).

    Hue turns the chroma plane of YIQ, saturation stretches it; both keep grays gray and lightness as it is.
    """
    brightness = _factor(random_params.brightness, settings.brightness)
    contrast = _factor(random_params.contrast, settings.contrast)
    saturation = _factor(random_params.saturation, settings.saturation)
    turn = 2 * np.pi * settings.hue * (2 * random_params.hue - 1)

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
    """Applies `maps` to float32 (B, 3, h, w) in 0..255, clips and rounds: uint8 (B, 3, h, w)."""
    coefficients = torch.from_numpy(maps.astype(np.float32)).to(images.device, non_blocking=True)
    # The half added here makes the truncation of the conversion a rounding.
    colored = torch.baddbmm(coefficients[:, :, 3:] + 0.5, coefficients[:, :, :3], images.flatten(2))
    # By way of int16 torch converts with vector instructions; straight to uint8 it does not, and takes twice the time.
    return colored.clamp_(0, 255).to(torch.int16).to(torch.uint8).view(images.shape)


def fill_outside(images: Tensor, inside: Tensor) -> None:
    """Gives uint8 (B, 3, h, w), in place, the mean color where `inside`, uint8 (B, h, w), is 0; elsewhere it is 1."""
    mean = torch.tensor(MEAN_COLOR, dtype=torch.uint8).view(3, 1, 1).to(images.device, non_blocking=True)
    # uint8 wraps around, so that what is taken off comes back. On a CPU this takes a sixth of a masked fill's time.
    images.sub_(mean).mul_(inside.unsqueeze(1)).add_(mean)


def blur_drawn(images: Tensor, settings: Augment, random_params: RandomParams) -> None:
    """Blurs, in place, those of the float (B, 3, h, w) that drew it. One by one: most batches hold none or one."""
    low, high = _BLUR_SIGMA
    for i in np.flatnonzero(random_params.blur < settings.blur).tolist():
        images[i] = _gaussian_blur(images[i : i + 1], low + (high - low) * float(random_params.blur_width[i]))[0]


def _gaussian_blur(image: Tensor, sigma: float) -> Tensor:
    """(1, C, h, w) -> the same shape, along columns and then rows; the edge pixels go on outside.

    Shifted images are added up: on a CPU that is bit for bit the convolution, in little more than half its time.
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


def _factor(drawn: NDArray[np.float64], largest: float) -> NDArray[np.float64]:
    """From [0, 1) to [1 - largest, 1 + largest)."""
    return 1 + largest * (2 * drawn - 1)
