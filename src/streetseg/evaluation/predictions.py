"""The predicted ids of a split, kept beside its counts so that a report need not predict again."""

import io
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from streetseg.inference.output import Ids
from streetseg.labels.space import LabelSpace
from streetseg.metrics.confusion import confusion
from streetseg.png import encode_png

PREDICTIONS_FILE = "predictions.zip"
MOST_BYTES = 64_000_000  # of a split: about 700 images of Cityscapes; of a larger split nothing is kept


def packed_ids(ids: Ids) -> bytes:
    """Return ids, uint8 (h, w), as a gray PNG image, by the fastest compression: a file of some kB for a street."""
    return encode_png(ids, compress_level=1)


def packed(predictions: Sequence[bytes]) -> bytes:
    """Return a zip file of PNG images, 00000.png and so on. The same images give the same bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for i, image in enumerate(predictions):
            archive.writestr(zipfile.ZipInfo(_member(i)), image)  # ZipInfo has a fixed date
    return file.getvalue()


class KeptPredictions:
    """The predicted ids that an evaluation folder has; none where its file is missing or cannot be read.

    Args:
        folder: the evaluation folder.
        space: the classes.
    """

    def __init__(self, folder: Path, space: LabelSpace) -> None:
        self.space = space
        self.images: dict[str, bytes] = {}
        # zipfile raises exceptions of many types for a damaged file.
        with suppress(Exception), zipfile.ZipFile(folder / PREDICTIONS_FILE) as archive:
            if sum(member.file_size for member in archive.infolist()) <= MOST_BYTES:
                self.images = {name: archive.read(name) for name in archive.namelist()}

    def ids(self, i: int, ground_truth: Ids, counts: NDArray[np.int64]) -> Ids | None:
        """Return the predicted ids of an image, uint8 (h, w); None if they are not kept or not what was counted.

        Args:
            i: the index of the image in the counts of the evaluation.
            ground_truth: its ids, uint8 (h, w).
            counts: its confusion matrix, int64 (C, C).
        """
        try:
            ids = read_ids(self.images[_member(i)], ground_truth.shape)
            counted = confusion(ground_truth, ids, self.space.num_classes, self.space.ignore_index)
        # Pillow raises exceptions of many types for a damaged image; ids that are no class are a DataError.
        except Exception:
            return None
        return ids if np.array_equal(counted, counts) else None


def read_ids(image: bytes, shape: tuple[int, ...]) -> Ids:
    """Return the grays of a PNG image, uint8 of this shape (h, w). Raise ValueError for an image of another kind."""
    with Image.open(io.BytesIO(image), formats=["PNG"]) as opened:
        if opened.mode != "L" or opened.size != shape[::-1]:
            raise ValueError(f"found {opened.mode} of {opened.size}, expected gray of shape {shape}")
        ids: Ids = np.asarray(opened)
    return ids


def _member(i: int) -> str:
    return f"{i:05}.png"
