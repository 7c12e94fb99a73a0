"""What a network says about one labeled image, pixel by pixel."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streetseg.inference.backend import operations
from streetseg.inference.predictor import Predictor

Labels = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Reading:
    """An image's labels, and the network's opinion of them; every array is (H, W).

    Args:
        labels: uint8, ids or the ignore index.
        predicted: uint8, the most probable class.
        confidence: float32, its probability.
        margin: float32, its probability less that of the label's class; the whole probability where the label is
            ignored.
        entropy: float32, entropy of the probabilities as a share of its largest value, 0..1.
    """

    labels: Labels
    predicted: Labels
    confidence: Floats
    margin: Floats
    entropy: Floats


def read(predictor: Predictor, image: NDArray[np.uint8], labels: Labels) -> Reading:
    """Return the reading of an image uint8 RGB (H, W, 3) at the resolution of its labels uint8 (h, w)."""
    shape = (labels.shape[0], labels.shape[1])
    predicted, confidence = np.empty(shape, np.uint8), np.empty(shape, np.float32)
    margin, entropy = np.empty(shape, np.float32), np.empty(shape, np.float32)
    known = np.where(labels == predictor.space.ignore_index, 0, labels)
    for place, logits in predictor.regions(image.transpose(2, 0, 1)[None], own=shape):
        backend = operations(logits)
        predicted[place] = backend.in_memory(backend.argmax(logits))[0]
        probabilities = predictor.probabilities(logits)[0]
        confidence[place] = _of_class(probabilities, predicted[place])
        margin[place] = confidence[place] - _of_class(probabilities, known[place])
        entropy[place] = entropy_of(probabilities)
    ignored = labels == predictor.space.ignore_index
    margin[ignored] = confidence[ignored]
    return Reading(labels, predicted, confidence, margin, entropy)


def entropy_of(probabilities: Floats) -> Floats:
    """Return the entropy of probabilities (C, H, W) as a share of its largest value, log C: float32 (H, W), 0..1."""
    terms = probabilities * np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))
    entropy: Floats = -terms.sum(axis=0) / np.log(len(probabilities))
    return entropy


def _of_class(probabilities: Floats, ids: Labels) -> Floats:
    """Return the probability of each pixel's class: (C, H, W) and ids (H, W) -> float32 (H, W)."""
    chosen: Floats = np.take_along_axis(probabilities, ids[None].astype(np.intp), axis=0)[0]
    return chosen
