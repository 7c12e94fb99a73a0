"""Test the adjusted shares by simulation: measure images whose true shares are known, many times.

    python tools/simulate_shares.py [--trials 1000] [--only TEXT] [--seed 0]

Every trial draws a validation and images to measure from the model of images and networks of simulate_bootstrap.py,
and streetseg.metrics.adjusted estimates the shares. The table shows how often the 95 % interval holds the true share of
a class, the mean distance of an estimate from it, and how often the estimates are doubted. It is in
docs/explanation/adjusted-shares.md.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from simulate_bootstrap import World, draw

from streetseg.labels.space import LabelSpace, fresh_colors
from streetseg.measurement.trust import doubts
from streetseg.metrics.adjusted import adjusted_shares
from streetseg.metrics.validation_counts import ValidationCounts

Matrices = NDArray[np.int64]  # (N, C, C)
Change = Callable[[Matrices], Matrices]

POPULATION = 100_000  # images that the true shares of a place are measured on
RESAMPLES = 1200  # enough for an interval of few effective units
CLASSES = 6


@dataclass(frozen=True)
class Setting:
    """A simulation.

    Args:
        name: of its row.
        validation, images: the number of images of the validation, and of those measured.
        sample: the images are a sample, and the shares of the place are estimated.
        change: what is different where the network is used; None if nothing is.
    """

    name: str
    validation: int
    images: int
    sample: bool = False
    change: Change | None = None


@dataclass(frozen=True)
class Outcome:
    """Means over trials and classes; `held` by class, float64 (C,)."""

    held: NDArray[np.float64]
    error: float


def other_shares(counts: Matrices) -> Matrices:
    """Return images with other shares: a class has half to twice the pixels. The network errs on each as before."""
    factors = np.geomspace(0.5, 2, counts.shape[1])
    return np.rint(counts * factors[:, None]).astype(np.int64)


def more_errors(counts: Matrices) -> Matrices:
    """Return images on which the network makes half as many errors again."""
    classes = range(counts.shape[1])
    more = counts // 2
    more[:, classes, classes] = 0
    kept = counts[:, classes, classes] - more.sum(axis=2)
    more = np.where((kept < 0)[:, :, None], 0, more)  # a class that is mostly incorrect stays as it is
    changed = counts + more
    changed[:, classes, classes] -= more.sum(axis=2)
    return changed


SETTINGS = (
    Setting("101 validation images, 50 measured", 101, 50),
    Setting("101 validation images, 500 measured", 101, 500),
    Setting("500 validation images, 50 measured", 500, 50),
    Setting("30 validation images, 50 measured", 30, 50),
    Setting("101 validation images, 50 as a sample", 101, 50, sample=True),
    Setting("other shares", 101, 50, change=other_shares),
    Setting("half as many errors again", 101, 50, change=more_errors),
)


def world_of(images: int) -> World:
    """Return the distribution of independent images."""
    return World(images, CLASSES, rarest=0.3, networks=1)


@cache
def shares_of_place() -> NDArray[np.float64]:
    """Return the mean shares float64 (C,) over very many images."""
    (counts,) = draw(world_of(POPULATION), np.random.default_rng(123))
    return true_shares(counts.counts)


def true_shares(counts: Matrices) -> NDArray[np.float64]:
    """Return the mean true shares over images, float64 (C,)."""
    return _shares(counts.sum(axis=2)).mean(axis=0)


def run(setting: Setting, trials: int, seed: int = 0) -> tuple[Outcome, Outcome, Outcome, float]:
    """Return the outcome of the predicted shares and of both estimators, and the share of trials with a doubt."""
    held = np.zeros((3, CLASSES))
    error, doubted = np.zeros(3), 0
    names = tuple(f"class {k}" for k in range(CLASSES))
    space = LabelSpace("simulated", names, tuple(color for color, _ in zip(fresh_colors([]), names, strict=False)))
    for trial in range(trials):
        rng = np.random.default_rng((seed, trial))
        (drawn,) = draw(world_of(setting.validation + setting.images), rng)
        known, here = drawn.counts[: setting.validation], drawn.counts[setting.validation :]
        if setting.change is not None:
            here = setting.change(here)
        true = shares_of_place() if setting.sample else true_shares(here)
        validation = ValidationCounts(known, np.arange(len(known)), "image", None, len(known))
        predicted = _shares(here.sum(axis=1))
        adjusted = adjusted_shares(validation, predicted, sample=setting.sample, resamples=RESAMPLES, seed=trial)
        for k, estimate in enumerate((adjusted.raw, adjusted.olofsson, adjusted.inverse)):
            held[k] += (estimate.low <= true) & (true <= estimate.high)
            error[k] += np.abs(estimate.value - true).mean()
        doubted += bool(doubts(adjusted, validation, predicted, space))
    outcomes = [Outcome(held[k] / trials, float(error[k] / trials)) for k in range(3)]
    return outcomes[0], outcomes[1], outcomes[2], doubted / trials


def _shares(pixels: Matrices) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = pixels / pixels.sum(axis=1, keepdims=True)
    return shares


def main(argv: Sequence[str] | None = None) -> None:
    """Print one row a setting."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--only", default="", metavar="TEXT", help="settings whose name holds this text")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    print("| | held: Olofsson | held: inverse | error: predicted | error: Olofsson | error: inverse | doubted |")
    print("|---|---|---|---|---|---|---|")
    for setting in SETTINGS:
        if options.only in setting.name:
            raw, olofsson, inverse, doubted = run(setting, options.trials, options.seed)
            held = (
                f"{100 * o.held.mean():.1f} % ({100 * o.held.min():.1f} to {100 * o.held.max():.1f})"
                for o in (olofsson, inverse)
            )
            errors = (f"{100 * o.error:.2f}" for o in (raw, olofsson, inverse))
            print(f"| {setting.name} | {' | '.join((*held, *errors))} | {100 * doubted:.0f} % |", flush=True)


if __name__ == "__main__":
    main()
