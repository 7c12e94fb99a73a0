"""The counts of a split: one confusion matrix an image, from which every score is computed."""

import io
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from streetseg.errors import DataError

LARGEST = 2**32  # bytes of one array: 10,000 images of 200 classes


@dataclass(frozen=True, eq=False)
class Counts:
    """Per-image confusion matrices.

    Args:
        names: the sample each matrix belongs to.
        sequences: the video each sample was cut from, None where the source does not know it.
        counts: int64 (N, C, C), pixels by image, ground truth and prediction.
        ignored: int64 (N,), pixels whose ground truth is the ignore index.
    """

    names: tuple[str, ...]
    sequences: tuple[str | None, ...]
    counts: NDArray[np.int64]
    ignored: NDArray[np.int64]

    def __post_init__(self) -> None:
        n = len(self.names)
        square = self.counts.ndim == 3 and self.counts.shape[1] == self.counts.shape[2]
        if not square or not n == len(self.sequences) == len(self.counts) == len(self.ignored):
            raise ValueError(
                f"{n} names, {len(self.sequences)} sequences, counts {self.counts.shape}, ignored {self.ignored.shape}"
            )

    @property
    def total(self) -> NDArray[np.int64]:
        """int64 (C, C), the matrix of the whole split: the sum over images, never an average."""
        total: NDArray[np.int64] = self.counts.sum(axis=0)
        return total

    def save(self, file: Path | BinaryIO) -> None:
        """Write the arrays `counts`, `ignored`, `names` and `sequences` ("" where unknown) as .npz."""
        np.savez_compressed(
            file,
            counts=self.counts,
            ignored=self.ignored,
            names=np.array(self.names, dtype=np.str_),
            sequences=np.array([sequence or "" for sequence in self.sequences], dtype=np.str_),
        )

    @classmethod
    def load(cls, path: Path) -> "Counts":
        """Read what `save` wrote. Raises DataError."""
        try:
            with zipfile.ZipFile(path) as file:
                loaded = cls(
                    names=_texts(_array(file, "names")),
                    sequences=tuple(sequence or None for sequence in _texts(_array(file, "sequences"))),
                    counts=_array(file, "counts").astype(np.int64, casting="safe"),
                    ignored=_array(file, "ignored").astype(np.int64, casting="safe"),
                )
            if (loaded.counts < 0).any() or (loaded.ignored < 0).any():
                raise ValueError("a count is below zero")
        # What zipfile and numpy meet in a damaged file, they say with exceptions of many kinds.
        except Exception as error:
            raise DataError(f"counts cannot be read ({error})", where=path) from error
        return loaded


def _array(file: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """One array of an .npz file (numpy.lib.format, version 1.0), as large as its file and no larger: what its header
    claims is not believed, and objects, which would be pickles, have no place in it."""
    member = file.getinfo(f"{name}.npy")
    if member.file_size > LARGEST:
        raise ValueError(f"{name} has {member.file_size:,} bytes")
    data = io.BytesIO(file.read(member))
    if np.lib.format.read_magic(data) != (1, 0):
        raise ValueError(f"{name} is of another version of the format")
    shape, by_columns, dtype = np.lib.format.read_array_header_1_0(data)
    content = data.read()
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(content):
        raise ValueError(f"{name} is not what its header says")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if by_columns else "C")


def _texts(array: NDArray[Any]) -> tuple[str, ...]:
    if array.dtype.kind != "U" or array.ndim != 1:
        raise ValueError(f"found {array.dtype} of shape {array.shape}, expected a list of texts")
    texts = tuple(str(text) for text in array)
    for text in texts:
        text.encode("utf-8", "surrogateescape")  # raises ValueError: half a character, which nobody could write down
    return texts
