"""Findings: what the check of a data set found, and whether its labels can be learned and scored at all."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streetseg.data.check.remarks import Remark
from streetseg.data.check.sample import SampleStats
from streetseg.data.class_weights import POWERS, class_weights
from streetseg.data.files import FileError
from streetseg.data.source import Sample
from streetseg.errors import DataError
from streetseg.labels.space import LabelSpace


@dataclass(frozen=True)
class SplitFindings:
    """What the files of a split hold.

    Args:
        space: what the ids mean.
        samples: those that can be used, in order, and what is in them.
    """

    space: LabelSpace
    samples: tuple[tuple[Sample, SampleStats], ...]

    @property
    def images(self) -> int:
        """Number of labeled images."""
        return len(self.samples)

    @property
    def counts(self) -> NDArray[np.int64]:
        """int64 (C,), pixels of each class."""
        return self.class_pixels[: self.space.num_classes]

    @property
    def ignored(self) -> int:
        """Pixels of the ignore index."""
        return int(self.class_pixels[self.space.ignore_index])

    @property
    def sizes(self) -> Mapping[tuple[int, int], int]:
        """(height, width) of the images, upright -> how many."""
        return Counter(stats.size for _, stats in self.samples)

    @property
    def images_stored(self) -> Mapping[str, int]:
        """How the images are stored ("RGB PNG", "16-bit gray TIFF") -> how many."""
        return Counter(stats.image_stored for _, stats in self.samples)

    @property
    def masks_stored(self) -> Mapping[str, int]:
        """The same for the masks."""
        return Counter(stats.mask_stored for _, stats in self.samples)

    @property
    def turned(self) -> int:
        """Images that an EXIF orientation turns."""
        return sum(stats.image_turned for _, stats in self.samples)

    @cached_property
    def class_pixels(self) -> NDArray[np.int64]:
        """Pixels of each id in all masks, int64 (256,)."""
        return sum((stats.counts for _, stats in self.samples), np.zeros(256, np.int64))


@dataclass(frozen=True)
class Findings:
    """What the files of a source hold, and what is wrong with them.

    Args:
        spec: the data set.
        space: what its labels mean.
        notes: what was recognized on opening it, a sentence each.
        splits: split -> what its usable files hold.
        remarks: what is worth knowing, though the data can be used.
        errors: what must be mended first; a `FileError` is about one file.
    """

    spec: str
    space: LabelSpace
    notes: tuple[str, ...]
    splits: Mapping[str, SplitFindings]
    remarks: tuple[Remark, ...]
    errors: tuple[DataError, ...]

    def class_weights(self, split: str | None) -> dict[str, dict[str, float]] | None:
        """What `loss.class_weights` would weigh each class by: its values -> class -> weight, mean 1.

        Args:
            split: what is trained on; none, or one that is not there, takes all splits together.

        Returns None where no pixel counts.
        """
        chosen = [self.splits[split]] if split is not None and split in self.splits else list(self.splits.values())
        pixels = sum((found.counts for found in chosen), np.zeros(self.space.num_classes, np.int64))
        if not pixels.any():
            return None
        return {
            name: dict(zip(self.space.names, class_weights(pixels, power).tolist(), strict=True))
            for name, power in POWERS.items()
        }

    def as_json(self) -> dict[str, Any]:
        """For data.json and `--json`: counts by class name, sizes as "HxW"."""
        return {
            "spec": self.spec,
            "space": self.space.name,
            "notes": list(self.notes),
            "splits": {
                name: {
                    "images": found.images,
                    "counts": dict(zip(self.space.names, found.counts.tolist(), strict=True)),
                    "ignored": found.ignored,
                    "sizes": {f"{height}x{width}": count for (height, width), count in found.sizes.items()},
                    "images_stored": dict(found.images_stored),
                    "masks_stored": dict(found.masks_stored),
                    "turned": found.turned,
                }
                for name, found in self.splits.items()
            },
            "warnings": [remark.as_json() for remark in self.remarks],
            "errors": [_error_as_json(error) for error in self.errors],
        }


def _error_as_json(error: DataError) -> dict[str, Any]:
    if isinstance(error, FileError):
        return {"files": [error.place], "problem": error.problem, "found": error.detail or None, "hint": error.hint}
    return {"files": list(error.where), "problem": error.problem, "found": None, "hint": error.hint}


def require_labels(findings: Findings, split: str, *, hint: str) -> None:
    """Raise DataError if every pixel of a split is ignored.

    Args:
        findings: of that split, at least.
        hint: how to name another split.
    """
    if not findings.splits[split].counts.any():
        raise DataError(
            f"every pixel of split {split!r} is ignored: there is nothing to train on or to score",
            where=findings.spec,
            hint=f"{hint}; or see which value of the masks is ignored: streetseg check",
        )


def require_two_classes(findings: Findings, split: str) -> None:
    """Raise DataError if a split that is trained on holds one class only: a network that always answers it
    scores 100 %."""
    names = [name for name, pixels in zip(findings.space.names, findings.splits[split].counts, strict=True) if pixels]
    if len(names) == 1:
        raise DataError(
            f"split {split!r} holds one class only ({names[0]}): a network that always answers it scores 100 %",
            where=findings.spec,
            hint="give the other pixels a class of their own and do not ignore them, in a folder:FILE.yaml, each class"
            " with the id that it has in the masks, such as"
            f" classes: [{{name: {names[0]}, id: ID}}, {{name: background, id: 255}}]",
        )
