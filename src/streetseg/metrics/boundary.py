"""Boundary IoU: the IoU of pixels near the outlines of classes. Large areas do not hide inexact edges in it.

Cheng, Girshick, Dollár, Berg & Kirillov, Boundary IoU (CVPR 2021): for each class only the band within a distance d
of its outline counts. d is 2 % of the image diagonal, at least one pixel. The edge of the image is an outline, too.
"""

import numpy as np
from numpy.typing import NDArray

BAND = 0.02  # width of the band as a share of the image diagonal


def boundary_counts(
    ground_truth: NDArray[np.uint8], prediction: NDArray[np.uint8], num_classes: int, ignore_index: int = 255
) -> NDArray[np.int64]:
    """Count the pixels in the bands of one image.

    Ignored pixels belong to no band. The border of an ignored area is an outline in ground truth and prediction.

    Args:
        ground_truth: uint8 (H, W), ids 0..num_classes-1 or `ignore_index`.
        prediction: uint8 (H, W), ids 0..num_classes-1.

    Returns:
        int64 (3, C): pixels in both bands of a class, in the ground truth's band, in the prediction's band. Their sums
        over images are margins for scores.class_scores; its "iou" is then the boundary IoU.
    """
    width = max(1, round(BAND * float(np.hypot(*ground_truth.shape))))
    ground_truth_band = _band(ground_truth, width, ignore_index)
    prediction_band = _band(np.where(ground_truth == ignore_index, ground_truth, prediction), width, ignore_index)
    common = ground_truth_band[ground_truth_band == prediction_band]
    return np.stack(
        [np.bincount(ids.ravel(), minlength=256)[:num_classes] for ids in (common, ground_truth_band, prediction_band)]
    )


def _band(ids: NDArray[np.uint8], width: int, outside: int) -> NDArray[np.uint8]:
    """Return the ids with `outside` where all pixels of the square within `width` have the same id.

    The smallest and largest id in the square decide, which handles all classes at once. The image is padded with
    `outside`, so that its edge is an outline.
    """
    padded = np.pad(ids, width, constant_values=outside)
    inside = _around(padded, width, np.minimum) == _around(padded, width, np.maximum)
    return np.where(inside, np.uint8(outside), ids)


def _around(ids: NDArray[np.uint8], width: int, extreme: np.ufunc) -> NDArray[np.uint8]:
    """Return the extreme (smallest or largest) value in the square of side 2 width + 1 around each pixel.

    The result is `width` pixels smaller on each side. Rows come first, then columns. Along each, the window is doubled
    until it is long enough, which takes log2(side) passes instead of 2 width.
    """
    side = 2 * width + 1
    for _ in range(2):
        length = 1
        while length < side:
            step = min(length, side - length)
            ids = extreme(ids[:-step], ids[step:])
            length += step
        ids = np.ascontiguousarray(ids.T)
    return ids
