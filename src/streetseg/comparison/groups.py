"""Runs that are one experiment: the same encoder from the same start, a run a seed."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise
from typing import Any

import numpy as np

from streetseg.errors import RequestError
from streetseg.metrics.bootstrap import Intervals, interval
from streetseg.metrics.counts import Counts
from streetseg.metrics.difference import Difference, compare, compare_classes, holm, require_same_ground_truth
from streetseg.metrics.scores import Scores, mean_scores, scores
from streetseg.recipe.decoders import DECODERS
from streetseg.recipe.load import without_effect
from streetseg.runs.finished import FinishedRun

STARTS = {
    "timm-pretrained": "ImageNet",
    "file": "weights file",
    "bundle": "earlier run",
    "random": "random weights",
}
# What changes a result and yet does not make two runs different experiments: seeds of one experiment form a group, and
# another precision, which a machine may decide, is said among the caveats.
OF_A_RUN = ("train.seed", "train.precision")


@dataclass(frozen=True, eq=False)
class Group:
    """One encoder from one kind of start: a run a seed.

    Args:
        label: the encoder and, in brackets, what it started from; unique in a comparison.
        settings: the flat recipe, less what differs between seeds.
        runs: by seed.
        counts: of all seeds together, image by image, for confusion matrices.
        scores, intervals: means over the seeds of the scores of each; the intervals are about the images alone.
    """

    label: str
    settings: Mapping[str, Any]
    runs: tuple[FinishedRun, ...]
    counts: Counts
    scores: Scores
    intervals: Intervals

    @property
    def first(self) -> FinishedRun:
        """The run with the lowest seed; it stands for the group where only one network can be shown."""
        return self.runs[0]

    @property
    def mean_iou(self) -> float:
        """Mean IoU, 0..1, the mean over the seeds."""
        return self.scores.mean["iou"]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, ascending."""
        return tuple(run.seed for run in self.runs)

    @cached_property
    def seed_scores(self) -> tuple[float, ...]:
        """Mean IoU of each seed by itself, 0..1."""
        return tuple(scores(run.counts.total).mean["iou"] for run in self.runs)

    @property
    def seed_deviation(self) -> float | None:
        """Sample standard deviation over seeds of the mean IoU; None for one seed."""
        return statistics.stdev(self.seed_scores) if len(self.seed_scores) > 1 else None


@dataclass(frozen=True, eq=False)
class Pair:
    """Two groups on the same images.

    Args:
        a, b: the better-ranked group and the other.
        difference: mean IoU of a minus b, 0..1, each the mean over its seeds, with interval; adjusted for all pairs.
        classes: the same of the IoU of each class; adjusted for all classes of the pair.
        latency: median latency of a over that of b; None where they were not measured alike.
    """

    a: Group
    b: Group
    difference: Difference
    classes: tuple[Difference, ...]
    latency: float | None


def group_runs(runs: Sequence[FinishedRun]) -> list[Group]:
    """Runs by everything that decides their result except the seed, in order of appearance.

    Raises:
        RequestError: the same recipe and seed twice, or seeds scored on different images.
    """
    by_key: dict[str, list[FinishedRun]] = {}
    for run in runs:
        by_key.setdefault(repr(_settings(run)), []).append(run)
    members = [tuple(sorted(group, key=lambda run: run.seed)) for group in by_key.values()]
    for group in members:
        for one, two in pairwise(group):
            if one.seed == two.seed:
                raise RequestError(
                    f"two runs of one recipe have the same seed ({one.seed}), so the second adds nothing",
                    where=(one.folder, two.folder),
                    hint="give each of them once, or train with another seed",
                )
    labels = _labels([group[0] for group in members])
    return [_group(label, group) for label, group in zip(labels, members, strict=True)]


def _group(label: str, runs: tuple[FinishedRun, ...]) -> Group:
    first = runs[0].counts
    for run in runs[1:]:
        require_same_ground_truth(first, run.counts)
    counts = Counts(
        names=first.names,
        sequences=first.sequences,
        counts=np.sum([run.counts.counts for run in runs], axis=0),
        ignored=np.sum([run.counts.ignored for run in runs], axis=0),
    )
    each = mean_scores([scores(run.counts.total) for run in runs])
    return Group(label, _settings(runs[0]), runs, counts, each, interval(*(run.counts for run in runs)))


def _settings(run: FinishedRun) -> dict[str, Any]:
    """The recipe as `path.to.field: value`, with the decoder it really has, what the network really started from, and
    the fingerprint of what it was trained on, for which the fields that choose it do not stand."""
    flat = flatten(run.recipe.model_dump(mode="json"))
    apart = {*without_effect(), *OF_A_RUN}
    kept = {key: value for key, value in flat.items() if key not in apart and not key.startswith("data.splits.")}
    channels = run.model["channels"]
    return kept | {
        # The decoder's own were others in earlier versions.
        "model.channels": None if tuple(channels) == DECODERS[run.model["decoder"]].channels else channels,
        "training data": run.data["splits"].get(run.recipe.data.train_split, {}).get("fingerprint", "")[:12],
        "model.weights": "random" if run.start["kind"] == "random" else run.start["text"],
    }


def flatten(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nest of mappings as one, its keys joined by dots."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def _labels(runs: Sequence[FinishedRun]) -> list[str]:
    """Encoder and start of each; where two are alike in both, also the settings in which they differ."""
    plain = [f"{run.encoder} ({STARTS.get(run.start['kind'], run.start['kind'])})" for run in runs]
    labels = []
    for run, label in zip(runs, plain, strict=True):
        twins = [_settings(other) for other, name in zip(runs, plain, strict=True) if name == label]
        own = _settings(run)
        differing = [key for key in own if any(twin.get(key) != own[key] for twin in twins)]
        labels.append(", ".join([label, *(f"{key}={own[key]}" for key in differing)]))
    return labels


def pair_groups(groups: Sequence[Group]) -> list[Pair]:
    """Every group against every one that is ranked behind it, in rank order.

    Holm's correction is for all pairs, also where only those with the best are of interest, because which one is the
    best was not known before.
    """
    pairs = list(combinations(groups, 2))
    differences = holm([compare(_counts(a), _counts(b), metric="mean_iou", family=len(pairs)) for a, b in pairs])
    return [
        Pair(
            a, b, difference, tuple(compare_classes(_counts(a), _counts(b), metric="iou")),
            _latency_ratio(a.first, b.first),
        )
        for (a, b), difference in zip(pairs, differences, strict=True)
    ]  # fmt: skip


def _counts(group: Group) -> list[Counts]:
    return [run.counts for run in group.runs]


def _latency_ratio(a: FinishedRun, b: FinishedRun) -> float | None:
    """Median latency of a over b's, None unless both were measured on the same machine in the same way."""
    alike = all(a.cost.get(key) == b.cost.get(key) for key in ("size", "device", "threads", "precision"))
    if not alike or a.environment.get("machine") != b.environment.get("machine"):
        return None
    return float(a.cost["latency_ms"]["p50"] / b.cost["latency_ms"]["p50"])
