"""A source seen through another label space or other splits."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from streetseg.data.source import Look, Sample, Source
from streetseg.labels.mappings import bridge
from streetseg.labels.space import LabelSpace


class SourceView:
    """A `Source` that reads from another one, translates its labels and names its own splits.

    Raises:
        RequestError: if no bridge leads to `space`.
    """

    def __init__(self, source: Source, *, space: LabelSpace, splits: Mapping[str, tuple[Sample, ...]]) -> None:
        self.source = source
        self.spec = source.spec
        self.survey = source.survey
        self.max_pixels = source.max_pixels
        self.reading = source.reading
        self.space = space
        self.splits = splits
        self._translate = bridge(source.space, space)

    def read_picture(self, sample: Sample) -> NDArray[np.uint8]:
        """uint8 RGB (H, W, 3). Raises DataError."""
        return self.source.read_picture(sample)

    def read_label(self, sample: Sample) -> NDArray[np.uint8]:
        """uint8 (H, W), ids 0..C-1 of `space` or 255. Raises DataError."""
        return self._translate.take(self.source.read_label(sample))

    def look(self, sample: Sample) -> Look:
        """Both, and how they are stored. Raises DataError."""
        look = self.source.look(sample)
        return replace(look, label=self._translate.take(look.label))

    def stamp(self, sample: Sample) -> str:
        """The other source's stamp: the files are the same."""
        return self.source.stamp(sample)
