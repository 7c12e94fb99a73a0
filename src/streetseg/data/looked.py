"""What is kept of a sample once its two files were read."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streetseg.data.files import FileError
from streetseg.data.likeness import likeness
from streetseg.data.source import Sample, Source


@dataclass(frozen=True)
class Looked:
    """One sample.

    Args:
        counts: int64 (256,), pixels of each id of the source's space, 255 being those that count nowhere.
        size: height and width of picture and mask, upright.
        picture_stored: how the picture is stored, in words.
        label_stored: the same for the mask.
        picture_turned: whether an EXIF orientation was applied to the picture.
        label_turned: whether the mask has one, which is not applied.
        content: digest of the picture's pixels, whatever file they came from.
        likeness: perceptual hash of the picture, 16 bytes.
        values: lowest and highest value of a 16-bit image; None for one of 8 bits.
        fits_unturned: whether the picture was turned, and the mask has the size of the unturned one, too.
    """

    counts: NDArray[np.int64]
    size: tuple[int, int]
    picture_stored: str
    label_stored: str
    picture_turned: bool
    label_turned: bool
    content: str
    likeness: bytes
    values: tuple[int, int] | None = None
    fits_unturned: bool = False

    def as_json(self) -> dict[str, Any]:
        """For the cache; the counts as [id, pixels] of the ids that are there."""
        present = np.flatnonzero(self.counts)
        return {
            "counts": [[int(i), int(self.counts[i])] for i in present],
            "size": list(self.size),
            "picture_stored": self.picture_stored,
            "label_stored": self.label_stored,
            "picture_turned": self.picture_turned,
            "label_turned": self.label_turned,
            "content": self.content,
            "likeness": self.likeness.hex(),
            "values": self.values,
            "fits_unturned": self.fits_unturned,
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Looked":
        """What `as_json` wrote. Raises KeyError, TypeError, ValueError or IndexError for anything else."""
        counts = np.zeros(256, np.int64)
        for class_id, pixels in told["counts"]:
            counts[class_id] = pixels
        height, width = told["size"]
        values = told["values"]
        names = ("picture_stored", "label_stored", "picture_turned", "label_turned", "content", "fits_unturned")
        return cls(
            counts,
            (height, width),
            **{name: told[name] for name in names},
            likeness=bytes.fromhex(told["likeness"]),
            values=None if values is None else (values[0], values[1]),
        )


def look_at(source: Source, sample: Sample) -> Looked:
    """Reads a sample.

    Raises:
        DataError: a file cannot be used, or picture and mask differ in size.
    """
    look = source.look(sample)
    size = (look.picture.shape[0], look.picture.shape[1])
    fits_unturned = look.picture_stored.turned and look.picture_stored.size == look.label.shape
    if size != look.label.shape:
        found = f"picture {size[0]}x{size[1]}, mask {look.label.shape[0]}x{look.label.shape[1]}"
        hint = None
        if fits_unturned:
            found += "; the mask fits the picture as it is stored, before its EXIF rotation"
            hint = "data.exif=ignore leaves images as they are stored"
        raise FileError(sample.label, "picture and mask differ in size", found, hint=hint)
    return Looked(
        counts=np.bincount(look.label.ravel(), minlength=256),
        size=size,
        picture_stored=look.picture_stored.words,
        label_stored=look.label_stored.words,
        picture_turned=look.picture_stored.turned,
        label_turned=look.label_stored.turned,
        content=hashlib.sha256(repr(size).encode() + look.picture.tobytes()).hexdigest(),
        likeness=likeness(look.picture),
        values=look.picture_stored.values,
        fits_unturned=fits_unturned,
    )
