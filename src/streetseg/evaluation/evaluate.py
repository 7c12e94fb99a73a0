"""Evaluate a network on a split: predict each image exactly once and count. Check that the classes agree."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from streetseg.arrays import Array, Size
from streetseg.data.source import Sample
from streetseg.data.store import in_order
from streetseg.errors import DataError, RequestError
from streetseg.evaluation.predictions import MOST_BYTES, packed_ids
from streetseg.inference.backend import Operations, operations
from streetseg.inference.predictor import Predictor
from streetseg.labels.mappings import mappings_from
from streetseg.labels.space import LabelSpace
from streetseg.labels.tables import space
from streetseg.metrics.boundary import boundary_counts
from streetseg.metrics.calibration import BINS, calibration_bins
from streetseg.metrics.confusion import confusion
from streetseg.metrics.counts import Counts
from streetseg.metrics.selective import KEPT_BINS, kept_bins
from streetseg.models.calibration import Calibration

if TYPE_CHECKING:
    from torch import Tensor

    from streetseg.runtime.distributed import Ranks

Loss = Callable[["Tensor", "Tensor"], "Tensor"]  # logits float32 (1, C, h, w), labels uint8 (1, h, w) -> scalar


class Labeled(Protocol):
    """Images with labels, e.g. a data.store.Store."""

    @property
    def space(self) -> LabelSpace:
        """The classes of the labels."""
        ...

    @property
    def samples(self) -> Sequence[Sample]:
        """The samples, in order."""
        ...

    def __getitem__(self, i: int, /) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return the image uint8 RGB (H, W, 3) and the labels uint8 (h, w), each at its own resolution."""
        ...


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The counts of a model on a split.

    Args:
        space: the classes.
        counts: per-image confusion matrices; the scores are computed from them.
        origins: the data sets that are joined, each the first part of the names of its images; () for one alone.
        boundary: int64 (N, 3, C) of metrics.boundary; zeros, whose scores are NaN, without `details`.
        calibration: float64 (3, BINS) of metrics.calibration; zeros without `details`.
        uncalibrated: the same of the network's own probabilities, before its calibration.
        kept: int64 (2, KEPT_BINS) of metrics.selective; zeros without `details`.
        fitted: the calibration of the model; None where none was fitted.
        loss: mean over the images; None if no loss was requested.
        predictions: for each image its predicted ids as a gray PNG image (h, w); None without `keep`, and where they
            have more than predictions.MOST_BYTES.
        network_sizes: the sizes (H, W) that the network saw.
        label_sizes: the resolutions (h, w) at which the labels were compared.
        seconds: wall-clock time of the evaluation.
    """

    space: LabelSpace
    counts: Counts
    origins: tuple[str, ...]
    boundary: NDArray[np.int64]
    calibration: NDArray[np.float64]
    uncalibrated: NDArray[np.float64]
    kept: NDArray[np.int64]
    fitted: Calibration | None
    loss: float | None
    predictions: tuple[bytes, ...] | None
    network_sizes: tuple[Size, ...]
    label_sizes: tuple[Size, ...]
    seconds: float


def evaluate(
    predictor: Predictor,
    store: Labeled,
    *,
    details: bool = True,
    keep: bool = False,
    loss: Loss | None = None,
    progress: Callable[[int, int], None] | None = None,
    ranks: "Ranks | None" = None,
) -> Evaluation:
    """Evaluate a network on every image of a store, each exactly once, at the resolution of its labels.

    The network sees one image at a time. On a CPU that is no slower. On a GPU it makes the result independent of a
    batch size, because a GPU uses other kernels for other batch sizes, and they round differently. Several ranks share
    the images. Their counts are summed into one table, the same on every rank, so that the result does not depend on
    the number of ranks.

    Args:
        predictor: the network, the same on all ranks.
        store: images and labels in the predictor's space; images at their own size or at the size at which the network
            sees them, labels at the images' own size.
        details: count boundaries and calibration, too.
        keep: keep the predicted ids, too; it needs `details`.
        loss: called with logits float32 (1, C, h, w) and labels uint8 (1, h, w), returns a scalar; only for networks in
            torch and without a tile.
        progress: called after each image of this rank with (images done, images of all ranks).
        ranks: the processes that share the images; None: this process alone.

    Raises:
        DataError: the store is empty.
        RequestError: the classes of network and store differ.
    """
    require_same_classes(predictor.space, store.space)
    if loss is not None and predictor.tile is not None:
        raise ValueError("a loss is computed on whole images, not on tiles")
    if not store.samples:
        raise DataError("there is no image to evaluate on")

    start = time.perf_counter()
    images, (rank, world) = len(store.samples), (ranks.rank, ranks.world) if ranks else (0, 1)
    tables = _Tables(images, store.space, keep=keep and details)
    with closing(in_order(store, range(rank, images, world))) as pairs:
        for i, pair in pairs:
            tables.count(i, predictor, *pair, details=details, loss=loss)
            if progress is not None:
                progress(min(i - rank + world, images), images)
    if ranks:
        tables.sum_over(ranks)
    return tables.evaluation(
        store.samples,
        fitted=predictor.engine.calibration,
        with_loss=loss is not None,
        seconds=time.perf_counter() - start,
    )


class _Tables:
    """Counts of a split, one row per image but for `kept`. The rows of images that another rank counts stay zero.

    Args:
        images: the number of images, N.
        space: the classes of the labels.
        keep: keep the predicted ids as well.
    """

    def __init__(self, images: int, space: LabelSpace, *, keep: bool) -> None:
        self.space, num_classes = space, space.num_classes
        self.confusion = np.zeros((images, num_classes, num_classes), dtype=np.int64)
        self.ignored = np.zeros(images, dtype=np.int64)
        self.boundary = np.zeros((images, 3, num_classes), dtype=np.int64)
        self.calibration, self.uncalibrated = np.zeros((images, 3, BINS)), np.zeros((images, 3, BINS))
        self.kept = np.zeros((2, KEPT_BINS), dtype=np.int64)  # of all images: whole numbers add up exactly
        self.losses = np.zeros(images)
        self.predictions: dict[int, bytes] | None = {} if keep else None  # PNG images of this rank
        self.bytes_kept = np.zeros(1, dtype=np.int64)
        self.sizes = np.zeros((images, 4), dtype=np.int64)  # height and width that the network saw, then of the labels

    def count(
        self,
        i: int,
        predictor: Predictor,
        image: NDArray[np.uint8],
        labels: NDArray[np.uint8],
        *,
        details: bool,
        loss: Loss | None,
    ) -> None:
        """Count one image, uint8 (H, W, 3), with its labels, uint8 (h, w), into row `i`."""
        num_classes, ignore = self.space.num_classes, self.space.ignore_index
        prediction = np.empty(labels.shape, np.uint8)
        confidence = uncalibrated = np.empty(labels.shape, np.float32)
        if predictor.engine.calibration is not None:
            uncalibrated = np.empty(labels.shape, np.float32)
        for (rows, columns), logits in predictor.regions(image.transpose(2, 0, 1)[None], own=_shape(labels)):
            backend, ground_truth = operations(logits), labels[rows, columns]
            predicted = backend.argmax(logits)
            self.confusion[i] += _confusion(backend, ground_truth, predicted, num_classes, ignore)
            if details:
                prediction[rows, columns] = backend.in_memory(predicted)[0]
                confidence[rows, columns] = predictor.confidence(logits, predicted)[0]
                if uncalibrated is not confidence:
                    uncalibrated[rows, columns] = backend.confidence(logits, predicted)[0]
            if loss is not None:
                self.losses[i] = float(loss(logits, predictor.engine.take(ground_truth[None])))
        self.ignored[i] = np.count_nonzero(labels == ignore)
        if details:
            self.boundary[i] = boundary_counts(labels, prediction, num_classes, ignore)
            scored = labels != ignore
            correct = (prediction == labels)[scored]
            self.calibration[i] = calibration_bins(confidence[scored], correct)
            self.uncalibrated[i] = calibration_bins(uncalibrated[scored], correct)
            self.kept += kept_bins(confidence[scored], correct)
            self.keep(i, prediction)
        self.sizes[i] = (*predictor.seen_size(_shape(image), _shape(labels)), *labels.shape)

    def keep(self, i: int, prediction: NDArray[np.uint8]) -> None:
        """Keep the predicted ids, uint8 (h, w), of image `i`."""
        if self.predictions is not None:
            self.predictions[i] = packed_ids(prediction)
            self.bytes_kept += len(self.predictions[i])
            self.drop_if_too_large()

    def drop_if_too_large(self) -> None:
        """Keep no predictions if they have more than MOST_BYTES."""
        if self.bytes_kept > MOST_BYTES:
            self.predictions = None

    def sum_over(self, ranks: "Ranks") -> None:
        """Replace each table by its sum over the ranks. A row is zero on all ranks but one, so that the sums are exact,
        also of floats."""
        self.sizes = ranks.sum(self.sizes)
        self.confusion, self.ignored = ranks.sum(self.confusion), ranks.sum(self.ignored)
        self.boundary, self.kept = ranks.sum(self.boundary), ranks.sum(self.kept)
        self.calibration, self.uncalibrated = ranks.sum(self.calibration), ranks.sum(self.uncalibrated)
        self.losses = ranks.sum(self.losses)
        self.bytes_kept = ranks.sum(self.bytes_kept)
        self.drop_if_too_large()
        if self.predictions is not None:
            own = self.predictions
            self.predictions = dict(enumerate(ranks.fill([own.get(i, b"") for i in range(len(self.losses))])))

    def evaluation(
        self, samples: Sequence[Sample], *, fitted: Calibration | None, with_loss: bool, seconds: float
    ) -> Evaluation:
        """Return the complete tables, one row per sample, as an evaluation."""
        return Evaluation(
            space=self.space,
            counts=Counts(
                names=tuple(sample.name for sample in samples),
                sequences=tuple(sample.sequence for sample in samples),
                counts=self.confusion,
                ignored=self.ignored,
            ),
            origins=tuple(dict.fromkeys(sample.origin for sample in samples if sample.origin is not None)),
            boundary=self.boundary,
            calibration=self.calibration.sum(axis=0),
            uncalibrated=self.uncalibrated.sum(axis=0),
            kept=self.kept,
            fitted=fitted,
            loss=float(self.losses.mean()) if with_loss else None,
            predictions=None if self.predictions is None else tuple(self.predictions.values()),
            network_sizes=_distinct(self.sizes[:, :2]),
            label_sizes=_distinct(self.sizes[:, 2:]),
            seconds=seconds,
        )


def _confusion(
    backend: Operations, ground_truth: NDArray[np.uint8], predicted: Array, num_classes: int, ignore: int
) -> NDArray[np.int64]:
    """Return the confusion matrix (C, C) of one region: ground truth uint8 (h, w), predicted ids uint8 (1, h, w).

    Raises:
        DataError: the ground truth holds ids that are no class.
    """
    counts: NDArray[np.int64] = backend.confusion(ground_truth[None], predicted, num_classes, ignore)[0]
    if counts.sum() + np.count_nonzero(ground_truth == ignore) != ground_truth.size:
        # A GPU skips such ids without an error. Counting again in main memory raises the error that names them.
        confusion(ground_truth, backend.in_memory(predicted)[0], num_classes, ignore)
    return counts


def _distinct(sizes: NDArray[np.int64]) -> tuple[Size, ...]:
    return tuple(sorted({(height, width) for height, width in sizes.tolist()}))


def label_ids(predictor: Predictor, image: NDArray[np.uint8], labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the predicted ids, uint8 (h, w), of an image (H, W, 3) at the resolution of its labels (h, w)."""
    ids: NDArray[np.uint8] = predictor.labels(image.transpose(2, 0, 1)[None], own=_shape(labels))[0]
    return ids


