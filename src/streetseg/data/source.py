"""Data sources: samples in splits, and how to read one.

`Source` is what every source offers. In a `FileSource` images and masks are files. A `SourceView` is a source seen
through another label space or other splits.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from streetseg.data.files import stamp
from streetseg.data.images import MAX_PIXELS, ImageFacts, decode_image, read_image
from streetseg.data.issues import Survey
from streetseg.data.masks import MaskCode, MaskFacts, decode_mask, read_mask
from streetseg.labels.mappings import label_mapping
from streetseg.labels.space import LabelSpace
from streetseg.recipe.reading import AS_USUAL, ImageReading


def short_name(spec: str) -> str:
    """Return a spec without the folders of this machine, for files that are handed around: camvid:CamVid for
    camvid:/home/me/CamVid."""
    kind, colon, path = spec.rpartition(":")
    return f"{kind}{colon}{Path(path).name}"


@dataclass(frozen=True)
class Sample:
    """One labeled image.

    Args:
        name: unique in its source, stable between machines, no suffix, e.g. "val/0016E5_07959".
        image: where the image comes from, as a person would look for it (a path, or "archive.zip!member").
        mask: the same for the mask.
        sequence: the video it was cut from, where the source knows it; frames of a sequence are not independent.
        frame: its position in the sequence, in frames.
        seconds: its time in the sequence, where the source knows how fast the camera was.
    """

    name: str
    image: str
    mask: str
    sequence: str | None = None
    frame: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Look:
    """A sample read to be checked.

    Args:
        image: uint8 RGB (H, W, 3), upright.
        labels: uint8 (h, w), ids 0..C-1 of the source's space or its ignore_index.
        image_stored: how the image lies on disk.
        mask_stored: how the mask does.
        mask: what else is worth knowing of the mask.
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    image_stored: ImageFacts
    mask_stored: ImageFacts
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
        """Larger images and masks are refused."""
        ...

    @property
    def reading(self) -> ImageReading:
        """How the image files become 8-bit RGB."""
        ...

    def read_image(self, sample: Sample) -> NDArray[np.uint8]:
        """uint8 RGB (H, W, 3). Raises DataError."""
        ...

    def read_mask(self, sample: Sample) -> NDArray[np.uint8]:
        """uint8 (H, W), ids 0..C-1 of `space` or its ignore_index. Raises DataError."""
        ...

    def look(self, sample: Sample) -> Look:
        """Both, and how they are stored. Raises DataError."""
        ...

    def stamp(self, sample: Sample) -> str:
        """A short text that changes whenever the sample's files do (size, modification time)."""
        ...


@dataclass(frozen=True)
class FileSource:
    """Images and masks on disk, however they were found; a `Source`.

    Args:
        spec: what a person typed, absolute.
        code: how the masks say which class a pixel has.
        splits: the paired samples.
        survey: what was met besides them.
        max_pixels: larger images and masks are refused from their header.
        reading: how the image files become 8-bit RGB.
    """

    spec: str
    code: MaskCode
    splits: Mapping[str, tuple[Sample, ...]]
    survey: Survey
    max_pixels: int = MAX_PIXELS
    reading: ImageReading = AS_USUAL

    @property
    def space(self) -> LabelSpace:
        """The label space of the masks."""
        return self.code.space

    def read_image(self, sample: Sample) -> NDArray[np.uint8]:
        """uint8 RGB (H, W, 3). Raises DataError."""
        return read_image(sample.image, max_pixels=self.max_pixels, reading=self.reading)

    def read_mask(self, sample: Sample) -> NDArray[np.uint8]:
        """uint8 (H, W), ids 0..C-1 of `space` or 255. Raises DataError."""
        return read_mask(sample.mask, self.code, max_pixels=self.max_pixels)

    def look(self, sample: Sample) -> Look:
        """Both, and how they are stored. Raises DataError."""
        image, image_stored = decode_image(sample.image, max_pixels=self.max_pixels, reading=self.reading)
        mask = decode_mask(sample.mask, self.code, max_pixels=self.max_pixels)
        return Look(image, mask.labels, image_stored, mask.stored, mask.facts)

    def stamp(self, sample: Sample) -> str:
        """Size and modification time of both files, and what their values mean. Raises DataError."""
        rules = f"{self._code_stamp} {self.reading.exif} {self.reading.range}"
        return f"{stamp(sample.image)} {stamp(sample.mask)} {rules}"

    @cached_property
    def _code_stamp(self) -> str:
        code = self.code
        meanings = sorted(code.ids.items()), sorted(code.colors.items()), code.ids_written, code.asks_255
        return f"{crc32(repr(meanings).encode()):08x}"


class SourceView:
    """A `Source` that reads from another one, translates its labels and names its own splits.

    Raises:
        RequestError: if no label mapping leads to `space`.
    """

    def __init__(self, source: Source, *, space: LabelSpace, splits: Mapping[str, tuple[Sample, ...]]) -> None:
        self.source = source
        self.spec = source.spec
        self.survey = source.survey
        self.max_pixels = source.max_pixels
        self.reading = source.reading
        self.space = space
        self.splits = splits
        self._translate = label_mapping(source.space, space)

    def read_image(self, sample: Sample) -> NDArray[np.uint8]:
        """uint8 RGB (H, W, 3). Raises DataError."""
        return self.source.read_image(sample)

    def read_mask(self, sample: Sample) -> NDArray[np.uint8]:
        """uint8 (H, W), ids 0..C-1 of `space` or 255. Raises DataError."""
        return self._translate.take(self.source.read_mask(sample))

    def look(self, sample: Sample) -> Look:
        """Both, and how they are stored. Raises DataError."""
        look = self.source.look(sample)
        return replace(look, labels=self._translate.take(look.labels))

    def stamp(self, sample: Sample) -> str:
        """The other source's stamp: the files are the same."""
        return self.source.stamp(sample)
