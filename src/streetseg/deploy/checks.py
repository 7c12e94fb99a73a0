"""Checks of an exported file: it must agree with the network that it was made from.

Where labeled data are named, the file must also stay within its budget of lost mean IoU. The images come from the data
that the user names, by default the built-in scenes.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streetseg.arrays import Size, input_size, resize_image
from streetseg.data.source import Sample, Source
from streetseg.data.store import Store, default_cache
from streetseg.errors import DataError, StreetsegError, first
from streetseg.evaluation.evaluate import evaluate
from streetseg.inference import backend_numpy
from streetseg.inference.backend_numpy import resize_images
from streetseg.inference.engines.engine import Engine
from streetseg.inference.engines.torch_engine import TorchEngine
from streetseg.inference.predictor import Predictor
from streetseg.metrics.counts import Counts
from streetseg.metrics.difference import Difference, compare_classes
from streetseg.metrics.difference import compare as difference_of
from streetseg.metrics.scores import scores

SIZES = ((1, 1), (33, 64), (96, 128), (101, 333))  # (height, width) checked besides the size the network sees
SELF_AGREEMENT = 0.999  # least share of labels equal to the argmax of the logits; ties and rounding explain the rest
TOLERANCE = 1e-3  # largest difference of a float32 logit, as a share of the largest; sums in another order have 1e-5
# Root mean square of the differences over all images, as a share of that of the logits. 16-bit weights have 11 and 8
# bits. A single logit of a tiny image can differ ten times as much. int8 has a budget instead.
DEVIATION = {"fp16": 1e-2, "bf16": 5e-2}
CHECKED = 4  # images checked at the size the network sees
NAMED = 5  # classes named in a message


class DisagreementError(StreetsegError):
    """The outputs of an exported file differ from those of the network."""


@dataclass(frozen=True)
class Parity:
    """Agreement of an exported file with the network.

    Args:
        images: number of compared images.
        sizes: their sizes, each (height, width).
        difference: the largest difference of two logits, as a share of the largest logit of its batch.
        deviation: the root mean square of the differences, as a share of that of the network's logits.
        agreement: share of pixels with the same label, 0..1.
    """

    images: int
    sizes: tuple[tuple[int, int], ...]
    difference: float
    deviation: float
    agreement: float


def compare(network: TorchEngine, exported: Engine, images: Sequence[NDArray[np.uint8]]) -> Parity:
    """Run network and file on batches of images and compare every logit and label.

    The file's labels must be the argmax of its own logits. `require_parity` limits the difference from the network's
    logits.

    Args:
        images: batches uint8 RGB (B, 3, H, W) of several sizes.

    Raises:
        DisagreementError: an output has the wrong shape or values that are not finite, or the file's labels are not
            the argmax of its logits.
    """
    difference, squares, of_network, same, pixels = 0.0, 0.0, 0.0, 0, 0
    for batch in images:
        size = f"{batch.shape[0]} images of {batch.shape[2]}x{batch.shape[3]}"
        expected = network.logits(network.take(batch)).cpu().numpy()
        try:
            logits, labels = exported.logits(batch), exported.labels(batch)
        except Exception as error:  # each engine raises errors of its own
            raise _disagreement(f"it cannot be run on {size} ({str(error).splitlines()[0]})") from error
        if logits.shape != expected.shape or labels.shape != (batch.shape[0], *batch.shape[2:]):
            shapes = f"found {logits.shape} and {labels.shape}, expected {expected.shape}"
            raise _disagreement(f"logits and labels of {size} have wrong shapes ({shapes})")
        if not np.isfinite(logits).all():
            raise _disagreement(f"logits of {size} are not finite numbers")
        if (labels != backend_numpy.argmax(logits)).mean() > 1 - SELF_AGREEMENT:
            raise _disagreement(f"labels of {size} are not those of the largest logits")
        difference = max(difference, float(np.abs(logits - expected).max() / np.abs(expected).max()))
        squares += float(np.square(logits - expected, dtype=np.float64).sum())
        of_network += float(np.square(expected, dtype=np.float64).sum())
        same += int((labels == backend_numpy.argmax(expected)).sum())
        pixels += labels.size
    sizes = tuple(sorted({(batch.shape[2], batch.shape[3]) for batch in images}))
    deviation = math.sqrt(squares / of_network)
    return Parity(sum(len(batch) for batch in images), sizes, difference, deviation, same / pixels)


def require_parity(parity: Parity, precision: str) -> None:
    """Raise DisagreementError if the logits of a file differ from the network's more than rounding explains.

    An int8 file may differ by any amount.
    """
    disagree = f"{100 * (1 - parity.agreement):.2f} % of the labels differ"
    if precision == "fp32" and parity.difference > TOLERANCE:
        largest = f"{parity.difference:.2g} of the largest logit (at most {TOLERANCE:g} expected)"
        raise _disagreement(f"logits differ by {largest}, {disagree}")
    if parity.deviation > DEVIATION.get(precision, math.inf):
        mean = f"{parity.deviation:.2g} of their root mean square (at most {DEVIATION[precision]:g} expected)"
        raise _disagreement(f"logits differ by {mean}, {disagree}")


def _disagreement(problem: str) -> DisagreementError:
    return DisagreementError(
        f"the exported model does not agree with the network: {problem}",
        hint="the file was removed; nothing was exported",
    )


class BudgetError(StreetsegError):
    """An exported model loses more mean IoU than its budget allows."""


@dataclass(frozen=True)
class ClassCost:
    """IoU of one class, 0..1 (NaN where undefined), of network and file, and the loss in points with its interval.

    Args:
        name: the class.
        before, after: IoU of the network, and of the file.
        interval: the 95 % interval of the loss in points; NaN where too few images show the class.
    """

    name: str
    before: float
    after: float
    interval: tuple[float, float]

    @property
    def points(self) -> float:
        """The loss in points (0..100)."""
        return 100 * (self.before - self.after)


@dataclass(frozen=True)
class Cost:
    """Mean IoU, 0..1, of the network in float32 and of the exported file on the same images.

    Args:
        images: number of images.
        before, after: mean IoU of the network, and of the file.
        interval: the 95 % interval of the loss in points; NaN if there are too few images.
        classes: the same of each class.
    """

    images: int
    before: float
    after: float
    interval: tuple[float, float]
    classes: tuple[ClassCost, ...]

    @property
    def points(self) -> float:
        """The loss of mean IoU in points (0..100)."""
        return 100 * (self.before - self.after)

    def hurt(self, budget: float) -> list[ClassCost]:
        """Return the classes whose own IoU falls by more than `budget` points, the largest loss first."""
        return sorted((one for one in self.classes if one.points > budget), key=lambda one: -one.points)


def mean_iou_cost(network: Engine, exported: Engine, source: Source, split: str) -> Cost:
    """Score network and exported file on a split with the same protocol. Raises DataError, RequestError."""
    before, after = (_counts(engine, source, split) for engine in (network, exported))
    scored = [scores(counts.total) for counts in (before, after)]
    difference = difference_of([before], [after])
    return Cost(
        len(before.names),
        scored[0].mean["iou"],
        scored[1].mean["iou"],
        _points(difference),
        tuple(
            ClassCost(name, float(of_network), float(of_file), _points(loss))
            for name, of_network, of_file, loss in zip(
                source.space.names, scored[0].iou, scored[1].iou, compare_classes([before], [after]), strict=True
            )
        ),
    )


def _counts(engine: Engine, source: Source, split: str) -> Counts:
    """Return the counts of an engine on a split, as `streetseg evaluate` counts."""
    size = None if engine.fixed_size else engine.size
    store = Store.open(source, split, size=size, resize_labels=False, cache=default_cache())
    return evaluate(Predictor(engine), store, details=False).counts


def _points(difference: Difference) -> tuple[float, float]:
    return 100 * difference.low, 100 * difference.high


def require_budget(cost: Cost, budget: float) -> None:
    """Raise BudgetError if the mean IoU falls by more than `budget` points; it names the classes that lose most."""
    if cost.points <= budget:
        return
    low, high = cost.interval
    range_of_loss = "" if math.isnan(low) else f" [{low:.2f}, {high:.2f}]"
    lost = [f"{one.name}: {one.points:.2f} points of IoU ({100 * one.before:.2f} before)" for one in cost.hurt(budget)]
    raise BudgetError(
        f"the file costs {cost.points:.2f}{range_of_loss} points of mean IoU ({100 * cost.before:.2f} before, "
        f"{100 * cost.after:.2f} after, {cost.images} images), the budget is {budget:g}",
        where=first(lost, NAMED, "classes") or None,
        hint="the file was removed; --budget N allows more, --precision fp16 or fp32 loses less",
    )


def check_images(source: Source, split: str, trained: Size | None, fixed: Size | None) -> list[NDArray[np.uint8]]:
    """Return batches uint8 (B, 3, H, W) to compare: a few images as the network sees them, and the first one resized to
    SIZES; for a file that takes only images of size `fixed`, a few of these."""
    samples = spread(samples_of(source, split), CHECKED)
    seen = [image for _, image in as_seen(source, samples, trained, fixed)]
    if fixed is not None:
        return [*seen, *(np.ascontiguousarray(image[..., ::-1]) for image in seen)]
    resized = [resize_images(np.concatenate([seen[0], seen[0][..., ::-1]]), size) for size in SIZES]
    return [*seen, *resized]


def as_seen(
    source: Source, samples: tuple[Sample, ...], trained: Size | None, fixed: Size | None
) -> Iterator[tuple[Sample, NDArray[np.uint8]]]:
    """Yield each sample and its image, uint8 (1, 3, H, W), at the size at which the network sees it, or `fixed`."""
    for sample in samples:
        image = source.read_image(sample)
        seen = resize_image(image, fixed or input_size((image.shape[0], image.shape[1]), trained))
        yield sample, np.ascontiguousarray(seen.transpose(2, 0, 1)[None])


def samples_of(source: Source, split: str) -> tuple[Sample, ...]:
    """Return the samples of a split. Raise DataError if it has none."""
    samples = source.splits.get(split)
    if not samples:
        raise DataError(
            f"split {split!r} has no images (found {', '.join(source.splits) or 'no splits'})", where=source.spec
        )
    return samples


def spread(samples: tuple[Sample, ...], count: int) -> tuple[Sample, ...]:
    """Return `count` of the samples, evenly spaced, because neighboring frames of a video are alike."""
    count = min(count, len(samples))
    return tuple(samples[i * len(samples) // count] for i in range(count))
