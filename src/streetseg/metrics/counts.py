"""The counts of a split: one confusion matrix an image, from which every score is computed."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from streetseg.errors import DataError


@dataclass(frozen=True, eq=False)
class Counts:
    """Per-image confusion matrices.

    Args:
        names: the sample each matrix belongs to.
        sequences: the video each sample was cut from, None where the source does not know it.
        counts: int64 (N, C, C), pixels by image, truth and prediction.
        ignored: int64 (N,), pixels whose truth is the ignore index.
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
        """Writes the arrays `counts`, `ignored`, `names` and `sequences` ("" where unknown) as .npz."""
        np.savez_compressed(
            file,
            counts=self.counts,
            ignored=self.ignored,
            names=np.array(self.names, dtype=np.str_),
            sequences=np.array([sequence or "" for sequence in self.sequences], dtype=np.str_),
        )

    @classmethod
    def load(cls, path: Path) -> "Counts":
        """Reads what `save` wrote. Raises DataError."""
        try:
            with np.load(path, allow_pickle=False) as file:
                return cls(
                    names=tuple(file["names"].tolist()),
                    sequences=tuple(sequence or None for sequence in file["sequences"].tolist()),
                    counts=file["counts"].astype(np.int64, casting="safe"),
                    ignored=file["ignored"].astype(np.int64, casting="safe"),
                )
        except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise DataError(f"counts cannot be read ({error})", where=path) from error
