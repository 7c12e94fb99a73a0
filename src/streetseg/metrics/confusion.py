"""The confusion matrix of ground truth and prediction.

It is ours, because it is several times faster than the libraries' and raises an error for invalid ids.
"""

import numpy as np
from numpy.typing import NDArray

from streetseg.errors import DataError

IDS = 256  # a mask holds one byte a pixel
CHUNK = 1 << 19  # pixels counted at a time; numpy's temporary arrays (up to 8 bytes a pixel) then stay in the cache


def confusion(
    ground_truth: NDArray[np.integer], prediction: NDArray[np.integer], num_classes: int, ignore_index: int = 255
) -> NDArray[np.int64]:
    """Count the pairs (ground truth, prediction) of all pixels except those whose ground truth is `ignore_index`.

    Args:
        ground_truth: integer ids of any shape, 0..num_classes-1 or `ignore_index`.
        prediction: integer ids of the same shape, 0..num_classes-1, also where the ground truth is ignored.
        num_classes: C, at most 255.
        ignore_index: the id of pixels to leave out, num_classes..255.

    Returns:
        int64 (C, C), one row per ground truth class. `ground_truth.size` minus the sum is the number of ignored pixels.

    Raises:
        DataError: an id is outside its range.
        ValueError: the shapes differ, or `num_classes` or `ignore_index` is out of range.
    """
    if ground_truth.shape != prediction.shape:
        raise ValueError(f"ground truth has shape {ground_truth.shape}, prediction {prediction.shape}")
    if not 1 <= num_classes <= ignore_index < IDS:
        raise ValueError(f"expected 1 <= num_classes <= ignore_index <= 255, got {num_classes} and {ignore_index}")
    rows, columns = _bytes(ground_truth, "ground truth").ravel(), _bytes(prediction, "prediction").ravel()

    if columns.size and columns.max() >= num_classes:
        _require_ids(np.bincount(columns, minlength=IDS), "prediction", num_classes)

    # The table has a row for every byte. Invalid ids of the ground truth then appear as counts, and no pixel has to be
    # removed first.
    pairs = np.zeros(IDS * num_classes, dtype=np.int64)
    for start in range(0, rows.size, CHUNK):
        pair = np.multiply(rows[start : start + CHUNK], num_classes, dtype=np.uint16)  # 255 * 255 + 254 at most
        pair += columns[start : start + CHUNK]
        pairs += _histogram(pair, len(pairs))
    table = pairs.reshape(IDS, num_classes)

    pixels_per_id = table.sum(axis=1)
    pixels_per_id[ignore_index] = 0
    _require_ids(pixels_per_id, "ground truth", num_classes)
    return table[:num_classes].copy()


def _histogram(values: NDArray[np.uint16], length: int) -> NDArray[np.int64]:
    """Count how often each value occurs, int64 (length,).

    Most pixels of a street image equal the pixel before, so that counting runs of equal values is faster.
    """
    changes = values[1:] != values[:-1]
    if 3 * np.count_nonzero(changes) > values.size:  # with so many short runs, counting pixels is faster
        return np.bincount(values, minlength=length)
    last = np.append(np.flatnonzero(changes), values.size - 1)
    # bincount sums weights in float64, which is exact below 2^53.
    return np.bincount(values[last], weights=np.diff(last, prepend=-1), minlength=length).astype(np.int64)


def _bytes(ids: NDArray[np.integer], side: str) -> NDArray[np.uint8]:
    """Return the ids as uint8. Raise DataError for an id outside 0..255, which would wrap around."""
    if not np.issubdtype(ids.dtype, np.integer):
        raise ValueError(f"{side} has dtype {ids.dtype}, expected integers")
    if ids.dtype != np.uint8 and ids.size and (ids.min() < 0 or ids.max() >= IDS):
        raise DataError(f"{side} holds ids outside 0..255 (found {ids.min()} to {ids.max()})")
    return ids.astype(np.uint8, copy=False)


def _require_ids(pixels_per_id: NDArray[np.int64], side: str, num_classes: int) -> None:
    """Raise DataError if `pixels_per_id`, int64 (256,), counts pixels of ids that are no class."""
    invalid = np.flatnonzero(pixels_per_id[num_classes:]) + num_classes
    if invalid.size:
        ids = ", ".join(str(i) for i in invalid)
        raise DataError(
            f"{side} holds ids outside the label space (found {ids} on {pixels_per_id[invalid].sum()} pixels, "
            f"expected 0..{num_classes - 1})"
        )
