"""Boundary IoU: overlap of ground truth and prediction near outlines, where large areas cannot hide a ragged edge.

Cheng, Girshick, Dollár, Berg & Kirillov, Boundary IoU (CVPR 2021): of each mask only the band within a distance d of
its outline counts, d being 2 % of the image diagonal, at least one pixel; beyond the image's edge nothing belongs to
any mask.
"""

import numpy as np
from numpy.typing import NDArray

BAND = 0.02  # share of the diagonal


def boundary_counts(
    ground_truth: NDArray[np.uint8], prediction: NDArray[np.uint8], num_classes: int, ignore_index: int = 255
) -> NDArray[np.int64]:
    """Pixels of the bands of one image.

    Ignored pixels belong to no band, and where they begin both ground truth and prediction have an outline.

    Args:
        ground_truth: uint8 (H, W), ids 0..num_classes-1 or `ignore_index`.
        prediction: uint8 (H, W), ids 0..num_classes-1.

    Returns:
        int64 (3, C): pixels in both bands of a class, in the ground truth's, in the prediction's. Sums over images are
        the margins that scores.class_scores takes; its "iou" is then the boundary IoU.
    """
    width = max(1, round(BAND * float(np.hypot(*ground_truth.shape))))
    ground_truth_band = _band(ground_truth, width, ignore_index)
    prediction_band = _band(np.where(ground_truth == ignore_index, ground_truth, prediction), width, ignore_index)
    common = ground_truth_band[ground_truth_band == prediction_band]
    return np.stack(
        [np.bincount(ids.ravel(), minlength=256)[:num_classes] for ids in (common, ground_truth_band, prediction_band)]
    )


def _band(ids: NDArray[np.uint8], width: int, outside: int) -> NDArray[np.uint8]:
    """The ids, but `outside` where all pixels within `width` (a square) are of one class.

    One look at the smallest and largest id around each pixel serves all classes at once. With `outside` around the
    image, whose edge is an outline, too.
    """
    padded = np.pad(ids, width, constant_values=outside)
    inside = _around(padded, width, np.minimum) == _around(padded, width, np.maximum)
    return np.where(inside, np.uint8(outside), ids)


def _around(ids: NDArray[np.uint8], width: int, extreme: np.ufunc) -> NDArray[np.uint8]:
    """Smallest or largest value in the square of side 2 width + 1 around each pixel; the outer `width` pixels go.

    Rows, then columns; along each, windows are doubled until they are long enough: log2 passes instead of 2 width.
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
