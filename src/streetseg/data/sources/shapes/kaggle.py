"""A CSV file of run lengths, as in competitions on Kaggle: ImageId, ClassId and EncodedPixels in each row.

Run lengths are pairs of a start and a length that count pixels down the columns, from 1. Rows lie on each other in
their order; pixels in none are background. The classes are numbers, so they are called "class 1", "class 2" and so on.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streetseg.data.files import FileError
from streetseg.data.sources.shapes.classes import Classes
from streetseg.data.sources.shapes.collect import Collection, at, mentions, table
from streetseg.data.sources.shapes.raster import Labels
from streetseg.data.sources.shapes.source import Shape, ShapeSource
from streetseg.errors import DataError

TOOL = "Kaggle"
_RUNS = "EncodedPixels"
_IMAGE, _CLASS, _BOTH = "ImageId", "ClassId", "ImageId_ClassId"


@dataclass(frozen=True)
class _Row:
    line: int
    image: str
    name: str
    runs: str


def is_kaggle(path: Path) -> bool:
    """Return whether a file or folder holds one CSV file of run lengths."""
    return _file(path) is not None


def open_kaggle(path: Path) -> ShapeSource:
    """Open the CSV file, or the folder that holds it. There is one split, "all".

    Raises:
        DataError: there is no such file, or it cannot be used.
    """
    file = _file(path) or path
    if file.is_dir():
        raise DataError(f"no CSV file with a column {_RUNS} in this folder", where=path)
    collection = Collection(f"kaggle:{file}", TOOL, file.parent)
    rows: dict[str, list[_Row]] = {}
    for row in _rows(file):
        rows.setdefault(row.image, []).append(row)
    names = sorted({row.name for several in rows.values() for row in several}, key=lambda name: (len(name), name))
    classes = collection.classes(names, file.stem)
    for image, several in rows.items():
        collection.add(
            "all", image, f"{file}#{image}", _shapes(several, classes), beside=file.parent, files=[str(file)]
        )
    return collection.source(classes)


def _file(path: Path) -> Path | None:
    files = [path] if path.is_file() else sorted(path.glob("*.csv"))
    files = [file for file in files if file.suffix.lower() == ".csv" and mentions(file, _IMAGE, _RUNS)]
    return files[0] if len(files) == 1 else None


def _rows(file: Path) -> Iterator[_Row]:
    """Yield the rows of the file. Raise FileError if it is no table with the columns."""
    try:
        for line, row in enumerate(table(file), start=2):
            image, mark, number = (row.get(_BOTH, "")).rpartition("_")
            if not mark:
                image, number = row.get(_IMAGE, ""), row.get(_CLASS) or "1"
            if not image:
                raise FileError(file, f"not a file of {TOOL}", f"line {line}: no {_IMAGE}")
            yield _Row(line, image, f"class {number.strip()}", row.get(_RUNS, ""))
    except csv.Error as error:
        raise FileError(file, f"not a file of {TOOL}", str(error)) from error


def _shapes(rows: list[_Row], classes: Classes) -> Iterator[Shape]:
    for row in rows:
        with at(f"line {row.line}"):
            numbers = [int(word) for word in row.runs.split()]
            if len(numbers) % 2:
                raise ValueError("run lengths are no pairs of start and length")
            if any(not 0 < number < 2**31 for number in numbers):
                raise ValueError("a start or length is below 1 or too large")
            runs = np.array(numbers, np.int64).reshape(-1, 2)
            shape = Shape(classes.label(row.name), Starts(runs), f"line {row.line}")
        yield shape


@dataclass(frozen=True)
class Starts:
    """Runs (N, 2): the first pixel, counted down the columns from 1, and the length."""

    runs: NDArray[np.int64] = field(repr=False)

    def paint(self, labels: Labels, label: int) -> None:
        """Set the pixels of the runs. Raise ValueError if one ends beyond the image."""
        height, width = labels.shape
        ends = self.runs.sum(axis=1) - 1
        if len(ends) and ends.max() > labels.size:
            raise ValueError(f"a run ends at pixel {ends.max():,}, the image of {height}x{width} has {labels.size:,}")
        inside = np.zeros(labels.size, bool)
        for (start, _), end in zip(self.runs.tolist(), ends.tolist(), strict=True):
            inside[start - 1 : end] = True
        labels[inside.reshape(width, height).T] = label
