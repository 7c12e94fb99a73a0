"""Groups of runs: the runs of one experiment (same encoder, same initial weights), one per seed."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from streetseg.errors import RequestError
from streetseg.metrics.bootstrap import Intervals, interval
from streetseg.metrics.counts import Counts, joined
from streetseg.metrics.difference import Difference, compare, compare_classes, holm, require_same_ground_truth
from streetseg.metrics.scores import Scores, mean_scores, scores
from streetseg.recipe.decoders import DECODERS
from streetseg.recipe.load import without_effect
from streetseg.runs.finished import FinishedRun

if TYPE_CHECKING:
    from streetseg.json_files.scores import RunProtocol

INITIAL_WEIGHTS = {
    "timm-pretrained": "ImageNet",
    "file": "weights file",
    "bundle": "earlier run",
    "random": "random weights",
}
# Recipe fields that change a result but do not make two runs different experiments: the seeds of one experiment form a
# group, and so do its folds. The precision may be chosen by the machine; a caveat names the runs that differ in it.
PER_RUN_FIELDS = ("train.seed", "train.precision", "data.fold")


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The scores of a group on a split that had no part in the choice of the epochs.

    Args:
        protocol: of the scores.
        scores: means over the runs.
        intervals: of these means.
    """

    protocol: "RunProtocol"
    scores: Scores
    intervals: Intervals


