"""The counts of a split: one confusion matrix per image. Every score is computed from them."""

import io
import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from streetseg.errors import DataError

LARGEST = 2**32  # bytes of one array when reading; enough for 10,000 images and 200 classes


@dataclass(frozen=True, eq=False)
class Counts:
    """Confusion matrices of N images.

    Args:
        names: the sample name of each image.
        sequences: the video of each image, None where the source does not know it.
        counts: int64 (N, C, C), pixels by image, ground truth and prediction.
        ignored: int64 (N,), pixels of each image whose ground truth is the ignore index.
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
        """The confusion matrix of the whole split, int64 (C, C): the sum over images, not an average."""
        total: NDArray[np.int64] = self.counts.sum(axis=0)
        return total

    def of(self, prefix: str) -> "Counts":
        """Return the counts of the images whose names begin with `prefix`."""
        chosen = [i for i, name in enumerate(self.names) if name.startswith(prefix)]
        return Counts(
            names=tuple(self.names[i] for i in chosen),
            sequences=tuple(self.sequences[i] for i in chosen),
            counts=self.counts[chosen],
            ignored=self.ignored[chosen],
        )

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
        # zipfile and numpy raise exceptions of many kinds for a damaged file.
        except Exception as error:
            raise DataError(f"counts cannot be read ({error})", where=path) from error
        return loaded


def _array(file: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """Read one array of an .npz file (numpy.lib.format, version 1.0).

    It is ours, because numpy.load allocates what the header claims. Here the shape must match the bytes in the file.
    Object arrays, which are pickles, raise ValueError.
    """
    member = file.getinfo(f"{name}.npy")
    if member.file_size > LARGEST:
        raise ValueError(f"{name} has {member.file_size:,} bytes")
    data = io.BytesIO(file.read(member))
    if np.lib.format.read_magic(data) != (1, 0):
        raise ValueError(f"{name} has another version of the npy format")
    shape, by_columns, dtype = np.lib.format.read_array_header_1_0(data)
    content = data.read()
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(content):
        raise ValueError(f"{name} is not what its header says")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if by_columns else "C")


def _texts(array: NDArray[Any]) -> tuple[str, ...]:
    """Return a one-dimensional array of texts as str. Raise ValueError for any other array."""
    if array.dtype.kind != "U" or array.ndim != 1:
        raise ValueError(f"found {array.dtype} of shape {array.shape}, expected a list of texts")
    texts = tuple(str(text) for text in array)
    for text in texts:
        text.encode("utf-8", "surrogateescape")  # raises ValueError for a lone surrogate, which no file could hold
    return texts


def joined(parts: Sequence[Counts]) -> Counts:
    """Return the counts of images that were scored in several parts, each image in one of them, ordered by name.

    Raises:
        ValueError: an image is in two parts.
    """
    if len(parts) == 1:
        return parts[0]
    names = [name for part in parts for name in part.names]
    if len(set(names)) < len(names):
        raise ValueError("an image is in two parts")
    sequences = [sequence for part in parts for sequence in part.sequences]
    order = sorted(range(len(names)), key=names.__getitem__)
    return Counts(
        names=tuple(names[i] for i in order),
        sequences=tuple(sequences[i] for i in order),
        counts=np.concatenate([part.counts for part in parts])[order],
        ignored=np.concatenate([part.ignored for part in parts])[order],
    )
