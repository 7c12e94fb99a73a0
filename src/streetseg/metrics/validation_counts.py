"""The counts of a validation as a bundle keeps them: one confusion matrix per image, as a text inside model.json.

Exported files hold model.json, so that they carry the counts as well. Names of images are left out.
"""

import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from streetseg.metrics.counts import Counts
from streetseg.metrics.units import units_of

MOST = 500  # rows; the images of a larger validation are summed in groups, so that the text stays small


@dataclass(frozen=True, eq=False)
class ValidationCounts:
    """Confusion matrices of the images of a validation, and the units in which they can be resampled.

    Args:
        counts: int64 (N, C, C), pixels by image, ground truth and prediction; each row of more than MOST images is a
            group of them.
        units: int64 (N,), the unit number of each row, from 0 without gaps.
        unit: the kind of unit, "image", "clip" or "sequence".
        note: a limit of intervals from these units that a reader must know; None if there is none.
        images: the number of images.
    """

    counts: NDArray[np.int64]
    units: NDArray[np.int64]
    unit: str
    note: str | None
    images: int

    @classmethod
    def of(cls, counts: Counts) -> Self:
        """Return the counts of an evaluation with the units that its scores are resampled in."""
        units, images = units_of(counts), len(counts.names)
        if images <= MOST:
            return cls(counts.counts, units.of_image, units.unit, units.note, images)
        groups = min(MOST, units.count)
        group = units.of_image * groups // units.count
        summed = np.zeros((groups, *counts.counts.shape[1:]), np.int64)
        np.add.at(summed, group, counts.counts)
        return cls(summed, np.arange(groups), units.unit, units.note, images)

    @property
    def per_unit(self) -> NDArray[np.float64]:
        """The confusion matrix of each unit, float64 (units, C, C); sums are exact up to 2^53."""
        summed = np.zeros((int(self.units.max()) + 1, *self.counts.shape[1:]))
        np.add.at(summed, self.units, self.counts)
        return summed

    @property
    def predicted_shares(self) -> NDArray[np.float64]:
        """The predicted share of each class in each row with labels, float64 (rows, C)."""
        predicted = self.counts.sum(axis=1)
        labeled = predicted.sum(axis=1) > 0
        shares: NDArray[np.float64] = predicted[labeled] / predicted[labeled].sum(axis=1, keepdims=True)
        return shares

    def pack(self) -> dict[str, Any]:
        """Return the entry of model.json."""
        packed = zlib.compress(self.counts.astype("<i8").tobytes(), 9)
        return {
            "images": self.images,
            "unit": self.unit,
            "note": self.note,
            "units": self.units.tolist(),
            "counts": b64encode(packed).decode("ascii"),
        }

    @classmethod
    def unpack(cls, entry: Mapping[str, Any], classes: int) -> Self:
        """Return what `pack` wrote.

        Args:
            entry: as pydantic has checked it: `units` are whole numbers, `counts` is a text.
            classes: the number of classes, C.

        Raises:
            ValueError: the counts are damaged or of another number of classes.
        """
        units = np.array(entry["units"], np.int64)
        if not np.array_equal(np.unique(units), np.arange(units.max() + 1)):
            raise ValueError("the units are not numbered from 0")
        size = 8 * len(units) * classes * classes
        # No more is unpacked than there must be: a small text can hold many zeros.
        unpacking = zlib.decompressobj()
        try:
            data = unpacking.decompress(b64decode(entry["counts"], validate=True), size + 1)
        except zlib.error as error:
            raise ValueError(str(error)) from error
        if len(data) != size:
            raise ValueError(f"the counts are not those of {len(units)} images and {classes} classes")
        counts = np.frombuffer(data, "<i8").reshape(len(units), classes, classes).astype(np.int64)
        if (counts < 0).any() or not counts.any():
            raise ValueError("no count is above zero, or one is below")
        return cls(counts, units, entry["unit"], entry["note"], entry["images"])
