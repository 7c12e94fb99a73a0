"""What every data source offers: samples in splits, and how to read one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from streetseg.data.images import Stored
from streetseg.data.issues import Survey
from streetseg.data.masks import MaskFacts
from streetseg.labels.space import LabelSpace
from streetseg.recipe.reading import ImageReading


def short_name(spec: str) -> str:
    """Return a spec without the folders of this machine, for files that are handed around: camvid:CamVid for
    camvid:/home/me/CamVid."""
    kind, colon, path = spec.rpartition(":")
    return f"{kind}{colon}{Path(path).name}"


@dataclass(frozen=True)
class Sample:
    """One labelled picture.

    Args:
        name: unique in its source, stable between machines, no suffix, e.g. "val/0016E5_07959".
        picture: where the picture comes from, as a person would look for it (a path, or "archive.zip!member").
        label: the same for the mask.
        sequence: the video it was cut from, where the source knows it; frames of a sequence are not independent.
        frame: its position in the sequence, in frames.
        seconds: its time in the sequence, where the source knows how fast the camera was.
    """

    name: str
    picture: str
    label: str
    sequence: str | None = None
    frame: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Look:
    """A sample read to be checked.

    Args:
        picture: uint8 RGB (H, W, 3), upright.
        label: uint8 (h, w), ids 0..C-1 of the source's space or its ignore_index.
        picture_stored: how the picture lies on disk.
        label_stored: how the mask does.
        mask: what else is worth knowing of the mask.
    """

    picture: NDArray[np.uint8]
    label: NDArray[np.uint8]
    picture_stored: Stored
    label_stored: Stored
    mask: MaskFacts = field(default_factory=MaskFacts)


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

    @property
    def survey(self) -> Survey:
        """What opening it came upon besides the samples."""
        ...

    @property
    def max_pixels(self) -> int:
        """Larger pictures and masks are refused."""
        ...

    @property
    def reading(self) -> ImageReading:
        """How the image files become 8-bit RGB."""
        ...

    def read_picture(self, sample: Sample) -> NDArray[np.uint8]:
        """uint8 RGB (H, W, 3). Raises DataError."""
        ...

    def read_label(self, sample: Sample) -> NDArray[np.uint8]:
        """uint8 (H, W), ids 0..C-1 of `space` or its ignore_index. Raises DataError."""
        ...

    def look(self, sample: Sample) -> Look:
        """Both, and how they are stored. Raises DataError."""
        ...

    def stamp(self, sample: Sample) -> str:
        """A short text that changes whenever the sample's files do (size, modification time)."""
        ...
