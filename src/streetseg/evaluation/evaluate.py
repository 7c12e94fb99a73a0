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
from streetseg.errors import DataError, RequestError
from streetseg.inference.predict import resize_logits
from streetseg.inference.predictor import Predictor
from streetseg.labels.space import LabelSpace
from streetseg.metrics.confusion import confusion
from streetseg.metrics.counts import Counts


class Labelled(Protocol):
    """What is evaluated on, e.g. a data.store.Store."""

    @property
    def space(self) -> LabelSpace: ...

    @property
    def samples(self) -> Sequence[Sample]: ...

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Picture (H, W, 3) and label (h, w)."""
        ...


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a network made of a split.

    Args:
        space: the classes.
        counts: per-image confusion matrices; every score comes from them.
        loss: mean over the pictures, None when none was asked for.
        seconds: wall-clock time of the whole walk.
    """

    space: LabelSpace
    counts: Counts
    loss: float | None
    seconds: float


def evaluate(
    predictor: Predictor,
    store: Labelled,
    *,
    loss: Callable[[Tensor, Tensor], Tensor] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Scores a network on every picture of a store, each exactly once, at the label's own resolution.

    Args:
        predictor: the network.
        store: pictures and labels in the predictor's space.
        loss: called with logits float32 (1, C, h, w) and labels int64 (1, h, w), ids or ignore index; returns a scalar.
        progress: called with (pictures done, pictures in all) after each.

    Raises:
        DataError: the store is empty.
        RequestError: the classes of network and store differ.
    """
    space = store.space
    if space.names != predictor.space.names:
        raise RequestError(
            f"the model's classes are not the data's (model: {predictor.space.name}, data: {space.name})",
            hint="--space bridges the data to the model's space where a bridge exists",
        )
    samples = store.samples
    if not samples:
        raise DataError("there is no picture to evaluate on")

    start = time.perf_counter()
    counts = np.zeros((len(samples), space.num_classes, space.num_classes), dtype=np.int64)
    ignored = np.zeros(len(samples), dtype=np.int64)
    losses: list[float] = []
    for i in range(len(samples)):
        picture, label = store[i]
        pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1).unsqueeze(0)
        logits = resize_logits(predictor.logits(pixels), label.shape)
        ids = logits[0].argmax(0).to(torch.uint8).cpu().numpy()
        counts[i] = confusion(label, ids, space.num_classes, space.ignore_index)
        ignored[i] = label.size - counts[i].sum()
        if loss is not None:
            losses.append(float(loss(logits, torch.from_numpy(label.astype(np.int64)).unsqueeze(0).to(logits.device))))
        if progress is not None:
            progress(i + 1, len(samples))
    return Evaluation(
        space=space,
        counts=Counts(
            names=tuple(sample.name for sample in samples),
            sequences=tuple(sample.sequence for sample in samples),
            counts=counts,
            ignored=ignored,
        ),
        loss=float(np.mean(losses)) if losses else None,
        seconds=time.perf_counter() - start,
    )
