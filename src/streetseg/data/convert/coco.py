"""The format of COCO: one JSON a split, with the run lengths of each class in each image."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streetseg.data.convert.layout import Item, Labels, Layout
from streetseg.data.sources.shapes import rle
from streetseg.data.sources.shapes.classes import IGNORED
from streetseg.labels.space import LabelSpace

_SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})


def annotation(
    mask: NDArray[np.bool_], number: int, *, image: int, category: int, crowd: bool = False
) -> dict[str, Any]:
    """Return the annotation of a mask (H, W) that is not empty, as run lengths: polygons of COCO have no holes.

    Args:
        mask: the pixels of one class.
        number, image, category: the ids of annotation, image and category.
        crowd: the run lengths are a list of numbers, as those of COCO's crowds; else compressed.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    left, top = int(columns[0]), int(rows[0])
    lengths = rle.encode(mask)
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "iscrowd": int(crowd),
        "area": int(mask.sum()),
        "bbox": [left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1],
        "segmentation": {"size": list(mask.shape), "counts": lengths if crowd else rle.compress(lengths)},
    }


def categories(space: LabelSpace) -> list[dict[str, Any]]:
    """Return a category a class. Their ids count from 1."""
    return [{"id": k + 1, "name": name} for k, name in enumerate(space.names)]


class CocoLayout(Layout):
    """SPLIT/NAME and annotations/instances_SPLIT.json.

    Ignored pixels are a crowd of a category of their own, which COCO's evaluation leaves out and the reader ignores.
    The category is there without such pixels, too: it says that every pixel has a label, so that none is background.
    """

    suffixes, turns = _SUFFIXES, False

    def __init__(self, space: LabelSpace) -> None:
        super().__init__(space)
        self._images: dict[Item, tuple[dict[str, Any], list[dict[str, Any]]]] = {}  # an image and its annotations

    def image(self, item: Item) -> str:
        """Return the path of an image in the new folder, without suffix."""
        return f"{item.split}/{item.key}"

    def write_labels(self, folder: Path, item: Item, image: str, labels: Labels) -> Counter[str]:
        """Keep the annotations of an image until all images are there."""
        height, width = labels.shape
        name = image.removeprefix(f"{item.split}/")
        self._images[item] = (
            {"id": item.number, "file_name": name, "height": height, "width": width},
            [self._annotation(labels == k, item.number, int(k)) for k in np.unique(labels)],
        )
        return Counter()

    def _annotation(self, mask: NDArray[np.bool_], image: int, label: int) -> dict[str, Any]:
        if label == self.space.ignore_index:
            return annotation(mask, 0, image=image, category=self._ignored, crowd=True)
        return annotation(mask, 0, image=image, category=label + 1)

    @property
    def _ignored(self) -> int:
        """The id of the category of ignored pixels."""
        return self.space.num_classes + 1

    def write_description(self, folder: Path, items: Sequence[Item]) -> None:
        """Write the JSON of each split."""
        (folder / "annotations").mkdir()
        ignored = {"id": self._ignored, "name": IGNORED}
        for split in dict.fromkeys(item.split for item in items):
            images, annotations = zip(*(self._images[item] for item in items if item.split == split), strict=True)
            numbered = enumerate((one for of_image in annotations for one in of_image), start=1)
            content = {
                "images": images,
                "categories": [*categories(self.space), ignored],
                "annotations": [{**one, "id": number} for number, one in numbered],
            }
            (folder / f"annotations/instances_{split}.json").write_text(json.dumps(content), encoding="utf-8")
