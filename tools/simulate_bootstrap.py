"""Test the bootstrap by simulation: compare networks whose true difference is known, many times.

    python tools/simulate_bootstrap.py [--trials 2000] [--only TEXT] [--seed 0] [--json]

Every trial draws new images and the counts of the networks on them. streetseg.metrics compares the networks as in a
report. The tables show how often the 95 % interval holds the true difference and how often a network is called better.
They are in docs/explanation/statistics.md.

The model of images and networks (`draw`):
- Each class has a share of the pixels and a probability to be in an image. Both fall from the first class to the last.
  Areas are log-normal.
- An image is harder or easier for all networks, as a whole and for each class. Each network has an additional random
  effect per image. Counts therefore vary far more than binomial ones.
- Errors go to classes in the image, with preferences that all networks share.
- Frames of one video share a part of all random effects with the whole video, and another part with their neighbors.
- The networks of one trial differ only by chance, so that the true difference of any two is exactly 0, unless the
  setting makes one better.
"""

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from streetseg.metrics.bootstrap import interval
from streetseg.metrics.counts import Counts
from streetseg.metrics.difference import Difference, compare, compare_classes, holm
from streetseg.metrics.scores import scores

PIXELS = 100_000  # pixels of an image
TRUE_SCORE_IMAGES = 200_000  # images for measuring a true score


@dataclass(frozen=True)
class World:
    """The distribution of images and networks.

    Args:
        images: images in a trial.
        classes: number of classes.
        rarest: share of the images that hold the rarest class.
        videos: number of frames of each video; empty for independent images.
        alike: share of the variance that all frames of a video have in common.
        steady: correlation of the remaining variance between neighboring frames.
        known: whether the counts name the video of each image.
        networks: number of networks that are compared on the same images.
        better: how much lower the log odds of an error are for the first network than for the others.
        luck: standard deviation of a random advantage, in log odds, that each network has from its training.
    """

    images: int
    classes: int
    rarest: float
    videos: tuple[int, ...] = ()
    alike: float = 0.0
    steady: float = 0.0
    known: bool = True
    networks: int = 2
    better: float = 0.0
    luck: float = 0.0


def draw(world: World, rng: np.random.Generator) -> list[Counts]:
    """Draw images; return the counts of every network on them."""
    n, c = world.images, world.classes
    rank = np.linspace(0, 1, c)
    share = np.exp(-5 * rank)
    chance = np.where(rank < 0.4, 1.0, world.rarest ** ((rank - 0.4) / 0.6))
    mistakes = -3.2 + 3.4 * rank  # log odds

    present = _field(world, rng, c) < [NormalDist().inv_cdf(min(p, 1 - 1e-9)) for p in chance]
    area = np.where(present, share / chance * np.exp(0.8 * _field(world, rng, c)), 0)
    ground_truth = np.floor(PIXELS * area / area.sum(axis=1, keepdims=True)).astype(np.int64)
    hard = 0.5 * _field(world, rng, 1) + 0.6 * _field(world, rng, c)
    habits = (area + 0.03 * share)[:, None, :] * np.exp(0.8 * np.random.default_rng(c).standard_normal((c, c)))
    habits[:, range(c), range(c)] = 0

    names = tuple(f"image {i}" for i in range(n))
    videos: tuple[str | None, ...] = (None,) * n
    if world.known and world.videos:
        videos = tuple(f"video {k}" for k, length in enumerate(world.videos) for _ in range(length))
    counts = []
    for k in range(world.networks):
        own = 0.15 * _field(world, rng, 1) + 0.5 * _field(world, rng, c)
        skill = world.better * (k == 0) + world.luck * rng.standard_normal()
        incorrect = ground_truth / (1 + np.exp(-mistakes + skill - hard - own))
        toward = habits * np.exp(0.7 * _field(world, rng, c * c).reshape(n, c, c))
        spread = incorrect[:, :, None] * toward / toward.sum(axis=2, keepdims=True)
        matrices = np.floor(spread + rng.random(spread.shape)).astype(np.int64)
        matrices[matrices.sum(axis=2) > ground_truth] = 0  # rounding exceeds an area of very few pixels
        matrices[:, range(c), range(c)] = ground_truth - matrices.sum(axis=2)
        counts.append(Counts(names, videos, matrices, np.zeros(n, np.int64)))
    return counts


