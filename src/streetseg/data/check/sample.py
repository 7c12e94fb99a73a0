"""What is kept of a sample once its two files were read."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streetseg.data.check.perceptual_hash import perceptual_hash
from streetseg.data.files import FileError
from streetseg.data.masks import MaskFacts
from streetseg.data.source import Sample, Source
from streetseg.labels.space import Color

_SAMPLED = 256  # rows and columns that mean colors are taken from
_SPECK = 0.002  # share of the image below which a class has no color worth comparing


@dataclass(frozen=True)
class SampleStats:
    """One sample.

    Args:
        counts: int64 (256,), pixels of each id of the source's space, 255 being those that count nowhere.
        size: height and width of image and mask, upright.
        image_stored: how the image is stored, in words.
        mask_stored: the same for the mask.
        image_turned: whether an EXIF orientation was applied to the image.
        mask_turned: whether the mask has one, which is not applied.
        content: digest of the image's pixels, whatever file they came from.
        perceptual_hash: perceptual hash of the image, 16 bytes.
        mask: what is worth knowing of the mask besides its labels.
        colors: id -> mean color of the image under it, of the classes that are more than specks.
        values: lowest and highest value of a 16-bit image; None for one of 8 bits.
        fits_unturned: whether the image was turned, and the mask has the size of the unturned one, too.
    """

    counts: NDArray[np.int64]
    size: tuple[int, int]
    image_stored: str
    mask_stored: str
    image_turned: bool
    mask_turned: bool
    content: str
    perceptual_hash: bytes
    mask: MaskFacts = field(default_factory=MaskFacts)
    colors: Mapping[int, Color] = field(default_factory=dict)
    values: tuple[int, int] | None = None
    fits_unturned: bool = False

    @property
    def mask_mode(self) -> str:
        """How the mask's pixels are stored, whatever the format of the file: "P", "RGB", "16-bit gray"."""
        return self.mask_stored.rpartition(" ")[0] or self.mask_stored

    def as_json(self) -> dict[str, Any]:
        """For the cache; the counts as [id, pixels] of the ids that are there."""
        present = np.flatnonzero(self.counts)
        return {
            "counts": [[int(i), int(self.counts[i])] for i in present],
            "size": list(self.size),
            "image_stored": self.image_stored,
            "mask_stored": self.mask_stored,
            "image_turned": self.image_turned,
            "mask_turned": self.mask_turned,
            "content": self.content,
            "perceptual_hash": self.perceptual_hash.hex(),
            "reading": self.mask.reading,
            "transparent": self.mask.transparent,
            "binary": self.mask.binary,
            "palette": [[index, *color] for index, color in self.mask.palette.items()],
            "colors": [[class_id, *color] for class_id, color in self.colors.items()],
            "values": self.values,
            "fits_unturned": self.fits_unturned,
        }

    @classmethod
    def from_json(cls, reported: Mapping[str, Any]) -> "SampleStats":
        """What `as_json` wrote. Raises KeyError, TypeError, ValueError or IndexError for anything else."""
        counts = np.zeros(256, np.int64)
        for class_id, pixels in reported["counts"]:
            counts[class_id] = pixels
        height, width = reported["size"]
        values = reported["values"]
        names = ("image_stored", "mask_stored", "image_turned", "mask_turned", "content", "fits_unturned")
        palette, colors = (
            {index: (red, green, blue) for index, red, green, blue in reported[name]} for name in ("palette", "colors")
        )
        return cls(
            counts,
            (height, width),
            **{name: reported[name] for name in names},
            perceptual_hash=bytes.fromhex(reported["perceptual_hash"]),
            mask=MaskFacts(reported["reading"], reported["transparent"], reported["binary"], palette),
            colors=colors,
            values=None if values is None else (values[0], values[1]),
        )


def look_at(source: Source, sample: Sample) -> SampleStats:
    """Reads a sample.

    Raises:
        DataError: a file cannot be used, or image and mask differ in size.
    """
    look = source.look(sample)
    size = (look.image.shape[0], look.image.shape[1])
    fits_unturned = look.image_stored.turned and look.image_stored.size == look.labels.shape
    if size != look.labels.shape:
        found = f"image {size[0]}x{size[1]}, mask {look.labels.shape[0]}x{look.labels.shape[1]}"
        hint = None
        if fits_unturned:
            found += "; the mask fits the image as it is stored, before its EXIF rotation"
            hint = "data.exif=ignore leaves images as they are stored"
        raise FileError(sample.mask, "image and mask differ in size", found, hint=hint)
    return SampleStats(
        counts=np.bincount(look.labels.ravel(), minlength=256),
        size=size,
        image_stored=look.image_stored.words,
        mask_stored=look.mask_stored.words,
        image_turned=look.image_stored.turned,
        mask_turned=look.mask_stored.turned,
        content=hashlib.sha256(repr(size).encode() + look.image.tobytes()).hexdigest(),
        perceptual_hash=perceptual_hash(look.image),
        mask=look.mask,
        colors=_colors(look.image, look.labels, source.space.num_classes),
        values=look.image_stored.values,
        fits_unturned=fits_unturned,
    )


def _colors(image: NDArray[np.uint8], labels: NDArray[np.uint8], classes: int) -> dict[int, Color]:
    """Mean color under each class, from a grid of pixels."""
    rows, columns = (max(1, length // _SAMPLED) for length in labels.shape)
    pixels, ids = image[::rows, ::columns].reshape(-1, 3), labels[::rows, ::columns].ravel()
    counts = np.bincount(ids, minlength=256)[:classes]
    sums = [np.bincount(ids, weights=pixels[:, channel], minlength=256)[:classes] for channel in range(3)]
    means = np.rint(np.stack(sums, axis=-1) / np.maximum(counts, 1)[:, None]).astype(int)
    return {int(i): tuple(means[i].tolist()) for i in np.flatnonzero(counts > _SPECK * len(ids))}
