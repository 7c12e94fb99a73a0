"""A data source in memory: images and labels from Python objects instead of files."""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from streetseg.data.images import MAX_PIXELS, ImageFacts
from streetseg.data.issues import Survey
from streetseg.data.source import Look, Sample, Source
from streetseg.errors import DataError, RequestError, with_article
from streetseg.labels.space import IGNORE_INDEX, LabelSpace, fresh_colors
from streetseg.recipe.reading import AS_USUAL

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]


class OwnData(Protocol):
    """The protocol of an object that can be used as data. It may also have `colors`: an RGB triple 0..255 per class."""

    @property
    def classes(self) -> Sequence[str]:
        """The names of the classes, in the order of their ids."""
        ...

    @property
    def splits(self) -> Mapping[str, Sequence[Pair]]:
        """Split -> pairs of an image uint8 RGB (H, W, 3) and labels uint8 (H, W), 255 for ignored pixels."""
        ...


class OwnSource:
    """An `OwnData` object as a data source.

    Args:
        data: it is indexed each time a pair is read, so it need not hold all pairs in memory.

    Raises:
        RequestError: the classes cannot be used.
    """

    max_pixels = MAX_PIXELS
    reading = AS_USUAL

    def __init__(self, data: OwnData) -> None:
        self.data = data
        _check(data)
        names = tuple(data.classes)
        colors = getattr(data, "colors", None) or islice(fresh_colors(()), len(names))
        try:
            self.space = LabelSpace(type(data).__name__, names, tuple((int(r), int(g), int(b)) for r, g, b in colors))
        except ValueError as error:
            raise RequestError(f"the classes cannot be used ({error})", where=type(data).__qualname__) from error
        self.spec = f"python:{type(data).__qualname__}"
        self.survey = Survey()
        self.splits = {
            split: tuple(Sample(name, name, name) for name in (f"{split}/{i:06d}" for i in range(len(pairs))))
            for split, pairs in data.splits.items()
        }

    def read_image(self, sample: Sample) -> NDArray[np.uint8]:
        """Return the image uint8 RGB (H, W, 3). Raise DataError if dtype or shape differ."""
        return self._pair(sample)[0]

    def read_mask(self, sample: Sample) -> NDArray[np.uint8]:
        """Return the labels uint8 (H, W). Raise DataError if dtype or shape differ, or for an id of no class."""
        return self._pair(sample)[1]

    def look(self, sample: Sample) -> Look:
        """Return image and labels; both are "stored" as arrays. Raise DataError as the other methods do."""
        image, labels = self._pair(sample)
        stored = ImageFacts("array", (labels.shape[0], labels.shape[1]))
        return Look(image, labels, stored, stored)

    def stamp(self, sample: Sample) -> str:
        """Return a SHA-256 of image and labels: arrays have no modification time."""
        image, labels = self._pair(sample)
        return hashlib.sha256(image.tobytes() + labels.tobytes() + repr(image.shape).encode()).hexdigest()

    def _pair(self, sample: Sample) -> Pair:
        split, _, number = sample.name.rpartition("/")
        try:
            image, labels = (np.asarray(array) for array in self.data.splits[split][int(number)])
        except Exception as error:
            problem = f"there is no pair of image and labels ({type(error).__name__}: {error})"
            raise DataError(problem, where=f"{self.spec} {sample.name}") from error
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            problem = f"image is {image.dtype} of shape {image.shape} (expected uint8 RGB of shape (H, W, 3))"
            raise DataError(problem, where=f"{self.spec} {sample.name}")
        if labels.dtype != np.uint8 or labels.shape != image.shape[:2]:
            problem = f"labels are {labels.dtype} of shape {labels.shape} (expected uint8 of shape {image.shape[:2]})"
            raise DataError(problem, where=f"{self.spec} {sample.name}")
        outside = np.unique(labels[(labels >= self.space.num_classes) & (labels != IGNORE_INDEX)])
        if outside.size:
            raise DataError(
                f"labels hold ids outside the classes ({', '.join(map(str, outside.tolist()))})",
                where=f"{self.spec} {sample.name}",
                hint=f"ids are 0 to {self.space.num_classes - 1}, and {IGNORE_INDEX} for ignored pixels",
            )
        return image, labels


def _check(data: OwnData) -> None:
    """Raise RequestError unless classes and splits have the types of `OwnData`."""
    where = type(data).__qualname__
    names: Any = data.classes
    if isinstance(names, str) or not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise RequestError(f"classes is {names!r}", where=where, hint='a list of names, ["road", "tree"]')
    splits: Any = data.splits
    if not isinstance(splits, Mapping):
        raise RequestError(
            f"splits is {with_article(type(splits).__name__)}", where=where, hint='a dict, {"train": …, "val": …}'
        )
    for split, pairs in splits.items():
        if not (hasattr(pairs, "__len__") and hasattr(pairs, "__getitem__")):
            problem = f"split {split} is a {type(pairs).__name__}, which has no length or cannot be indexed"
            raise RequestError(problem, where=where, hint="a list of pairs, or an object with len() and [i]")


def as_source(data: Any) -> Source:
    """Return a data source unchanged, and an `OwnData` object as a source. Raise RequestError for other objects."""
    if all(hasattr(data, name) for name in ("spec", "space", "splits", "survey", "read_image", "read_mask")):
        source: Source = data
        return source
    if hasattr(data, "classes") and hasattr(data, "splits"):
        return OwnSource(data)
    raise RequestError(
        f"data is {with_article(type(data).__qualname__)} (expected a text, a path or a data source)",
        hint="an object with `classes` and `splits`, which maps each split to pairs (image, labels)",
    )
