"""The segmentation format of Ultralytics' YOLO: one text file of polygons an image. It has no holes and no ignore."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml

from streetseg.data.convert.layout import Item, Labels, Layout, write
from streetseg.data.sources.shapes.outlines import Ring, polygons, signed_area

_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})


class YoloLayout(Layout):
    """images/SPLIT/NAME, labels/SPLIT/NAME.txt and data.yaml."""

    suffixes, turns = _SUFFIXES, True

    def write_labels(self, folder: Path, item: Item, image: str, labels: Labels) -> Counter[str]:
        """Write a line for each connected region, the largest first, so that those in its holes are painted over it."""
        ignored = self.space.ignore_index
        regions = [(k, rings) for k in _present(labels, ignored) for rings in polygons(labels == k)]
        regions.sort(key=lambda region: -signed_area(region[1][0]))
        painted = np.full_like(labels, ignored)
        for k, (outer, *_) in regions:
            _paint(painted, outer, k)
        lines = (f"{k} {_points(outer, labels.shape)}\n" for k, (outer, *_) in regions)
        write(folder / f"labels/{item.split}/{item.key}.txt", "".join(lines).encode())
        return Counter(
            ignored_pixels=int(np.count_nonzero(labels == ignored)),
            holes=sum(len(rings) - 1 for _, rings in regions),
            changed_pixels=int(np.count_nonzero(painted != labels)),
        )

    def write_description(self, folder: Path, items: Sequence[Item]) -> None:
        """Write data.yaml."""
        splits = {item.split: f"images/{item.split}" for item in items}
        text = yaml.safe_dump(
            {**splits, "names": dict(enumerate(self.space.names))}, sort_keys=False, allow_unicode=True
        )
        (folder / "data.yaml").write_text(text, encoding="utf-8")


def _present(labels: Labels, ignored: int) -> list[int]:
    return [int(k) for k in np.unique(labels) if k != ignored]


def _paint(labels: Labels, ring: Ring, value: int) -> None:
    """Give all pixels inside a ring, whose sides are upright and level, a value."""
    x, y = np.array(ring).T
    left, top = x.min(), y.min()
    inside = np.zeros((y.max() - top, x.max() - left), bool)
    for i in np.flatnonzero(x[1:] == x[:-1]):  # each upright side changes what is inside, from there to the right
        inside[min(y[i : i + 2]) - top : max(y[i : i + 2]) - top, x[i] - left :] ^= True
    labels[top : y.max(), left : x.max()][inside] = value


def _points(ring: Ring, size: tuple[int, ...]) -> str:
    """Return the corners of a ring as "x y x y ...", each as a share of the width or height."""
    height, width = size
    return " ".join(f"{x / width:.6g} {y / height:.6g}" for x, y in ring[:-1])
