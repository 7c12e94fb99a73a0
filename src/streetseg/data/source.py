"""What every data source offers: samples in splits, and how to read one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from streetseg.labels.space import LabelSpace


@dataclass(frozen=True)
class Sample:
    """One labelled picture.

    Args:
        name: unique in its source, stable between machines, no suffix, e.g. "val/0016E5_07959".
        picture: where the picture comes from, as a person would look for it (a path, or "archive.zip!member").
        label: the same for the mask.
        sequence: the video it was cut from, where the source knows it; frames of a sequence are not independent.
        frame: its position in the sequence, in frames.
    """

    name: str
    picture: str
    label: str
    sequence: str | None = None
    frame: int | None = None


class Source(Protocol):
    """A readable data set. Reading never changes a file."""

    @property
    def spec(self) -> str:
        """What a person typed, absolute, e.g. "camvid:/data/camvid"."""
        ...

    @property
    def space(self) -> LabelSpace:
        """What the ids of the labels mean."""
        ...

    @property
    def splits(self) -> Mapping[str, tuple[Sample, ...]]:
        """The samples of each split."""
        ...

    def read_picture(self, sample: Sample) -> NDArray[np.uint8]:
        """uint8 RGB (H, W, 3). Raises DataError."""
        ...

    def read_label(self, sample: Sample) -> NDArray[np.uint8]:
        """uint8 (H, W), ids 0..C-1 of `space` or its ignore_index. Raises DataError."""
        ...

    def stamp(self, sample: Sample) -> str:
        """A short text that changes whenever the sample's files do (size, modification time)."""
        ...
