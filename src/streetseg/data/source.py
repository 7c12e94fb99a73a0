"""Data sources: samples in splits, and methods that read them.

`Source` is the protocol of all sources. The images and masks of a `FileSource` are files. A `SourceView` presents
another source in a different label space or with different splits.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from streetseg.arrays import Size
from streetseg.data.files import stamp
from streetseg.data.images import MAX_PIXELS, ImageFacts, decode_image, read_image, upright_size
from streetseg.data.issues import Survey
from streetseg.data.mask_code import MaskCode
from streetseg.data.masks import MaskFacts, decode_mask, read_mask
from streetseg.labels.mappings import label_mapping
from streetseg.labels.space import LabelSpace
from streetseg.recipe.datasets import parts_of
from streetseg.recipe.reading import AS_USUAL, ImageReading
from streetseg.text import without_folders

if TYPE_CHECKING:
    from streetseg.recipe.schema import Data


def short_name(spec: str) -> str:
    """Return a spec without the folders of this machine, for files that are shared: camvid:CamVid for
    camvid:/home/me/CamVid."""
    parts = (part.partition(":") for part in parts_of(spec))
    return "+".join(f"{kind}{colon}{Path(path).name}" for kind, colon, path in parts)


def short_text(text: str, spec: str) -> str:
    """Return a text about a data set without the folders of this machine, for files that are shared: CamVid/val/x.png
    for /home/me/CamVid/val/x.png."""
    for part in parts_of(spec):
        path = Path(part.partition(":")[2])
        for place in (path, path.parent) if path.is_file() else (path,):
            if place.is_absolute() and place.name:
                text = text.replace(str(place), place.name)
    return without_folders(text)


@dataclass(frozen=True)
class Sample:
    """One labeled image.

    Args:
        name: unique in its source, the same on every machine, without suffix, e.g. "val/0016E5_07959".
        image: place of the image: a path, or "archive.zip!member".
        mask: place of the mask.
        sequence: the video that the image is a frame of, if known; frames of a sequence are not independent.
        frame: the number of the frame in the sequence.
        seconds: the time of the frame in the sequence, if the frame rate is known.
        origin: the data set that the image is from, where several are joined.
    """

    name: str
    image: str
    mask: str
    sequence: str | None = None
    frame: int | None = None
    seconds: float | None = None
    origin: str | None = None


@dataclass(frozen=True)
class Look:
    """A sample as the check reads it.

    Args:
        image: uint8 RGB (H, W, 3), upright.
        labels: uint8 (h, w), ids 0..C-1 of the source's label space or its ignore_index.
        image_stored: how the image is stored.
        mask_stored: how the mask is stored.
        mask: properties of the mask besides its labels.
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    image_stored: ImageFacts
    mask_stored: ImageFacts
    mask: MaskFacts = field(default_factory=MaskFacts)


class Source(Protocol):
    """A data set that can be read. Reading never changes a file."""

    @property
    def spec(self) -> str:
        """The data set as named by the user, with an absolute path, e.g. "camvid:/data/camvid"."""
        ...

    @property
    def space(self) -> LabelSpace:
        """The label space of the ids."""
        ...

    @property
    def splits(self) -> Mapping[str, tuple[Sample, ...]]:
        """The samples of each split."""
        ...

    @property
    def survey(self) -> Survey:
        """What was found besides the samples when the source was opened."""
        ...

    @property
    def max_pixels(self) -> int:
        """The largest number of pixels that an image or mask may have."""
        ...

    @property
    def reading(self) -> ImageReading:
        """How image files are converted to 8-bit RGB."""
        ...

    def read_image(self, sample: Sample) -> NDArray[np.uint8]:
        """Return the image, uint8 RGB (H, W, 3). Raise DataError if it cannot be read."""
        ...

    def read_mask(self, sample: Sample) -> NDArray[np.uint8]:
        """Return the labels, uint8 (H, W), ids of `space` or its ignore_index. Raise DataError on failure."""
        ...

    def look(self, sample: Sample) -> Look:
        """Return image, labels and how both are stored. Raise DataError if one cannot be read."""
        ...

    def stamp(self, sample: Sample) -> str:
        """Return a short text that changes when the sample's files change (by size and modification time)."""
        ...


class ImageFiles:
    """The part of a source that reads its images, where these are files."""

    max_pixels: int
    reading: ImageReading

    def read_image(self, sample: Sample) -> NDArray[np.uint8]:
        """Return the image, uint8 RGB (H, W, 3). Raise DataError if it cannot be read."""
        return read_image(sample.image, max_pixels=self.max_pixels, reading=self.reading)

    def header_size(self, sample: Sample) -> Size:
        """Return height and width of the image from the header of its file. Raise DataError if it cannot be read."""
        return upright_size(sample.image, max_pixels=self.max_pixels, reading=self.reading)


