"""Evaluation: every image exactly once, down the one road, into counts.

The network and the data must have the same classes; that is checked here, too.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from streetseg.arrays import Size
from streetseg.data.source import Sample
from streetseg.errors import DataError, RequestError
from streetseg.inference.backend import operations
from streetseg.inference.predictor import Predictor
from streetseg.labels.mappings import mappings_from
from streetseg.labels.space import LabelSpace
from streetseg.labels.tables import space
from streetseg.metrics.boundary import boundary_counts
from streetseg.metrics.calibration import BINS, calibration_bins
from streetseg.metrics.confusion import confusion
from streetseg.metrics.counts import Counts

if TYPE_CHECKING:
    from torch import Tensor

    from streetseg.runtime.distributed import Ranks


class Labeled(Protocol):
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
        """Image uint8 RGB (H, W, 3), and label uint8 (h, w) at its own resolution."""
        ...


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a network made of a split.

    Args:
        space: the classes.
        counts: per-image confusion matrices; the scores come from them.
        boundary: int64 (N, 3, C) as metrics.boundary counts them; zeros, whose scores are NaN, when not asked for.
        calibration: float64 (3, BINS) as metrics.calibration sums them; likewise.
        loss: mean over the images, None when none was asked for.
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
    store: Labeled,
    *,
    details: bool = True,
    loss: "Callable[[Tensor, Tensor], Tensor] | None" = None,
    progress: Callable[[int, int], None] | None = None,
    ranks: "Ranks | None" = None,
) -> Evaluation:
    """Scores a network on every image of a store, each exactly once, at the label's own resolution.

    The network sees one image at a time. That is no slower on a CPU, and it is the only way in which the result
    cannot depend on a batch size: on a GPU, other kernels are taken for other batches, and they round differently.
    Several ranks take turns; what each has counted of its own images goes into the one table that all of them get,
    so that the result cannot depend on their number either.

    Args:
        predictor: the network, the same on all ranks.
        store: images and labels in the predictor's space; images at their own size, or brought to the size at which the
            network sees them, and labels at the images' own size.
        details: count boundaries and calibration, too.
        loss: called with logits float32 (1, C, h, w) and labels uint8 (1, h, w), returns a scalar; for networks in
            torch, and without a tile.
        progress: called with (images done, images in all) after each of this rank's.
        ranks: the processes that share the work; None: this one alone.

    Raises:
        DataError: the store is empty.
        RequestError: the classes of network and store differ.
    """
    require_same_classes(predictor.space, store.space)
    if loss is not None and predictor.tile is not None:
        raise ValueError("a loss is taken of whole images, not of tiles")
    samples, classes, ignore = store.samples, store.space.num_classes, store.space.ignore_index
    if not samples:
        raise DataError("there is no image to evaluate on")

    start = time.perf_counter()
    counts = np.zeros((len(samples), classes, classes), dtype=np.int64)
    boundary = np.zeros((len(samples), 3, classes), dtype=np.int64)
    calibration = np.zeros((len(samples), 3, BINS))
    losses = np.zeros(len(samples))
    ignored = np.zeros(len(samples), dtype=np.int64)
    sizes = np.zeros((len(samples), 4), dtype=np.int64)  # height and width of the image, then of the label
    rank, world = (ranks.rank, ranks.world) if ranks else (0, 1)
    for i in range(rank, len(samples), world):
        image, label = store[i]
        ids, confidence = np.empty(label.shape, np.uint8), np.empty(label.shape, np.float32)
        for (rows, columns), logits in predictor.regions(image.transpose(2, 0, 1)[None], own=_shape(label)):
            kind, found, ground_truth = operations(logits), operations(logits).argmax(logits), label[rows, columns]
            counted = kind.confusion(ground_truth[None], found, classes, ignore)[0]
            if counted.sum() + np.count_nonzero(ground_truth == ignore) != ground_truth.size:
                confusion(
                    ground_truth, kind.in_memory(found)[0], classes, ignore
                )  # names the ids that a GPU has left out
            counts[i] += counted
            if details:
                ids[rows, columns] = kind.in_memory(found)[0]
                confidence[rows, columns] = kind.confidence(logits)[0]
            if loss is not None:
                losses[i] = float(loss(logits, predictor.engine.take(ground_truth[None])))
        ignored[i] = np.count_nonzero(label == ignore)
        if details:
            boundary[i] = boundary_counts(label, ids, classes, ignore)
            scored = label != ignore
            calibration[i] = calibration_bins(confidence[scored], (ids == label)[scored])
        sizes[i] = (*predictor.seen_size(_shape(image), _shape(label)), *label.shape)
        if progress is not None:
            progress(min(i - rank + world, len(samples)), len(samples))

    # An image's rows are zero on all ranks but one, so that the sums over ranks are exact, also of floats.
    total = ranks.sum if ranks else _own
    sizes = total(sizes)
    return Evaluation(
        space=store.space,
        counts=Counts(
            names=tuple(sample.name for sample in samples),
            sequences=tuple(sample.sequence for sample in samples),
            counts=total(counts),
            ignored=total(ignored),
        ),
        boundary=total(boundary),
        calibration=total(calibration).sum(axis=0),
        loss=float(total(losses).mean()) if loss is not None else None,
        network_sizes=_distinct(sizes[:, :2]),
        label_sizes=_distinct(sizes[:, 2:]),
        seconds=time.perf_counter() - start,
    )


def _distinct(sizes: NDArray[np.int64]) -> tuple[Size, ...]:
    return tuple(sorted({(height, width) for height, width in sizes.tolist()}))


def _own(array: NDArray[Any]) -> NDArray[Any]:
    """The sum over one process."""
    return array


def label_ids(predictor: Predictor, image: NDArray[np.uint8], label: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The class with the largest logit, uint8 (h, w), of an image (H, W, 3) at the resolution of its labels (h, w)."""
    ids: NDArray[np.uint8] = predictor.labels(image.transpose(2, 0, 1)[None], own=_shape(label))[0]
    return ids


def _shape(array: NDArray[np.uint8]) -> Size:
    return array.shape[0], array.shape[1]


def require_same_classes(model: LabelSpace, data: LabelSpace, *, masks: LabelSpace | None = None) -> None:
    """Raises RequestError unless model and data have the same classes in the same order.

    Args:
        model, data: the label spaces.
        masks: the space the data's masks are drawn in, where `data` was mapped from it; the hint names the bridge that
            leads from there to the model's classes.
    """
    if model.names == data.names:
        return
    start = masks or data
    reordered = sorted(model.names) == sorted(data.names)
    if model.name in mappings_from(start) and model.names == space(model.name).names:
        hint = f"--space {model.name} maps the data to the model's classes"
    elif reordered:
        first = f"{{name: {model.names[0]}, id: {data.names.index(model.names[0])}}}"
        hint = (
            f"no label mapping from {start.name} to the model's classes; a folder:FILE.yaml lists them in the model's"
            f" order, each with its `id:` in the masks: classes: [{first}, ...]"
        )
    else:
        hint = f"no label mapping from {start.name} to the model's classes; score it on data that have them"
    raise RequestError(
        "the classes of model and data differ" + (": they are the same in another order" if reordered else ""),
        where=(_listed("model", model), _listed("data", data)),
        hint=hint,
    )


def _listed(whose: str, classes: LabelSpace) -> str:
    return f"{whose}: {classes.name}, {classes.num_classes} classes ({', '.join(classes.names)})"
