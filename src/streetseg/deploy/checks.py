"""Checks of an exported file: it must agree with the network that it was made from.

An int8 file must also stay within its budget of lost mean IoU. The images come from the data that the user names, by
default the built-in scenes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streetseg.arrays import Size, input_size, resize_image
from streetseg.data.source import Sample, Source
from streetseg.data.store import Store, default_cache
from streetseg.errors import DataError, StreetsegError
from streetseg.evaluation.evaluate import evaluate
from streetseg.inference import backend_numpy
from streetseg.inference.backend_numpy import resize_images
from streetseg.inference.engines.engine import Engine
from streetseg.inference.engines.torch_engine import TorchEngine
from streetseg.inference.predictor import Predictor
from streetseg.metrics.scores import scores

SIZES = ((1, 1), (33, 64), (96, 128), (101, 333))  # (height, width) checked besides the size the network sees
SELF_AGREEMENT = 0.999  # least share of labels equal to the argmax of the logits; ties and rounding explain the rest
TOLERANCE = 1e-3  # share of the largest logit; float32 sums in another order differ by a hundredth of this
CHECKED = 4  # images checked at the size the network sees


class DisagreementError(StreetsegError):
    """The outputs of an exported file differ from those of the network."""


@dataclass(frozen=True)
class Parity:
    """Agreement of an exported file with the network.

    Args:
        images: number of compared images.
        sizes: their sizes, each (height, width).
        difference: the largest difference of two logits, as a share of the largest logit.
        agreement: share of pixels with the same label, 0..1.
    """

    images: int
    sizes: tuple[tuple[int, int], ...]
    difference: float
    agreement: float


def compare(network: TorchEngine, exported: Engine, images: Sequence[NDArray[np.uint8]]) -> Parity:
    """Run network and file on batches of images and compare every logit and label.

    The file's labels must be the argmax of its own logits. `require_parity` limits the difference from the network's
    logits for float32 files; int8 files have a budget instead.

    Args:
        images: batches uint8 RGB (B, 3, H, W) of several sizes.

    Raises:
        DisagreementError: an output has the wrong shape or values that are not finite, or the file's labels are not
            the argmax of its logits.
    """
    difference, same, pixels = 0.0, 0, 0
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
        same += int((labels == backend_numpy.argmax(expected)).sum())
        pixels += labels.size
    sizes = tuple(sorted({(batch.shape[2], batch.shape[3]) for batch in images}))
    return Parity(sum(len(batch) for batch in images), sizes, difference, same / pixels)


def require_parity(parity: Parity) -> None:
    """Raise DisagreementError if the logits of a float32 file differ from the network's by more than rounding."""
    if parity.difference > TOLERANCE:
        raise _disagreement(
            f"logits differ by {parity.difference:.2g} of the largest logit (at most {TOLERANCE:g} expected), "
            f"{100 * (1 - parity.agreement):.2f} % of the labels differ"
        )


def _disagreement(problem: str) -> DisagreementError:
    return DisagreementError(
        f"the exported model does not agree with the network: {problem}",
        hint="the file was removed; nothing was exported",
    )


class BudgetError(StreetsegError):
    """A quantized model loses more mean IoU than its budget allows."""


@dataclass(frozen=True)
class Cost:
    """Mean IoU, 0..1, before and after quantization on the same images.

    Args:
        images: number of images.
        before: mean IoU of the network in float32.
        after: mean IoU of the exported file.
    """

    images: int
    before: float
    after: float

    @property
    def points(self) -> float:
        """The loss of mean IoU in points (0..100)."""
        return 100 * (self.before - self.after)


def mean_iou_cost(network: Engine, exported: Engine, source: Source, split: str) -> Cost:
    """Score network and exported file on a split with the same protocol. Raises DataError, RequestError."""
    store = Store.open(source, split, size=network.size, resize_labels=False, cache=default_cache())
    before, after = (
        scores(evaluate(Predictor(engine), store, details=False).counts.total).mean["iou"]
        for engine in (network, exported)
    )
    return Cost(len(store), before, after)


def require_budget(cost: Cost, budget: float) -> None:
    """Raise BudgetError if the mean IoU falls by more than `budget` points."""
    if not cost.points <= budget:
        raise BudgetError(
            f"int8 costs {cost.points:.2f} points of mean IoU ({100 * cost.before:.2f} before, "
            f"{100 * cost.after:.2f} after, {cost.images} images), the budget is {budget:g}",
            hint="the file was removed; --budget N allows more, without --int8 nothing is lost",
        )


def check_images(source: Source, split: str, trained: Size | None) -> list[NDArray[np.uint8]]:
    """Return batches uint8 (B, 3, H, W): a few images as the network sees them, and the first one resized to SIZES."""
    seen = [image for _, image in as_seen(source, spread(samples_of(source, split), CHECKED), trained)]
    resized = [resize_images(np.concatenate([seen[0], seen[0][..., ::-1]]), size) for size in SIZES]
    return [*seen, *resized]


def as_seen(
    source: Source, samples: tuple[Sample, ...], trained: Size | None
) -> Iterator[tuple[Sample, NDArray[np.uint8]]]:
    """Yield each sample and its image, uint8 (1, 3, H, W), at the size at which the network sees it."""
    for sample in samples:
        image = source.read_image(sample)
        seen = resize_image(image, input_size((image.shape[0], image.shape[1]), trained))
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
    return samples[:: max(1, len(samples) // count)][:count]
