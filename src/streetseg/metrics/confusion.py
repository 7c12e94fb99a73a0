"""Counting: which class each pixel has, and which it was given."""

import numpy as np
from numpy.typing import NDArray

from streetseg.errors import DataError

IDS = 256  # a mask holds one byte a pixel
CHUNK = 1 << 19  # pixels counted at a time: what numpy makes of them (up to 8 bytes each) stays near the cache


def confusion(
    ground_truth: NDArray[np.integer], prediction: NDArray[np.integer], num_classes: int, ignore_index: int = 255
) -> NDArray[np.int64]:
    """Counts of (ground truth, prediction) pairs; a pixel whose ground truth is `ignore_index` counts nowhere.

    Args:
        ground_truth: integer ids of any shape, 0..num_classes-1 or `ignore_index`.
        prediction: integer ids of the same shape, 0..num_classes-1, also where the ground truth is ignored.
        num_classes: C, at most 255.
        ignore_index: the id of pixels to leave out, num_classes..255.

    Returns:
        int64 (C, C), rows are ground truth. `ground_truth.size` minus its sum is the number of ignored pixels.

    Raises:
        DataError: an id is outside its range.
        ValueError: shapes differ, or the range of ids makes no sense.
    """
    if ground_truth.shape != prediction.shape:
        raise ValueError(f"ground truth has shape {ground_truth.shape}, prediction {prediction.shape}")
    if not 1 <= num_classes <= ignore_index < IDS:
        raise ValueError(f"expected 1 <= num_classes <= ignore_index <= 255, got {num_classes} and {ignore_index}")
    rows, columns = _bytes(ground_truth, "ground truth").ravel(), _bytes(prediction, "prediction").ravel()

    if columns.size and columns.max() >= num_classes:
        _require_ids(np.bincount(columns, minlength=IDS), "prediction", num_classes)

    # Every byte has a row, so that bad ids of the ground truth show up as counts and no pixel must be masked out
    # before.
    pairs = np.zeros(IDS * num_classes, dtype=np.int64)
    for start in range(0, rows.size, CHUNK):
        pair = np.multiply(rows[start : start + CHUNK], num_classes, dtype=np.uint16)  # 255 * 255 + 254 at most
        pair += columns[start : start + CHUNK]
        pairs += _histogram(pair, len(pairs))
    table = pairs.reshape(IDS, num_classes)

    of_ground_truth = table.sum(axis=1)
    of_ground_truth[ignore_index] = 0
    _require_ids(of_ground_truth, "ground truth", num_classes)
    return table[:num_classes].copy()


def _histogram(values: NDArray[np.uint16], length: int) -> NDArray[np.int64]:
    """How often each value occurs, int64 (length,).

    In a street image most pixels are like the one before, so that runs of equal values are counted, not values.
    """
    changes = values[1:] != values[:-1]
    if 3 * np.count_nonzero(changes) > values.size:  # noise: finding the runs would take longer
        return np.bincount(values, minlength=length)
    last = np.append(np.flatnonzero(changes), values.size - 1)
    # A sum of weights is a float64, exact below 2^53.
    return np.bincount(values[last], weights=np.diff(last, prepend=-1), minlength=length).astype(np.int64)


def _bytes(ids: NDArray[np.integer], side: str) -> NDArray[np.uint8]:
    """The ids as uint8; an id that would wrap is an error, never wrapped."""
    if not np.issubdtype(ids.dtype, np.integer):
        raise ValueError(f"{side} has dtype {ids.dtype}, expected integers")
    if ids.dtype != np.uint8 and ids.size and (ids.min() < 0 or ids.max() >= IDS):
        raise DataError(f"{side} holds ids outside 0..255 (found {ids.min()} to {ids.max()})")
    return ids.astype(np.uint8, copy=False)


def _require_ids(found: NDArray[np.int64], side: str, num_classes: int) -> None:
    """Raise DataError when `found`, pixels per id (256,), has any beyond the classes."""
    bad = np.flatnonzero(found[num_classes:]) + num_classes
    if bad.size:
        ids = ", ".join(str(i) for i in bad)
        raise DataError(
            f"{side} holds ids outside the label space (found {ids} on {found[bad].sum()} pixels, "
            f"expected 0..{num_classes - 1})"
        )
