"""The parts that the writers of all formats share: an image that is written, and the base of a writer."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streetseg.data.source import Sample
from streetseg.labels.space import LabelSpace

Labels = NDArray[np.uint8]  # (H, W), ids 0..C-1 or the ignore index


@dataclass(frozen=True)
class Item:
    """A sample in one of its splits, with names that are safe as paths on every system.

    Args:
        split: the folder of the split.
        key: the name of the sample without its split; it may have folders.
        number: of the sample in its split, from 1.
        sample: the sample.
    """

    split: str
    key: str
    number: int
    sample: Sample


class Layout(ABC):
    """A writer of one format. It is given one item after the other, from several threads.

    Args:
        space: the classes of the labels.
    """

    suffixes: frozenset[str]  # the image files that the format allows, by suffix; others are written as PNG
    turns: bool  # whether all that read the format apply the EXIF orientation; if not, such images are written upright

    def __init__(self, space: LabelSpace) -> None:
        self.space = space

    def image(self, item: Item) -> str:
        """Return the path of an image in the new folder, without suffix."""
        return f"images/{item.split}/{item.key}"

    @abstractmethod
    def write_labels(self, folder: Path, item: Item, image: str, labels: Labels) -> Counter[str]:
        """Write the labels of an image, whose path is `image`. Return how much of what the format cannot hold."""

    def write_description(self, folder: Path, items: Sequence[Item]) -> None:
        """Write what describes the whole data set, when all labels are written. By default the layout says it all."""
        return


def write(path: Path, data: bytes) -> None:
    """Write a file into a folder that may be missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
