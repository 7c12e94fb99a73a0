"""Geometric augmentation: scale, rotation, flip, shift and crop as one affine map that samples images and labels.

Coordinates are continuous: pixel i covers [i, i + 1), its center is i + 0.5 (`align_corners=False`).
"""

from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from streetseg.data.augment.rare import NONE
from streetseg.data.augment.rng import RandomParams, either_way
from streetseg.labels.space import IGNORE_INDEX
from streetseg.recipe.schema import Augment, Size

_ERASED = (0.1, 0.4)  # smallest and largest side of a cut-out, as a share of the crop


def crop_to_image(
    settings: Augment,
    random_params: RandomParams,
    sizes: NDArray[np.int64],
    crop: Size,
    shown: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """Return the affine maps from crop to image coordinates: float64 (B, 2, 3), rows x and y, columns x, y and 1.

    The image, of size `sizes` (int64 (B, 2), height and width), is scaled, and the crop is placed on it. If the scaled
    image is larger than the crop, the position of the crop is uniform inside the image. If it is smaller, the position
    of the image is uniform inside the crop. Then the image is rotated about the center of their intersection.
    Positions are whole pixels, so a crop without scaling and rotation moves pixels and does not blend them.

    Where `shown`, int64 (B,), is a pixel of the image and not NONE (`RareCrops`), the position of the crop is uniform
    among those that show it. If rotation or shift would move it out, the crop moves as far as needed.
    """
    low, high = settings.scale
    scale = low * (high / low) ** random_params.scale
    angle = np.radians(settings.rotate) * either_way(random_params.rotate)
    flipped = random_params.flip < settings.flip

    height, width = crop
    tall, wide = scale * sizes[:, 0], scale * sizes[:, 1]
    top, left = _place(random_params.top, tall - height), _place(random_params.left, wide - width)
    if shown is not None:
        chosen = shown != NONE
        point_y, point_x = (scale * (number + 0.5) for number in np.divmod(shown, sizes[:, 1]))
        top = np.where(chosen, _place_over(random_params.top, tall - height, point_y, height), top)
        left = np.where(chosen, _place_over(random_params.left, wide - width, point_x, width), left)
    top += _shift(random_params.shift_down, settings.translate * height)
    left += _shift(random_params.shift_right, settings.translate * width)

    # Crop coordinates are mirrored, rotated about the pivot, moved to the scaled image, and divided by the scale.
    mirror, mirrored_start = np.where(flipped, -1.0, 1.0), np.where(flipped, width, 0.0)
    pivot_x = (np.maximum(0, -left) + np.minimum(width, wide - left)) / 2
    pivot_y = (np.maximum(0, -top) + np.minimum(height, tall - top)) / 2
    cos, sin = np.cos(angle), np.sin(angle)
    if shown is not None:
        from_x, from_y = point_x - left - pivot_x, point_y - top - pivot_y
        out_x = _outside(cos * from_x + sin * from_y + pivot_x, width)
        out_y = _outside(cos * from_y - sin * from_x + pivot_y, height)
        left += np.where(chosen, cos * out_x - sin * out_y, 0)
        top += np.where(chosen, sin * out_x + cos * out_y, 0)
    from_x, from_y = mirrored_start - pivot_x, -pivot_y
    x = np.stack([cos * mirror, -sin, cos * from_x - sin * from_y + pivot_x + left], axis=1)
    y = np.stack([sin * mirror, cos, sin * from_x + cos * from_y + pivot_y + top], axis=1)
    return np.stack([x, y], axis=1) / scale[:, None, None]


def sampling_grid(maps: NDArray[np.float64], padded: Size, crop: Size, device: torch.device) -> Tensor:
    """Return the coordinates of each crop pixel in the padded images, for `grid_sample`: float32 (B, h, w, 2)."""
    # For `grid_sample`, -1 and 1 are the outer edges of the padded image.
    normalized = maps * (2 / np.array([padded[1], padded[0]], dtype=np.float64))[:, None]
    normalized[:, :, 2] -= 1
    points = normalized.transpose(2, 0, 1).astype(np.float32, order="C")
    by_x, by_y, start = torch.from_numpy(points).to(device, non_blocking=True).unsqueeze(2)
    right = torch.arange(crop[1], device=device)[:, None] + 0.5
    down = torch.arange(crop[0], device=device)[:, None] + 0.5
    # Complex numbers add x and y in one pass over memory.
    columns, rows = torch.view_as_complex(by_x * right + start), torch.view_as_complex(by_y * down)
    return torch.view_as_real(columns[:, None, :] + rows[:, :, None])


def sample_images(images: Tensor, grid: Tensor) -> Tensor:
    """Sample uint8 (B, 3, H, W) bilinearly as float32 (B, 3, h, w) in 0..255. Outside, edge pixels are repeated."""
    return F.grid_sample(images.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)


def sample_labels(labels: Tensor, grid: Tensor, sizes: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    """Sample labels uint8 (B, H, W) by the nearest pixel.

    Returns:
        Labels uint8 (B, h, w), IGNORE_INDEX outside the image; and uint8 (B, h, w), 1 inside the image and 0 outside.
    """
    # Sampling pads with 0, so ids are shifted by one and 0 means outside.
    shifted = labels.unsqueeze(1).float().add_(1)
    for padded, (height, width) in zip(shifted, sizes.tolist(), strict=True):
        padded[:, height:] = 0
        padded[:, :, width:] = 0
    sampled = F.grid_sample(shifted, grid, mode="nearest", padding_mode="zeros", align_corners=False).squeeze(1)
    ids = sampled.to(torch.int16)
    return ids.sub(1).to(torch.uint8), ids.clamp_(max=1).to(torch.uint8)  # -1 becomes 255, which is IGNORE_INDEX


def erase_drawn(labels: Tensor, inside: Tensor, settings: Augment, random_params: RandomParams) -> None:
    """Cut a rectangle out of the crops whose random number is below the probability: random erasing, arXiv:1708.04896.

    Args:
        labels: uint8 (B, h, w), changed in place: IGNORE_INDEX in the rectangle.
        inside: uint8 (B, h, w), changed in place: 0 in the rectangle, as outside the image.
        settings: the probability.
        random_params: which crops, and the place of each rectangle, anywhere inside the crop.
    """
    height, width = labels.shape[-2:]
    low, high = _ERASED
    tall = np.rint((low + (high - low) * random_params.erase_height) * height)
    wide = np.rint((low + (high - low) * random_params.erase_width) * width)
    top, left = _place(random_params.erase_top, height - tall), _place(random_params.erase_left, width - wide)
    corners = np.stack([top, top + tall, left, left + wide], axis=1).astype(np.int64)
    for i in np.flatnonzero(random_params.erase < settings.erase).tolist():
        first_row, end_row, first_column, end_column = corners[i].tolist()
        labels[i, first_row:end_row, first_column:end_column] = IGNORE_INDEX
        inside[i, first_row:end_row, first_column:end_column] = 0


def _place(uniform: NDArray[np.float64], free: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map [0, 1) to whole pixels between 0 and `free`, which is negative if the image is smaller than the crop."""
    return cast(NDArray[np.float64], np.sign(free) * np.floor(uniform * (np.floor(np.abs(free)) + 1)))


def _place_over(
    uniform: NDArray[np.float64], free: NDArray[np.float64], point: NDArray[np.float64], side: int
) -> NDArray[np.float64]:
    """Map [0, 1) to whole pixels between 0 and `free` at which a crop of this side has `point` in it.

    If the image is smaller than the crop, every position of `_place` has.
    """
    last = np.floor(np.maximum(free, 0))
    lowest = np.clip(np.ceil(point + 0.5 - side), 0, last)
    highest = np.clip(np.floor(point - 0.5), lowest, last)
    return np.where(free > 0, lowest + np.floor(uniform * (highest - lowest + 1)), _place(uniform, free))


def _outside(position: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Return how far positions are from the nearest pixel center of a crop of this side: 0 between its centers."""
    return position - np.clip(position, 0.5, side - 0.5)


def _shift(uniform: NDArray[np.float64], largest: float) -> NDArray[np.float64]:
    """Map [0, 1) to whole pixels between -largest and largest."""
    return cast(NDArray[np.float64], np.rint(either_way(uniform) * largest))