def _field(world: World, rng: np.random.Generator, size: int) -> NDArray[np.float64]:
    """Draw standard normal values float64 (images, size) that are correlated within videos."""
    field = rng.standard_normal((world.images, size))
    start = 0
    for length in world.videos:
        for i in range(start + 1, start + length):
            field[i] = world.steady * field[i - 1] + math.sqrt(1 - world.steady**2) * field[i]
        common = rng.standard_normal(size)
        frames = slice(start, start + length)
        field[frames] = math.sqrt(world.alike) * common + math.sqrt(1 - world.alike) * field[frames]
        start += length
    return field


def true_mean_iou(world: World) -> float:
    """Return the mean IoU of the first network on TRUE_SCORE_IMAGES images."""
    return _true_scores(world)[0]


def true_difference(world: World) -> float:
    """Return the mean IoU of the first network minus that of the second, on TRUE_SCORE_IMAGES images."""
    first, second = _true_scores(world)
    return first - second


def _true_scores(world: World) -> list[float]:
    """Return the mean IoU of each network on TRUE_SCORE_IMAGES images."""
    many = replace(world, images=1000)
    rng = np.random.default_rng(99)
    totals = np.zeros((world.networks, world.classes, world.classes), np.int64)
    for _ in range(TRUE_SCORE_IMAGES // many.images):
        totals += [counts.total for counts in draw(many, rng)]
    return [scores(total).mean["iou"] for total in totals]


Outcome = dict[str, float]
Trial = Callable[[World, np.random.Generator, int, float], Outcome]


def pair(world: World, rng: np.random.Generator, seed: int, true: float = 0.0) -> Outcome:
    """Compare the first half of the networks with the second, as the seeds of two encoders."""
    networks = draw(world, rng)
    half = world.networks // 2
    difference = compare(networks[:half], networks[half:], seed=seed)
    return {
        "interval holds the truth": difference.low <= true <= difference.high,
        "A called better": difference.verdict == "A is better",
        "B called better": difference.verdict == "B is better",
        "width, points": difference.high - difference.low,
    }


def alone(world: World, rng: np.random.Generator, seed: int, true: float) -> Outcome:
    """Compare the interval of the mean IoU of one network with its true mean IoU."""
    low, high = interval(draw(world, rng)[0], seed=seed).overall["mean_iou"]
    return {
        "interval holds the truth": low <= true <= high,
        "truth below": true < low,
        "truth above": true > high,
        "width, points": high - low,
    }


def family(world: World, rng: np.random.Generator, seed: int, _: float) -> Outcome:
    """Compare every pair of equally good networks: is any called better, before and after Holm's correction?"""
    pairs = list(combinations(draw(world, rng), 2))
    differences = [compare([a], [b], family=len(pairs), seed=seed) for a, b in pairs]
    return _any_called_better(differences, holm(differences))


def classes(world: World, rng: np.random.Generator, seed: int, _: float) -> Outcome:
    """Compare two equally good networks class by class."""
    a, b = draw(world, rng)
    differences = compare_classes([a], [b], seed=seed)
    return _any_called_better([replace(d, adjusted=d.p_value) for d in differences], differences)


def _any_called_better(before: Sequence[Difference], after: Sequence[Difference]) -> Outcome:
    """Return how often a network is called better, before and after the correction."""
    distinguished = [[d.verdict != "not distinguishable" for d in differences] for differences in (before, after)]
    return {
        "of single comparisons": float(np.mean(distinguished[0])),
        "any, not adjusted": any(distinguished[0]),
        "any, adjusted": any(distinguished[1]),
    }


@dataclass(frozen=True)
class Setting:
    """One row of a table.

    Args:
        table: the table that holds the row.
        name: the name of the row.
        trial: the comparison of each trial.
        world: the distribution of images and networks.
        true: returns the true value.
    """

    table: str
    name: str
    trial: Trial
    world: World
    true: Callable[[World], float] = lambda world: 0.0


def settings() -> Iterator[Setting]:
    """Yield all rows of all tables."""
    eleven, nineteen = World(101, 11, rarest=0.2), World(101, 19, rarest=0.03)
    for world in (eleven, nineteen):
        for images in (10, 20, 50, 101, 500):
            name = f"{images} images, {world.classes} classes"
            yield Setting("Equally good networks", name, pair, replace(world, images=images))
    yield Setting("Equally good networks", "101 images, 3 seeds each", pair, replace(eleven, networks=6))

    filmed = replace(eleven, alike=0.3, steady=0.7)
    for lengths in ((101,), (34, 34, 33), (20,) * 5, (14,) * 7, (10,) * 10, (5,) * 20, (10,) * 50):
        world = replace(filmed, images=sum(lengths), videos=lengths)
        name = "1 video" if len(lengths) == 1 else f"{len(lengths)} videos"
        name = f"{name}, {sum(lengths)} frames"
        yield Setting("Equally good networks, frames of videos", name, pair, world)
        yield Setting("The same, frames drawn as if independent", name, pair, replace(world, known=False))
    one = replace(filmed, videos=(101,), alike=0.0)
    yield Setting("Equally good networks, frames of videos", "1 video of which all others are copies", pair, one)
    uneven = replace(nineteen, images=500, videos=(100, 167, *[1] * 233))
    for name, alike in (("2 long videos, 233 images", 0.3), ("the same, no frame like another", 0.0)):
        world = replace(uneven, alike=alike, steady=alike)
        yield Setting("Equally good networks, frames of videos", name, pair, world)

    for better in (0.1, 0.2, 0.3):
        name = f"101 images, 11 classes, log odds {better}"
        yield Setting("A is better", name, pair, replace(eleven, better=better), true_difference)
    for world in (eleven, nineteen):
        for images in (50, 101, 500):
            name = f"{images} images, {world.classes} classes"
            yield Setting("The score of one network", name, alone, replace(world, images=images), true_mean_iou)

    yield Setting("Many comparisons", "3 equal networks, 101 images", family, replace(eleven, networks=3))
    yield Setting("Many comparisons", "6 equal networks, 101 images", family, replace(eleven, networks=6))
    yield Setting("Many comparisons", "11 classes, 101 images", classes, eleven)
    yield Setting("Many comparisons", "19 classes, 500 images", classes, replace(nineteen, images=500))
    yield Setting("Many comparisons", "11 classes, 1 video", classes, one)

    for networks, name in ((2, "1 seed each"), (6, "3 seeds each")):
        world = replace(nineteen, images=500, networks=networks, luck=0.05)
        yield Setting("Equally good encoders, luck of training", f"500 images, {name}", pair, world)


def run(setting: Setting, trials: int, seed: int) -> Outcome:
    """Return the mean of every outcome over the trials. Trial k depends only on `seed` and k."""
    true = setting.true(setting.world)
    outcomes = [setting.trial(setting.world, np.random.default_rng([seed, k]), k, true) for k in range(trials)]
    means = {name: float(np.mean([outcome[name] for outcome in outcomes])) for name in outcomes[0]}
    return means | ({"truth, points": true} if true else {})


def main() -> None:
    """Simulate and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=2000, help="draws of images for each row")
    parser.add_argument("--only", default="", metavar="TEXT", help="rows whose table or name holds this")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="one machine-readable object on stdout")
    args = parser.parse_args()
    tables: dict[str, dict[str, Outcome]] = {}
    for setting in settings():
        if args.only in setting.table or args.only in setting.name:
            outcome = run(setting, args.trials, args.seed)
            tables.setdefault(setting.table, {})[setting.name] = outcome
            print(setting.table, setting.name, outcome, file=sys.stderr, flush=True)
    if args.json:
        print(json.dumps({"trials": args.trials, "seed": args.seed, "tables": tables}, indent=2))
        return
    for table, rows in tables.items():
        heads = list(next(iter(rows.values())))
        print(f"\n| {table} | {' | '.join(heads)} |\n| --- |{' ---: |' * len(heads)}")
        for name, outcome in rows.items():
            print(f"| {name} | {' | '.join(f'{100 * outcome[head]:.1f}' for head in heads)} |")
    errors = (100 * math.sqrt(share * (1 - share) / args.trials) for share in (0.95, 0.025))
    print("\nIn percent; Monte Carlo standard error {:.1f} at 95 %, {:.1f} at 2.5 %.".format(*errors))


if __name__ == "__main__":
    main()
