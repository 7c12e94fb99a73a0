"""Statistics of a sample: what the check keeps of an image and its mask."""

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

_SAMPLED = 256  # rows and columns of the grid that mean colors are computed from
_SPECK = 0.002  # a class that covers a smaller share of the image has no mean color


@dataclass(frozen=True)
class SampleStats:
    """Statistics of one sample.

    Args:
        counts: int64 (256,), pixels of each id of the source's label space; 255 is the ignore index.
        size: height and width of the upright image and of the mask.
        image_stored: how the image is stored, e.g. "RGB PNG".
        mask_stored: how the mask is stored, e.g. "P PNG".
        image_turned: whether an EXIF orientation was applied to the image.
        mask_turned: whether the mask has an EXIF orientation; it is not applied.
        content: SHA-256 of size and pixels of the image, in hex.
        perceptual_hash: perceptual hash of the image, 16 bytes.
        mask: properties of the mask besides its labels.
        colors: id -> mean color of its pixels in the image, for classes that cover enough of it.
        values: lowest and highest value of a 16-bit image; None for an 8-bit image.
        fits_unturned: whether the image was turned and the mask also has the size of the image as stored.
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
        """Storage of the pixels of the mask, without the file format: "P", "RGB", "16-bit gray"."""
        return self.mask_stored.rpartition(" ")[0] or self.mask_stored

    def as_json(self) -> dict[str, Any]:
        """Return the statistics for the cache; counts as [id, pixels] for each id with pixels."""
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
            "near": self.mask.near,
            "other": self.mask.other,
            "colors": [[class_id, *color] for class_id, color in self.colors.items()],
            "values": self.values,
            "fits_unturned": self.fits_unturned,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "SampleStats":
        """Return the statistics that `as_json` wrote.

        Raises:
            KeyError, TypeError, ValueError, IndexError: the content is not what `as_json` writes.
        """
        counts = np.zeros(256, np.int64)
        for class_id, pixels in content["counts"]:
            counts[class_id] = pixels
        height, width = content["size"]
        values = content["values"]
        names = ("image_stored", "mask_stored", "image_turned", "mask_turned", "content", "fits_unturned")
        facts = ("reading", "transparent", "binary", "near", "other")
        palette, colors = (
            {index: (red, green, blue) for index, red, green, blue in content[name]} for name in ("palette", "colors")
        )
        return cls(
            counts,
            (height, width),
            **{name: content[name] for name in names},
            perceptual_hash=bytes.fromhex(content["perceptual_hash"]),
            mask=MaskFacts(palette=palette, **{name: content[name] for name in facts}),
            colors=colors,
            values=None if values is None else (values[0], values[1]),
        )


def look_at(source: Source, sample: Sample) -> SampleStats:
    """Read image and mask of a sample and return their statistics.

    Raises:
        DataError: a file cannot be used, or image and mask differ in size.
    """
    look = source.look(sample)
    size = (look.image.shape[0], look.image.shape[1])
    fits_unturned = look.image_stored.turned and look.image_stored.size == look.labels.shape
    if size != look.labels.shape:
        sizes = f"image {size[0]}x{size[1]}, mask {look.labels.shape[0]}x{look.labels.shape[1]}"
        hint = None
        if fits_unturned:
            sizes += "; the mask fits the image as it is stored, before its EXIF rotation"
            hint = "data.exif=ignore leaves images as they are stored"
        raise FileError(sample.mask, "image and mask differ in size", sizes, hint=hint)
    return SampleStats(
        counts=np.bincount(look.labels.ravel(), minlength=256),
        size=size,
        image_stored=look.image_stored.description,
        mask_stored=look.mask_stored.description,
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
    """Return the mean color of each class in the image, computed on a grid of pixels."""
    rows, columns = (max(1, length // _SAMPLED) for length in labels.shape)
    pixels, ids = image[::rows, ::columns].reshape(-1, 3), labels[::rows, ::columns].ravel()
    counts = np.bincount(ids, minlength=256)[:classes]
    sums = [np.bincount(ids, weights=pixels[:, channel], minlength=256)[:classes] for channel in range(3)]
    means = np.rint(np.stack(sums, axis=-1) / np.maximum(counts, 1)[:, None]).astype(int)
    return {int(i): tuple(means[i].tolist()) for i in np.flatnonzero(counts > _SPECK * len(ids))}
