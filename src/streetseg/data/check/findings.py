"""Findings: the result of the check of a data set, and tests that its labels can be trained on and scored."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from streetseg.data.check.remarks import Remark
from streetseg.data.check.sample import SampleStats
from streetseg.data.class_weights import POWERS, class_weights
from streetseg.data.files import FileError
from streetseg.data.source import Sample
from streetseg.errors import DataError
from streetseg.labels.space import LabelSpace

if TYPE_CHECKING:
    from streetseg.json_files.data import Findings as FindingsJson
    from streetseg.json_files.data import Problem


@dataclass(frozen=True)
class SplitFindings:
    """The content of a split.

    Args:
        space: the label space of the ids.
        samples: the usable samples, in order, with their statistics.
    """

    space: LabelSpace
    samples: tuple[tuple[Sample, SampleStats], ...]

    @property
    def images(self) -> int:
        """Number of labeled images."""
        return len(self.samples)

    @property
    def counts(self) -> NDArray[np.int64]:
        """Pixels of each class, int64 (C,)."""
        return self.class_pixels[: self.space.num_classes]

    @property
    def ignored(self) -> int:
        """Number of pixels with the ignore index."""
        return int(self.class_pixels[self.space.ignore_index])

    @property
    def sizes(self) -> Mapping[tuple[int, int], int]:
        """(height, width) of the upright images -> number of images."""
        return Counter(stats.size for _, stats in self.samples)

    @property
    def images_stored(self) -> Mapping[str, int]:
        """Storage of the images ("RGB PNG", "16-bit gray TIFF") -> number of images."""
        return Counter(stats.image_stored for _, stats in self.samples)

    @property
    def masks_stored(self) -> Mapping[str, int]:
        """Storage of the masks -> number of masks."""
        return Counter(stats.mask_stored for _, stats in self.samples)

    @property
    def turned(self) -> int:
        """Number of images to which an EXIF orientation was applied."""
        return sum(stats.image_turned for _, stats in self.samples)

    @cached_property
    def class_pixels(self) -> NDArray[np.int64]:
        """Pixels of each id in the labels of the split, int64 (256,)."""
        return sum((stats.counts for _, stats in self.samples), np.zeros(256, np.int64))


@dataclass(frozen=True)
class Findings:
    """The content of a source and all its problems.

    Args:
        spec: the data set, as `Source.spec`.
        space: its label space.
        notes: what was recognized when it was opened, one sentence each.
        splits: split -> the content of its usable files.
        remarks: what a user should know although the data can be used.
        errors: problems that must be fixed before the data can be used; a `FileError` concerns one file.
    """

    spec: str
    space: LabelSpace
    notes: tuple[str, ...]
    splits: Mapping[str, SplitFindings]
    remarks: tuple[Remark, ...]
    errors: tuple[DataError, ...]

    def class_weights(self, split: str | None) -> dict[str, dict[str, float]] | None:
        """Return the class weights for each value of `loss.class_weights`: value -> class -> weight, with mean 1.

        Args:
            split: the training split; None, or a split that does not exist: all splits together.

        Returns:
            The weights; None if every pixel is ignored.
        """
        splits = [self.splits[split]] if split is not None and split in self.splits else list(self.splits.values())
        pixels = sum((content.counts for content in splits), np.zeros(self.space.num_classes, np.int64))
        if not pixels.any():
            return None
        return {
            name: dict(zip(self.space.names, class_weights(pixels, power).tolist(), strict=True))
            for name, power in POWERS.items()
        }

    def as_json(self) -> "FindingsJson":
        """Return the findings for data.json and `--json`: counts by class name, sizes as "HxW"."""
        return {
            "spec": self.spec,
            "space": self.space.name,
            "notes": list(self.notes),
            "splits": {
                name: {
                    "images": content.images,
                    "counts": dict(zip(self.space.names, content.counts.tolist(), strict=True)),
                    "ignored": content.ignored,
                    "sizes": {f"{height}x{width}": count for (height, width), count in content.sizes.items()},
                    "images_stored": dict(content.images_stored),
                    "masks_stored": dict(content.masks_stored),
                    "turned": content.turned,
                }
                for name, content in self.splits.items()
            },
            "warnings": [remark.as_json() for remark in self.remarks],
            "errors": [_error_as_json(error) for error in self.errors],
        }


def _error_as_json(error: DataError) -> "Problem":
    if isinstance(error, FileError):
        return {"files": [error.place], "problem": error.problem, "found": error.detail or None, "hint": error.hint}
    return {"files": list(error.where), "problem": error.problem, "found": None, "hint": error.hint}


def require_labels(findings: Findings, split: str, *, hint: str) -> None:
    """Raise DataError if every pixel of a split is ignored.

    Args:
        findings: findings that include the split.
        split: its name.
        hint: how to choose another split.
    """
    if not findings.splits[split].counts.any():
        raise DataError(
            f"every pixel of split {split!r} is ignored: there is nothing to train on or to score",
            where=findings.spec,
            hint=f"{hint}; or see which value of the masks is ignored: streetseg check",
        )


def require_two_classes(findings: Findings, split: str) -> None:
    """Raise DataError if a training split holds only one class: a network that always predicts it scores 100 %."""
    names = [name for name, pixels in zip(findings.space.names, findings.splits[split].counts, strict=True) if pixels]
    if len(names) == 1:
        raise DataError(
            f"split {split!r} holds one class only ({names[0]}): a network that always predicts it scores 100 %",
            where=findings.spec,
            hint="give the other pixels a class of their own and do not ignore them, in a folder:FILE.yaml, each class"
            " with the id that it has in the masks, such as"
            f" classes: [{{name: {names[0]}, id: ID}}, {{name: background, id: 255}}]",
        )