def _shape(array: NDArray[np.uint8]) -> Size:
    return array.shape[0], array.shape[1]


def require_same_classes(model: LabelSpace, data: LabelSpace, *, masks: LabelSpace | None = None) -> None:
    """Raise RequestError unless model and data have the same classes in the same order.

    Args:
        model, data: the label spaces.
        masks: the label space of the data's mask files, where `data` was mapped from it; the hint names the label
            mapping from there to the model's classes.
    """
    if model.names == data.names:
        return
    original = masks or data
    reordered = sorted(model.names) == sorted(data.names)
    if model.name in mappings_from(original) and model.names == space(model.name).names:
        hint = f"--space {model.name} maps the data to the model's classes"
    elif reordered:
        first = f"{{name: {model.names[0]}, id: {data.names.index(model.names[0])}}}"
        hint = (
            f"no label mapping from {original.name} to the model's classes; a folder:FILE.yaml lists them in the "
            f"model's order, each with its `id:` in the masks: classes: [{first}, ...]"
        )
    else:
        hint = f"no label mapping from {original.name} to the model's classes; score it on data that have them"
    raise RequestError(
        "the classes of model and data differ" + (": they are the same in another order" if reordered else ""),
        where=(_listed("model", model), _listed("data", data)),
        hint=hint,
    )


def _listed(whose: str, classes: LabelSpace) -> str:
    return f"{whose}: {classes.name}, {classes.num_classes} classes ({', '.join(classes.names)})"