@dataclass(frozen=True)
class FileSource(ImageFiles):
    """A `Source` whose images and masks are files.

    Args:
        spec: the data set as named by the user, with an absolute path.
        code: how the masks encode the class of a pixel.
        splits: the paired samples.
        survey: the files that belong to no sample.
        max_pixels: the largest number of pixels that an image or mask may have, by its header.
        reading: how image files are converted to 8-bit RGB.
        defaults: field of `Data` -> the value that the data set itself gives it.
    """

    spec: str
    code: MaskCode
    splits: Mapping[str, tuple[Sample, ...]]
    survey: Survey
    max_pixels: int = MAX_PIXELS
    reading: ImageReading = AS_USUAL
    defaults: Mapping[str, Any] = field(default_factory=dict)

    @property
    def space(self) -> LabelSpace:
        """The label space of the masks."""
        return self.code.space

    def read_mask(self, sample: Sample) -> NDArray[np.uint8]:
        """Return the labels, uint8 (H, W), ids 0..C-1 of `space` or 255. Raise DataError if they cannot be read."""
        return read_mask(sample.mask, self.code, max_pixels=self.max_pixels)

    def look(self, sample: Sample) -> Look:
        """Return image, labels and how both are stored. Raise DataError if one cannot be read."""
        image, image_stored = decode_image(sample.image, max_pixels=self.max_pixels, reading=self.reading)
        mask = decode_mask(sample.mask, self.code, max_pixels=self.max_pixels)
        return Look(image, mask.labels, image_stored, mask.stored, mask.facts)

    def reader(self) -> "FileSource":
        """Return the source without its lists, for another process."""
        return replace(self, splits={}, survey=Survey())

    def stamp(self, sample: Sample) -> str:
        """Return size and modification time of both files, and a hash of the rules that read them.

        Raises:
            DataError: a file is missing or cannot be read.
        """
        rules = f"{self._code_stamp} {self.reading.exif} {self.reading.range}"
        return f"{stamp(sample.image)} {stamp(sample.mask)} {rules}"

    @cached_property
    def _code_stamp(self) -> str:
        code = self.code
        meanings = [sorted(code.ids.items()), sorted(code.colors.items()), code.ids_written, code.asks_255]
        meanings += [code.channel, code.tolerance, code.others_ignored, sorted(code.labels.items())]
        return f"{crc32(repr(meanings).encode()):08x}"


class SourceView:
    """A `Source` that reads from another source, maps its labels to `space`, and has its own splits.

    Raises:
        RequestError: there is no label mapping to `space`.
    """

    def __init__(self, source: Source, *, space: LabelSpace, splits: Mapping[str, tuple[Sample, ...]]) -> None:
        self.source = source
        self.spec = source.spec
        self.survey = source.survey
        self.max_pixels = source.max_pixels
        self.reading = source.reading
        self.space = space
        self.splits = splits
        self.mapping = label_mapping(source.space, space)

    def read_image(self, sample: Sample) -> NDArray[np.uint8]:
        """Return the image, uint8 RGB (H, W, 3). Raise DataError if it cannot be read."""
        return self.source.read_image(sample)

    def read_mask(self, sample: Sample) -> NDArray[np.uint8]:
        """Return the labels, uint8 (H, W), ids 0..C-1 of `space` or 255. Raise DataError if they cannot be read."""
        return self.mapping.take(self.source.read_mask(sample))

    def header_size(self, sample: Sample) -> Size | None:
        """Return height and width of the image from the header of its file; None if it is no file."""
        return header_size(self.source, sample)

    def reader(self) -> "SourceView | None":
        """Return the source without its lists, for another process; None if it exists in this process only."""
        reader = reader_of(self.source)
        return None if reader is None else SourceView(reader, space=self.space, splits={})

    def look(self, sample: Sample) -> Look:
        """Return image, labels and how both are stored. Raise DataError if one cannot be read."""
        look = self.source.look(sample)
        return replace(look, labels=self.mapping.take(look.labels))

    def stamp(self, sample: Sample) -> str:
        """Return the stamp of the other source, as the files are the same."""
        return self.source.stamp(sample)


def with_defaults(data: "Data", source: Source) -> "Data":
    """Return `data` with the values that the data set itself gives to fields that are not set explicitly."""
    while isinstance(source, SourceView):
        source = source.source
    defaults = source.defaults if isinstance(source, FileSource) else {}
    return data.model_copy(update={key: v for key, v in defaults.items() if key not in data.model_fields_set})


def with_own_classes(source: Source) -> Source:
    """Return the source with its splits and all classes of its masks, in place of those that it is mapped to."""
    if isinstance(source, SourceView):
        return SourceView(source.source, space=source.source.space, splits=source.splits)
    return source


def mask_ids(source: Source) -> list[list[int]] | None:
    """Return the ids on disk of each class of `source.space`, ascending; None where masks are colors or no files."""
    if isinstance(source, SourceView):
        ids = mask_ids(source.source)
        if ids is None:
            return None
        mapped: list[list[int]] = [[] for _ in source.space.names]
        for class_id, values in enumerate(ids):
            if (target := int(source.mapping[class_id])) != source.space.ignore_index:
                mapped[target] += values
        return [sorted(values) for values in mapped]
    if (
        not isinstance(source, FileSource)
        or not source.code.ids
        or (source.code.colors and not source.code.ids_written)
    ):
        return None
    found: list[list[int]] = [[] for _ in source.space.names]
    for value, class_id in sorted(source.code.ids.items()):
        if class_id != source.space.ignore_index:
            found[class_id].append(value)
    return found


def image_sizes(source: Source, samples: Sequence[Sample]) -> list[Size]:
    """Return height and width of each image, from the headers of the files.

    Images that are no files have no headers: they are taken to be as large as the first of them, which is read.

    Raises:
        DataError: a file cannot be read.
    """
    found = [header_size(source, sample) for sample in samples]
    if None in found:
        height, width = source.read_image(samples[found.index(None)]).shape[:2]
    return [size or (height, width) for size in found]


def header_size(source: Source, sample: Sample) -> Size | None:
    """Return height and width of an image from the header of its file, or None if it is no file.

    A source of the caller's own needs no such method. Raise DataError if the file cannot be read.
    """
    size_of: Callable[[Sample], Size | None] | None = getattr(source, "header_size", None)
    return size_of(sample) if size_of else None


def reader_of(source: Source) -> Source | None:
    """Return the source without its lists, for another process; None if it may exist in this process only."""
    reader: Callable[[], Source | None] | None = getattr(source, "reader", None)
    return reader() if reader else None
