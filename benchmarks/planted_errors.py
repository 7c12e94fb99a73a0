"""Plant errors into the labels of a data set, so that it is known which regions an audit should find.

Four kinds, each with a fourth of the images that are chosen:

- class: a connected part of one class becomes another class of the data set;
- missing: a whole object (the classes OBJECTS) takes the class around it;
- swapped: the labels of another image;
- shifted: the labels moved sideways by SHIFT of the width.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streetseg.auditing.regions import connected
from streetseg.labels.space import IGNORE_INDEX

Labels = NDArray[np.uint8]
KINDS = ("class", "missing", "swapped", "shifted")
OBJECTS = ("pole", "tree", "sign symbol", "fence", "car", "pedestrian", "bicyclist")
SHIFT = 0.05
SMALLEST, LARGEST = 0.003, 0.25  # size of a part that gets another class or is taken away, as a share of the image


@dataclass(frozen=True, eq=False)
class Planted:
    """Labels with errors.

    Args:
        labels: one array (H, W) per image.
        changed: bool (H, W) per image, where its labels are not the original ones.
        kinds: the kind of error of each image; None where there is none.
    """

    labels: list[Labels]
    changed: list[NDArray[np.bool_]]
    kinds: list[str | None]


def plant(original: Sequence[Labels], names: Sequence[str], share: float, seed: int = 0) -> Planted:
    """Return the labels with an error in about `share` of the images; the same seed plants the same errors.

    Args:
        original: labels of each image (H, W), all of one size.
        names: the classes.
        share: share of the images with an error, 0..1.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(original))[: round(share * len(original))]
    labels, kinds = [array.copy() for array in original], [None] * len(original)
    for number, image in enumerate(chosen.tolist()):
        kind = KINDS[number % len(KINDS)]
        changed = _with_error(kind, image, original, names, rng)
        if changed is not None:
            labels[image], kinds[image] = changed, kind
    return Planted(labels, [a != b for a, b in zip(labels, original, strict=True)], kinds)


def _with_error(
    kind: str, image: int, original: Sequence[Labels], names: Sequence[str], rng: np.random.Generator
) -> Labels | None:
    """Return the labels of an image with one error; None if it has no part of a fitting size."""
    labels = original[image].copy()
    match kind:
        case "swapped":
            return original[(image + 1 + int(rng.integers(len(original) - 1))) % len(original)].copy()
        case "shifted":
            by = round(SHIFT * labels.shape[1])
            shifted = np.full_like(labels, IGNORE_INDEX)
            shifted[:, by:] = labels[:, :-by]
            return shifted
        case "class":
            part = _some_part(labels, range(len(names)), rng)
            if part is None:
                return None
            others = [k for k in range(len(names)) if k != labels[part][0]]
            labels[part] = others[int(rng.integers(len(others)))]
        case _:
            part = _some_part(labels, [names.index(name) for name in OBJECTS if name in names], rng)
            if part is None:
                return None
            labels[part] = _class_around(labels, part)
    return labels


def _some_part(labels: Labels, classes: Sequence[int], rng: np.random.Generator) -> NDArray[np.bool_] | None:
    """Return a random connected part of one of the classes as bool (H, W); None if none has a fitting size."""
    parts, count = connected(labels.astype(np.int32))
    sizes = np.bincount(parts.ravel(), minlength=count) / labels.size
    class_of = np.zeros(count, np.int64)
    class_of[parts.ravel()] = labels.ravel()
    fitting = np.flatnonzero((sizes >= SMALLEST) & (sizes <= LARGEST) & np.isin(class_of, list(classes)))
    return parts == fitting[int(rng.integers(len(fitting)))] if len(fitting) else None


def _class_around(labels: Labels, part: NDArray[np.bool_]) -> int:
    """Return the most frequent class of the pixels that touch a part."""
    padded = np.pad(part, 1)
    near = (padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]) & ~part
    around = labels[near & (labels != IGNORE_INDEX)]
    return int(np.bincount(around).argmax()) if around.size else int(labels[part][0])