@dataclass(frozen=True, eq=False)
class Group:
    """The runs of one encoder with the same initial weights, one per seed.

    Args:
        label: the encoder and, in brackets, its initial weights; unique in a comparison.
        name: the encoder alone where no other group has it, else the label: for tables that name the weights once.
        settings: the flat recipe without the fields that differ between seeds.
        runs: ordered by seed and fold.
        scored: the per-image counts of each seed: of its run, or of the runs of all its folds together.
        counts: the same, summed over the seeds, for confusion matrices.
        scores: means over the seeds.
        intervals: of these means; they cover the choice of images, not the choice of seeds.
    """

    label: str
    name: str
    settings: Mapping[str, Any]
    runs: tuple[FinishedRun, ...]
    scored: tuple[Counts, ...]
    counts: Counts
    scores: Scores
    intervals: Intervals

    @property
    def first(self) -> FinishedRun:
        """The run with the lowest seed. The report shows it where it can show only one network of the group."""
        return self.runs[0]

    @property
    def mean_iou(self) -> float:
        """Mean IoU, 0..1, the mean over the seeds."""
        return self.scores.mean["iou"]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds in ascending order."""
        return tuple(dict.fromkeys(run.seed for run in self.runs))

    @property
    def folds(self) -> int | None:
        """The number of folds that were scored together; None where the runs are of no folds, or of one of them."""
        fold = self.first.recipe.data.fold
        return fold[1] if fold is not None and len({run.recipe.data.fold for run in self.runs}) > 1 else None

    @property
    def protocol(self) -> "RunProtocol":
        """The protocol of the scores: that of each run, with the images of all folds together."""
        if self.folds is None:
            return self.first.protocol
        return {**self.first.protocol, "split": self.split, "images": len(self.counts.names)}

    @property
    def split(self) -> str:
        """The split that is scored, in words: "val split", or "train and val splits in 5 folds"."""
        data = self.first.recipe.data
        if self.folds is None:
            return f"{self.first.protocol['split']} split"
        return f"{data.train_split} and {data.val_split} splits in {self.folds} folds"

    @cached_property
    def seed_scores(self) -> tuple[float, ...]:
        """Mean IoU of each seed, 0..1."""
        return tuple(scores(counts.total).mean["iou"] for counts in self.scored)

    @cached_property
    def run_scores(self) -> tuple[float, ...]:
        """Mean IoU of each run, 0..1."""
        return tuple(scores(run.counts.total).mean["iou"] for run in self.runs)

    @cached_property
    def test(self) -> HeldOut | None:
        """The scores of the test split, the mean over the runs; None unless each run scored it."""
        tested = [run.test for run in self.runs if run.test is not None]
        if len(tested) < len(self.runs):
            return None
        for other in tested[1:]:
            require_same_ground_truth(tested[0].counts, other.counts)
        counts = [one.counts for one in tested]
        return HeldOut(tested[0].protocol, mean_scores([scores(one.total) for one in counts]), interval(*counts))

    @property
    def seed_deviation(self) -> float | None:
        """Sample standard deviation of the mean IoU over the seeds; None for one seed."""
        return statistics.stdev(self.seed_scores) if len(self.seed_scores) > 1 else None

    @property
    def fold_mean(self) -> float | None:
        """The mean over the runs of the mean IoU that each has on its own fold, 0..1; None without folds."""
        return None if self.folds is None else statistics.fmean(self.run_scores)

    @property
    def fold_deviation(self) -> float | None:
        """Sample standard deviation of the mean IoU over the folds, of all seeds; None without folds."""
        return None if self.folds is None else statistics.stdev(self.run_scores)


@dataclass(frozen=True, eq=False)
class Pair:
    """Two groups that were scored on the same images.

    Args:
        a: the group that ranks higher.
        b: the other group.
        difference: mean IoU of a minus mean IoU of b (-1..1, each the mean over its seeds) with its interval; the
            p-value is adjusted for all pairs.
        classes: the same for the IoU of each class; the p-values are adjusted for all classes of the pair.
        latency: median latency of a divided by that of b; None where they were not measured in the same way.
    """

    a: Group
    b: Group
    difference: Difference
    classes: tuple[Difference, ...]
    latency: float | None


def group_runs(runs: Sequence[FinishedRun]) -> list[Group]:
    """Return runs grouped by everything that affects their result except the seed, in order of appearance.

    Raises:
        RequestError: two runs have the same recipe and seed, or the seeds were scored on different images.
    """
    by_key: dict[str, list[FinishedRun]] = {}
    for run in runs:
        by_key.setdefault(repr(_settings(run)), []).append(run)
    members = [tuple(sorted(group, key=_seed_and_fold)) for group in by_key.values()]
    for group in members:
        for one, two in pairwise(group):
            if _seed_and_fold(one) == _seed_and_fold(two):
                raise RequestError(
                    f"two runs of one recipe have the same seed ({one.seed}), so the second adds nothing",
                    where=(one.folder, two.folder),
                    hint="give each of them once, or train with another seed",
                )
        _require_all_folds(group)
    labels = _labels([group[0] for group in members])
    encoders = [group[0].encoder for group in members]
    return [
        _group(label, encoder if encoders.count(encoder) == 1 else label, group)
        for label, encoder, group in zip(labels, encoders, members, strict=True)
    ]


def _seed_and_fold(run: FinishedRun) -> tuple[int, int]:
    fold = run.recipe.data.fold
    return run.seed, 0 if fold is None else fold[0]


def _require_all_folds(runs: Sequence[FinishedRun]) -> None:
    """Raise RequestError if the runs are of several folds, and a seed has no run of one of them."""
    folds = runs[0].recipe.data.fold
    if folds is None or len({run.recipe.data.fold for run in runs}) == 1:
        return
    for seed in dict.fromkeys(run.seed for run in runs):
        there = {_seed_and_fold(run)[1] for run in runs if run.seed == seed}
        missing = [str(k) for k in range(1, folds[1] + 1) if k not in there]
        if missing:
            raise RequestError(
                f"runs are missing: fold {', '.join(missing)} of {folds[1]} of {runs[0].encoder}, seed {seed}",
                where=tuple(run.folder for run in runs),
                hint="give the runs of all folds; streetseg study --resume finishes them",
            )


def _group(label: str, name: str, runs: tuple[FinishedRun, ...]) -> Group:
    by_seed: dict[int, list[Counts]] = {}
    for run in runs:
        by_seed.setdefault(run.seed, []).append(run.counts)
    scored = tuple(joined(counts) for counts in by_seed.values())
    first = scored[0]
    for counts in scored[1:]:
        require_same_ground_truth(first, counts)
    total = Counts(
        names=first.names,
        sequences=first.sequences,
        counts=np.sum([counts.counts for counts in scored], axis=0),
        ignored=np.sum([counts.ignored for counts in scored], axis=0),
    )
    means = mean_scores([scores(counts.total) for counts in scored])
    return Group(label, name, _settings(runs[0]), runs, scored, total, means, interval(*scored))


def _settings(run: FinishedRun) -> dict[str, Any]:
    """Return the settings that decide a result, as `path.to.field` -> value.

    Decoder channels and initial weights are those that the run used. The fingerprint of the training images replaces
    the fields that select them.
    """
    flat = flatten(run.recipe.model_dump(mode="json"))
    left_out = {*without_effect(), *PER_RUN_FIELDS}
    kept = {key: value for key, value in flat.items() if key not in left_out and not key.startswith("data.splits.")}
    channels, weights = run.model["channels"], run.initial_weights
    trained_on = run.data["splits"].get(run.recipe.data.train_split, {}).get("fingerprint", "")[:12]
    fold = run.recipe.data.fold
    return kept | {
        # The default channels of a decoder were different in earlier versions.
        "model.channels": None if tuple(channels) == DECODERS[run.model["decoder"]].channels else channels,
        "training data": trained_on if fold is None else f"{fold[1]} folds",
        "model.weights": "random" if weights["kind"] == "random" else weights["text"],
    }


def flatten(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one flat dict, with keys joined by dots."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def _labels(runs: Sequence[FinishedRun]) -> list[str]:
    """Return encoder and initial weights of each run; where several runs share them, also the settings that differ."""
    kinds = [run.initial_weights["kind"] for run in runs]
    short = [f"{run.encoder} ({INITIAL_WEIGHTS.get(kind, kind)})" for run, kind in zip(runs, kinds, strict=True)]
    labels = []
    for run, label in zip(runs, short, strict=True):
        same_label = [_settings(other) for other, name in zip(runs, short, strict=True) if name == label]
        settings = _settings(run)
        differing = [key for key in settings if any(other.get(key) != settings[key] for other in same_label)]
        labels.append(", ".join([label, *(f"{key}={settings[key]}" for key in differing)]))
    return labels


def pair_groups(groups: Sequence[Group]) -> list[Pair]:
    """Return all pairs of groups, in rank order.

    Holm's correction covers all pairs, although the report stresses the pairs with the best group: which group is the
    best was not known before the comparison.
    """
    pairs = list(combinations(groups, 2))
    differences = holm([compare(a.scored, b.scored, metric="mean_iou", family=len(pairs)) for a, b in pairs])
    return [
        Pair(
            a, b, difference, tuple(compare_classes(a.scored, b.scored, metric="iou")),
            _latency_ratio(a.first, b.first),
        )
        for (a, b), difference in zip(pairs, differences, strict=True)
    ]  # fmt: skip


def _latency_ratio(a: FinishedRun, b: FinishedRun) -> float | None:
    """Return the median latency of a divided by that of b; None unless both were measured in the same way."""
    same_way = all(a.cost.get(key) == b.cost.get(key) for key in ("size", "device", "threads", "precision"))
    if not same_way or a.environment.get("machine") != b.environment.get("machine"):
        return None
    return float(a.cost["latency_ms"]["p50"] / b.cost["latency_ms"]["p50"])
