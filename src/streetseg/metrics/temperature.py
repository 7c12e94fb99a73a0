"""Fit the probabilities of a network to how often it is correct: temperature scaling and vector scaling.

The probabilities of a pixel are softmax(logits * scale + bias), with one scale and one bias for each class.

- Temperature scaling has one number: every scale is 1 / temperature, and every bias is 0.
- Vector scaling has a scale and a bias for each class.

Both are of Guo, Pleiss, Sun & Weinberger, On Calibration of Modern Neural Networks (ICML 2017, arXiv:1706.04599), and
minimize the negative log-likelihood (NLL) of the ground truth. It is convex in scale and bias, so that Newton's method
finds the minimum. Vector scaling is chosen only where it has the lower NLL on images that it was not fitted on.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from streetseg.metrics.calibration import BINS, calibration_bins, expected_calibration_error

FOLDS = 5  # of the cross-validation
LIMIT = 20.0  # the temperature is between 1 / LIMIT and LIMIT: without an error in the sample it has no minimum
RIDGE = 1e-4  # weight of the squared change of vector scaling from temperature scaling; holds classes without a pixel
AGREEMENT = 0.95  # least share of pixels whose label vector scaling leaves the most probable class
STEPS = 50  # most steps of Newton's method; it needs about 10
DECREASE = 1e-9  # nats; Newton's method ends where a step promises less
DIGITS = 6  # a fit is rounded to so many digits: sums in another order differ in later ones

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Figures:
    """How well probabilities fit.

    Args:
        nll: mean negative log-likelihood of the ground truth, in nats.
        ece: expected calibration error of metrics.calibration, 0..1.
    """

    nll: float
    ece: float


@dataclass(frozen=True, eq=False)
class Fit:
    """Fitted probabilities.

    Args:
        method: "temperature" or "vector".
        scale, bias: float64 (C,), of the logits of each class.
        before: with the probabilities of the network as it is.
        after: with the fit, on the pixels that it was fitted on.
        cross_validated: with fits of this method, each on the images that it was not fitted on; None for one image.
        folds: the number of those fits; 0 for one image.
    """

    method: Literal["temperature", "vector"]
    scale: Floats
    bias: Floats
    before: Figures
    after: Figures
    cross_validated: Figures | None
    folds: int


def fit(logits: Floats, labels: NDArray[np.uint8], images: NDArray[np.int64]) -> Fit:
    """Fit temperature scaling and vector scaling, and return the one to use.

    Vector scaling is used where its NLL on the held-out images is lower by more than one standard error over the folds,
    and its most probable class is the label nearly everywhere.
    A fold is a block of consecutive images, because neighboring frames of a video are alike.

    Args:
        logits: (C, N), of a sample of pixels, N > 0.
        labels: (N,), their ground truth.
        images: (N,), the number of the image of each pixel.
    """
    sample = _Sample(logits, labels.astype(np.intp))
    unchanged = _Scaling(np.ones(len(logits)), np.zeros(len(logits)))
    fitted = _both(sample, {"temperature": unchanged, "vector": unchanged})
    method: Literal["temperature", "vector"] = "temperature"
    cross_validated, folds = None, min(FOLDS, len(np.unique(images)))
    if folds > 1:
        held_out = _held_out(sample, _blocks(images, folds), folds, fitted)
        gain = held_out["temperature"].nll - held_out["vector"].nll
        better = gain.mean() > gain.std(ddof=1) / np.sqrt(folds)
        method = "vector" if better and sample.agreement(fitted["vector"]) >= AGREEMENT else "temperature"
        cross_validated = held_out[method].figures
    scaling = fitted[method]
    return Fit(
        method,
        scaling.scale,
        scaling.bias,
        before=sample.figures(unchanged),
        after=sample.figures(scaling),
        cross_validated=cross_validated,
        folds=folds if folds > 1 else 0,
    )


@dataclass(frozen=True, eq=False)
class _Scaling:
    """Scale and bias of the logits of each class, (C,)."""

    scale: Floats
    bias: Floats

    def limited(self) -> "_Scaling":
        """Return the scaling within LIMIT, rounded to DIGITS."""
        parts = (np.clip(self.scale, 1 / LIMIT, LIMIT), self.bias)
        return _Scaling(*(np.array([float(f"{number:.{DIGITS}g}") for number in part]) for part in parts))


@dataclass(frozen=True, eq=False)
class _Sample:
    """Pixels with their ground truth.

    Args:
        logits: (C, N).
        labels: (N,).
    """

    logits: Floats
    labels: NDArray[np.intp]

    def of(self, pixels: NDArray[np.bool_]) -> "_Sample":
        return _Sample(self.logits[:, pixels], self.labels[pixels])

    def log_probabilities(self, scaling: _Scaling) -> Floats:
        """Return (C, N)."""
        scaled = self.logits * scaling.scale[:, None] + scaling.bias[:, None]
        scaled -= scaled.max(axis=0)
        scaled -= np.log(np.exp(scaled).sum(axis=0))
        return scaled

    def nll(self, scaling: _Scaling) -> float:
        return float(-self._at(self.log_probabilities(scaling), self.labels).mean())

    def bins(self, scaling: _Scaling) -> Floats:
        """Return the bins of metrics.calibration, for the class with the largest logit: the label of the pixel."""
        chosen = self.logits.argmax(axis=0)
        confidence = np.exp(self._at(self.log_probabilities(scaling), chosen))
        return calibration_bins(confidence.astype(np.float32), chosen == self.labels)

    def agreement(self, scaling: _Scaling) -> float:
        """Return the share of pixels whose most probable class is that of the largest logit."""
        return float((self.log_probabilities(scaling).argmax(axis=0) == self.logits.argmax(axis=0)).mean())

    def figures(self, scaling: _Scaling) -> Figures:
        return Figures(self.nll(scaling), expected_calibration_error(self.bins(scaling)))

    def derivatives(self, scaling: _Scaling) -> tuple[Floats, Floats]:
        """Return the gradient (2C,) and the Hessian (2C, 2C) of the NLL in (scale, bias)."""
        probabilities = np.exp(self.log_probabilities(scaling))
        weighted = probabilities * self.logits
        classes, pixels = weighted.shape
        labeled = np.bincount(self.labels, minlength=classes)
        correct_logits = np.bincount(self.labels, weights=self._at(self.logits, self.labels), minlength=classes)
        gradient = np.concatenate([weighted.sum(axis=1) - correct_logits, probabilities.sum(axis=1) - labeled])
        both = np.concatenate([weighted, probabilities])
        hessian = -(both @ both.T)
        scales, biases = np.arange(classes), classes + np.arange(classes)
        hessian[scales, scales] += (weighted * self.logits).sum(axis=1)
        hessian[scales, biases] += weighted.sum(axis=1)
        hessian[biases, scales] += weighted.sum(axis=1)
        hessian[biases, biases] += probabilities.sum(axis=1)
        return gradient / pixels, hessian / pixels

    @staticmethod
    def _at(values: Floats, classes: NDArray[np.intp]) -> Floats:
        """Return the value of one class at each pixel, (C, N) -> (N,)."""
        chosen: Floats = values[classes, np.arange(len(classes))]
        return chosen


def _both(sample: _Sample, start: dict[str, _Scaling]) -> dict[str, _Scaling]:
    """Return method -> its fit. The minimum is one, so that the start decides only how soon it is found."""
    classes = len(sample.logits)
    same_scale = np.concatenate([np.ones(classes), np.zeros(classes)])[:, None]
    unchanged = _Scaling(np.ones(classes), np.zeros(classes))
    temperature = _newton(sample, unchanged, same_scale, start["temperature"], ridge=0.0)
    return {
        "temperature": temperature,
        "vector": _newton(sample, temperature, np.eye(2 * classes), start["vector"], ridge=RIDGE),
    }


def _newton(sample: _Sample, prior: _Scaling, directions: Floats, start: _Scaling, *, ridge: float) -> _Scaling:
    """Return the minimum of NLL + ridge * |x|² over (scale, bias) = prior + directions @ x.

    The method is Newton's; a step that does not lead down is halved.

    Args:
        directions: (2C, k), with columns at right angles.
        start: the scaling to start from.
    """
    origin = np.concatenate([prior.scale, prior.bias])
    offset = np.concatenate([start.scale, start.bias]) - origin
    x = directions.T @ offset / (directions * directions).sum(axis=0)

    def scaling(x: Floats) -> _Scaling:
        scale, bias = np.split(origin + directions @ x, 2)
        return _Scaling(scale, bias)

    def objective(x: Floats) -> float:
        return sample.nll(scaling(x)) + ridge * float(x @ x)

    value = objective(x)
    for _ in range(STEPS):
        gradient, hessian = sample.derivatives(scaling(x))
        slope = directions.T @ gradient + 2 * ridge * x
        curvature = directions.T @ hessian @ directions + (2 * ridge + 1e-12) * np.eye(len(x))
        step = np.linalg.solve(curvature, slope)
        if slope @ step < DECREASE:
            break
        while (lower := objective(x - step)) > value and slope @ step > DECREASE:
            step = step / 2
        if lower >= value:
            break
        x, value = x - step, lower
        if scaling(x).scale.max() > LIMIT:
            break
    return scaling(x).limited()


@dataclass(frozen=True, eq=False)
class _HeldOut:
    """A method on images that it was not fitted on: the NLL of each fold, (folds,), and the figures of all pixels."""

    nll: Floats
    figures: Figures


def _held_out(
    sample: _Sample, fold_of_pixel: NDArray[np.int64], folds: int, start: dict[str, _Scaling]
) -> dict[str, _HeldOut]:
    """Return method -> its figures, where each fold is predicted with the fits on the others."""
    nll = {method: np.zeros(folds) for method in start}
    bins = {method: np.zeros((3, BINS)) for method in start}
    for fold in range(folds):
        held_out = fold_of_pixel == fold
        rest = sample.of(held_out)
        for method, scaling in _both(sample.of(~held_out), start).items():
            nll[method][fold] = rest.nll(scaling)
            bins[method] += rest.bins(scaling)
    share = np.bincount(fold_of_pixel, minlength=folds) / len(fold_of_pixel)
    return {
        method: _HeldOut(nll[method], Figures(float(nll[method] @ share), expected_calibration_error(bins[method])))
        for method in start
    }


def _blocks(images: NDArray[np.int64], folds: int) -> NDArray[np.int64]:
    """Return the fold of each pixel, (N,): blocks of images in their order."""
    numbers = np.unique(images)
    return np.searchsorted(numbers, images) * folds // len(numbers)
