"""IoU that a pixel's color alone allows: a decision tree on RGB."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]  # image (H, W, 3), labels (H, W), 255 is ignored


def color_iou(
    train: Iterable[Pair], test: Iterable[Pair], num_classes: int, pixels: int = 2000, balanced: bool = False
) -> NDArray[np.float64]:
    """Return the IoU of each class on the test images, float64 (C,), of a tree fitted to `pixels` pixels of each
    training image.

    `balanced` weights the classes equally in the fit, which raises the recall of rare ones.
    """
    rng = np.random.default_rng(0)
    colors, classes = zip(*(_pixels(pair, pixels, rng) for pair in train), strict=True)
    tree = DecisionTreeClassifier(
        min_samples_leaf=30, class_weight="balanced" if balanced else None, random_state=0
    ).fit(np.concatenate(colors), np.concatenate(classes))
    counts = np.zeros((num_classes, num_classes), np.int64)
    for image, label in test:
        known = label != 255
        predicted = tree.predict(image[known])
        pairs = label[known].astype(np.int64) * num_classes + predicted
        counts += np.bincount(pairs, minlength=num_classes**2).reshape(counts.shape)
    hits = counts.diagonal()
    return hits / np.maximum(1, counts.sum(0) + counts.sum(1) - hits)


def _pixels(pair: Pair, count: int, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    image, label = pair
    known = np.flatnonzero(label.reshape(-1) != 255)
    chosen = rng.choice(known, min(count, known.size), replace=False)
    return image.reshape(-1, 3)[chosen], label.reshape(-1)[chosen].astype(np.int64)
