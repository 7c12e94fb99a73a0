"""The predicted ids of a split, kept beside its counts so that a report need not predict again."""

import io
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from streetseg.errors import DataError
from streetseg.inference.output import Ids
from streetseg.labels.space import LabelSpace
from streetseg.metrics.confusion import confusion

NAME = "predictions.zip"
MOST_BYTES = 64_000_000  # of a split: about 1,000 images of Cityscapes; of a larger split nothing is kept


def packed(predictions: Sequence[bytes]) -> bytes:
    """Return a zip file of PNG images, 00000.png and so on. The same images give the same bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for i, image in enumerate(predictions):
            archive.writestr(zipfile.ZipInfo(_member(i)), image)  # ZipInfo has a fixed date
    return file.getvalue()


def kept_ids(folder: Path, i: int, ground_truth: Ids, counts: NDArray[np.int64], space: LabelSpace) -> Ids | None:
    """Return the predicted ids of an image, uint8 (h, w), if the evaluation kept them; else None.

    The ids must be those that were counted, so that a damaged file is never shown.

    Args:
        folder: the evaluation folder.
        i: the index of the image in its counts.
        ground_truth: its ids, uint8 (h, w).
        counts: its confusion matrix, int64 (C, C).
        space: the classes.
    """
    try:
        with zipfile.ZipFile(folder / NAME) as archive:
            member = archive.getinfo(_member(i))
            if member.file_size > 2 * ground_truth.size + 4096:  # more than a PNG image of this size has
                return None
            ids = read_ids(archive.read(member), ground_truth.shape)
        same = np.array_equal(confusion(ground_truth, ids, space.num_classes, space.ignore_index), counts)
    # Pillow and zipfile raise exceptions of many kinds for a damaged file; a DataError is an id that is no class.
    except (OSError, KeyError, ValueError, SyntaxError, RuntimeError, zipfile.BadZipFile, zlib.error, DataError):
        return None
    return ids if same else None


def read_ids(image: bytes, shape: tuple[int, ...]) -> Ids:
    """Return the grays of a PNG image, uint8 of this shape (h, w). Raise ValueError for an image of another kind."""
    with Image.open(io.BytesIO(image), formats=["PNG"]) as opened:
        if opened.mode != "L" or opened.size != shape[::-1]:
            raise ValueError(f"found {opened.mode} of {opened.size}, expected gray of shape {shape}")
        ids: Ids = np.asarray(opened)
    return ids


def _member(i: int) -> str:
    return f"{i:05}.png"
