"""Evaluation: every picture exactly once, down the one road, into counts."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streetseg.data.source import Sample
from streetseg.errors import DataError
from streetseg.evaluation.same_classes import refuse_other_classes
from streetseg.inference.likeliest import likeliest
from streetseg.inference.predict import Size, resize_logits
from streetseg.inference.predictor import Predictor
from streetseg.labels.space import LabelSpace
from streetseg.metrics.batch_confusion import batch_confusion
from streetseg.metrics.boundary import boundary_counts
from streetseg.metrics.calibration import BINS, calibration_bins
from streetseg.metrics.confusion import confusion
from streetseg.metrics.counts import Counts
from streetseg.runtime.distributed import ALONE, Ranks


class Labelled(Protocol):
    """What is evaluated on, e.g. a data.store.Store."""

    @property
    def space(self) -> LabelSpace:
        """The classes of the labels."""
        ...

    @property
    def samples(self) -> Sequence[Sample]:
        """What is in it, in order."""
        ...

    def __getitem__(self, i: int, /) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Picture uint8 RGB (H, W, 3), and label uint8 (h, w) at its own resolution."""
        ...


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a network made of a split.

    Args:
        space: the classes.
        counts: per-image confusion matrices; the scores come from them.
        boundary: int64 (N, 3, C) as metrics.boundary counts them; zeros, whose scores are NaN, when not asked for.
        calibration: float64 (3, BINS) as metrics.calibration sums them; likewise.
        loss: mean over the pictures, None when none was asked for.
        network_sizes: the sizes (H, W) the network saw.
        label_sizes: the resolutions (h, w) the scores were taken at.
        seconds: wall-clock time of the whole walk.
    """

    space: LabelSpace
    counts: Counts
    boundary: NDArray[np.int64]
    calibration: NDArray[np.float64]
    loss: float | None
    network_sizes: tuple[Size, ...]
    label_sizes: tuple[Size, ...]
    seconds: float


def evaluate(
    predictor: Predictor,
    store: Labelled,
    *,
    details: bool = True,
    loss: Callable[[Tensor, Tensor], Tensor] | None = None,
    progress: Callable[[int, int], None] | None = None,
    ranks: Ranks = ALONE,
) -> Evaluation:
    """Scores a network on every picture of a store, each exactly once, at the label's own resolution.

    The network sees one picture at a time. That is no slower on a CPU, and it is the only way in which the result
    cannot depend on a batch size: on a GPU, other kernels are taken for other batches, and they round differently.
    Several ranks take turns; what each has counted of its own pictures goes into the one table that all of them get,
    so that the result cannot depend on their number either.

    Args:
        predictor: the network, the same on all ranks.
        store: pictures and labels in the predictor's space, pictures at the size the network is to see.
        details: count boundaries and calibration, too.
        loss: called with logits float32 (1, C, h, w) and labels uint8 (1, h, w), returns a scalar.
        progress: called with (pictures done, pictures in all) after each of this rank's.
        ranks: the processes that share the work.

    Raises:
        DataError: the store is empty.
        RequestError: the classes of network and store differ.
    """
    refuse_other_classes(predictor.space, store.space)
    samples, classes, ignore = store.samples, store.space.num_classes, store.space.ignore_index
    if not samples:
        raise DataError("there is no picture to evaluate on")

    start = time.perf_counter()
    counts = np.zeros((len(samples), classes, classes), dtype=np.int64)
    boundary = np.zeros((len(samples), 3, classes), dtype=np.int64)
    calibration = np.zeros((len(samples), 3, BINS))
    losses = np.zeros(len(samples))
    ignored = np.zeros(len(samples), dtype=np.int64)
    sizes = np.zeros((len(samples), 4), dtype=np.int64)  # height and width of the picture, then of the label
    for i in range(ranks.rank, len(samples), ranks.world):
        picture, label = store[i]
        logits = label_logits(predictor, picture, label)
        labels = torch.from_numpy(label.copy()).unsqueeze(0).to(logits.device)
        found = likeliest(logits)
        counts[i] = batch_confusion(labels, found, classes, ignore)[0].cpu().numpy()
        ignored[i] = np.count_nonzero(label == ignore)
        if counts[i].sum() + ignored[i] != label.size:
            confusion(label, found[0].cpu().numpy(), classes, ignore)  # names the ids that a GPU has left out
        if details:
            ids = found[0].cpu().numpy()
            boundary[i] = boundary_counts(label, ids, classes, ignore)
            counted = label != ignore
            calibration[i] = calibration_bins(_confidence(logits)[counted], (ids == label)[counted])
        if loss is not None:
            losses[i] = float(loss(logits, labels))
        sizes[i] = (*picture.shape[:2], *label.shape)
        if progress is not None:
            progress(min(i - ranks.rank + ranks.world, len(samples)), len(samples))

    # A picture's rows are zero on all ranks but one, so that the sums over ranks are exact, also of floats.
    sizes = ranks.sum(sizes)
    return Evaluation(
        space=store.space,
        counts=Counts(
            names=tuple(sample.name for sample in samples),
            sequences=tuple(sample.sequence for sample in samples),
            counts=ranks.sum(counts),
            ignored=ranks.sum(ignored),
        ),
        boundary=ranks.sum(boundary),
        calibration=ranks.sum(calibration).sum(axis=0),
        loss=float(ranks.sum(losses).mean()) if loss is not None else None,
        network_sizes=_distinct(sizes[:, :2]),
        label_sizes=_distinct(sizes[:, 2:]),
        seconds=time.perf_counter() - start,
    )


def _distinct(sizes: NDArray[np.int64]) -> tuple[Size, ...]:
    return tuple(sorted({(height, width) for height, width in sizes.tolist()}))


def label_logits(predictor: Predictor, picture: NDArray[np.uint8], label: NDArray[np.uint8]) -> Tensor:
    """Logits float32 (1, C, h, w) of a picture (H, W, 3) at the resolution of its label (h, w)."""
    pixels = torch.from_numpy(picture.copy()).permute(2, 0, 1).unsqueeze(0)
    return resize_logits(predictor.logits(pixels), (label.shape[0], label.shape[1]))


def _confidence(logits: Tensor) -> NDArray[np.float32]:
    """Probability of the likeliest class, float32 (h, w), from logits (1, C, h, w)."""
    scores = logits[0]
    confidence: NDArray[np.float32] = (scores.amax(0) - scores.logsumexp(0)).exp().cpu().numpy()
    return confidence
