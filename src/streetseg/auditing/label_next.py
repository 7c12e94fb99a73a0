"""Which images without labels are most worth labeling: those of which the network is unsure, and no two alike.

Greedy k-center selection as in active learning (Sener & Savarese, 2018), where the distance of an image to the chosen
ones counts the more, the less sure the network is of the image. Deterministic.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streetseg.arguments import OnImage
from streetseg.auditing.reading import entropy_of
from streetseg.data.files import FileError
from streetseg.inference.inputs import require_image
from streetseg.inference.predictor import Predictor

MOST = 100  # images that are named

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Candidate:
    """An image that is worth labeling.

    Args:
        path: the image file.
        uncertainty: mean entropy of the network's probabilities over the pixels, 0..1.
        distance: distance to the nearest image that was chosen before it; NaN for the first.
    """

    path: Path
    uncertainty: float
    distance: float


@dataclass(frozen=True)
class Ranking:
    """The images that are most worth labeling, the first one first, and those that cannot be read.

    Args:
        candidates: at most MOST.
        total: number of images that were looked at.
        failed: one error per image that cannot be read.
        by: what two images are compared by, in words.
    """

    candidates: tuple[Candidate, ...]
    total: int
    failed: tuple[FileError, ...]
    by: str


def rank_unlabeled(predictor: Predictor, files: Sequence[Path], on_image: OnImage) -> Ranking:
    """Return the ranking of some image files.

    Args:
        on_image: called after each image with the number done and the number of all.
    """
    read, uncertainty, vectors, failed = [], [], [], []
    with encoder_features(predictor) as features:
        for number, path in enumerate(files, start=1):
            try:
                image = require_image(path, predictor.engine.reading)
            except FileError as error:
                failed.append(error)
            else:
                entropy, shares = _uncertainty(predictor, image)
                read.append(path)
                uncertainty.append(entropy)
                vectors.append(np.mean(features, axis=0) if features else shares)
                features.clear()
            on_image(number, len(files))
    chosen = choose(np.array(uncertainty), np.array(vectors)) if read else []
    candidates = [Candidate(read[i], uncertainty[i], distance) for i, distance in chosen]
    by = "the mean of the encoder's deepest features" if _encoder(predictor) else "the shares of the classes"
    return Ranking(tuple(candidates), len(read), tuple(failed), by)


def _uncertainty(predictor: Predictor, image: NDArray[np.uint8]) -> tuple[float, Vector]:
    """Return the mean entropy of an image uint8 RGB (H, W, 3), and the mean probability of each class, (C,)."""
    entropy, shares = 0.0, np.zeros(predictor.space.num_classes)
    for _, logits in predictor.regions(image.transpose(2, 0, 1)[None]):
        probabilities = predictor.probabilities(logits)[0]
        entropy += float(entropy_of(probabilities).sum(dtype=np.float64))
        shares += probabilities.sum(axis=(1, 2), dtype=np.float64)
    pixels = image.shape[0] * image.shape[1]
    return entropy / pixels, shares / pixels


def _encoder(predictor: Predictor) -> Any:
    """Return the encoder of a network in torch; None for an exported model, whose features cannot be reached."""
    return getattr(getattr(predictor.engine, "network", None), "encoder", None)


@contextmanager
def encoder_features(predictor: Predictor) -> Iterator[list[Vector]]:
    """Yield a list that takes the mean of the deepest map, float64 (K,), each time that the network runs."""
    features: list[Vector] = []
    encoder = _encoder(predictor)
    if encoder is None:
        yield features
        return

    def keep(module: object, inputs: object, maps: Any) -> None:
        vector = maps[-1].float().mean(dim=(0, 2, 3)).cpu().numpy().astype(np.float64)
        features.append(vector / max(float(np.linalg.norm(vector)), np.finfo(float).tiny))

    hook = encoder.register_forward_hook(keep)
    try:
        yield features
    finally:
        hook.remove()


def choose(uncertainty: Vector, vectors: NDArray[np.float64], most: int = MOST) -> list[tuple[int, float]]:
    """Return the numbers of the chosen images, the first one first, and the distance at which each was chosen.

    The first is the one with the largest uncertainty. Each further one has the largest product of its uncertainty and
    its distance to the nearest chosen one. Of equal ones the first is taken.

    Args:
        uncertainty: float64 (N,).
        vectors: float64 (N, K); Euclidean distances between them are compared.
        most: the largest number of images to choose.
    """
    first = int(np.argmax(uncertainty))
    chosen = [(first, float("nan"))]
    nearest = np.linalg.norm(vectors - vectors[first], axis=1)
    rest = np.ones(len(vectors), np.bool_)
    rest[first] = False
    while rest.any() and len(chosen) < most:
        worth = np.where(rest, uncertainty * nearest, -1.0)
        best = int(np.argmax(worth))
        chosen.append((best, float(nearest[best])))
        rest[best] = False
        nearest = np.minimum(nearest, np.linalg.norm(vectors - vectors[best], axis=1))
    return chosen
