"""A source whose pictures and masks are files."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from streetseg.data.files import stamp
from streetseg.data.images import MAX_PIXELS, decode_picture, read_picture
from streetseg.data.issues import Survey
from streetseg.data.masks import MaskCode, decode_mask, read_mask
from streetseg.data.source import Look, Sample
from streetseg.labels.space import LabelSpace
from streetseg.recipe.reading import AS_USUAL, ImageReading


@dataclass(frozen=True)
class FileSource:
    """Pictures and masks on disk, however they were found; a `Source`.

    Args:
        spec: what a person typed, absolute.
        code: how the masks say which class a pixel has.
        splits: the paired samples.
        survey: what was met besides them.
        max_pixels: larger pictures and masks are refused from their header.
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

    def read_picture(self, sample: Sample) -> NDArray[np.uint8]:
        """uint8 RGB (H, W, 3). Raises DataError."""
        return read_picture(sample.picture, max_pixels=self.max_pixels, reading=self.reading)

    def read_label(self, sample: Sample) -> NDArray[np.uint8]:
        """uint8 (H, W), ids 0..C-1 of `space` or 255. Raises DataError."""
        return read_mask(sample.label, self.code, max_pixels=self.max_pixels)

    def look(self, sample: Sample) -> Look:
        """Both, and how they are stored. Raises DataError."""
        picture, picture_stored = decode_picture(sample.picture, max_pixels=self.max_pixels, reading=self.reading)
        mask = decode_mask(sample.label, self.code, max_pixels=self.max_pixels)
        return Look(picture, mask.labels, picture_stored, mask.stored, mask.facts)

    def stamp(self, sample: Sample) -> str:
        """Size and modification time of both files, and what their values mean. Raises DataError."""
        rules = f"{self._code_stamp} {self.reading.exif} {self.reading.range}"
        return f"{stamp(sample.picture)} {stamp(sample.label)} {rules}"

    @cached_property
    def _code_stamp(self) -> str:
        code = self.code
        meanings = sorted(code.ids.items()), sorted(code.colors.items()), code.ids_written, code.asks_255
        return f"{crc32(repr(meanings).encode()):08x}"
