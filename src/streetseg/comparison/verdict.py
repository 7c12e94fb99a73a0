"""The verdict in words. It follows from interval and p-value, never from the difference alone."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from streetseg.comparison.groups import Group, Pair
from streetseg.metrics.difference import Difference
from streetseg.metrics.student import LEVEL
from streetseg.recipe.datasets import parts_of
from streetseg.runs.finished import FinishedRun

SAME_LATENCY = 0.05  # a ratio of latencies closer to 1 than this is called the same latency


def single_sentence(group: Group) -> str:
    """Return the mean IoU of one group with its interval, as a sentence."""
    low, high = group.intervals.overall["mean_iou"]
    protocol = group.protocol
    where = protocol["split"] if group.folds is None else group.split
    seeds = f", the mean of {len(group.seeds)} seeds," if len(group.seeds) > 1 else ""
    return (
        f"{group.label} reaches {100 * group.mean_iou:.1f} % mean IoU {bracket(low, high)}{seeds} "
        f"on the {protocol['images']} images of {dataset_name(protocol['dataset'])} {where}."
    )


def dataset_name(spec: str) -> str:
    """Return the short name of a data source: camvid for camvid:/data/CamVid, the last part of a path without kind."""
    if len(parts := parts_of(spec)) > 1:
        return " + ".join(map(dataset_name, parts))
    kind, colon, path = spec.partition(":")
    if colon:
        return Path(path).stem if kind in ("folder", "shards") else kind
    return Path(spec).name


def pair_sentence(pair: Pair, *, first: bool = True) -> str:
    """Return which of two groups is better, by how much and at which latency, with a warning about initial weights.

    A sentence that is not the first names initial weights only where those of the two groups are of different kinds.
    """
    latency = f", at {latency_words(pair.latency)}" if pair.latency is not None else ""
    labels = first or weights_kind(pair.a) != weights_kind(pair.b)
    a, b = (group.label if labels else group.name for group in (pair.a, pair.b))
    verdict = f"{difference_words(a, b, pair.difference)}{latency}."
    return f"{verdict} {initial_weights_warning(pair.a, pair.b)}".strip()


def difference_words(a: str, b: str, difference: Difference) -> str:
    """Return the verdict with its figures; where it holds only for the videos that were scored, also their number."""
    if difference.verdict == "B is better":
        low, high = -difference.high, -difference.low
        return difference_words(b, a, replace(difference, value=-difference.value, low=low, high=high))
    places = decimals(difference)
    value = f"{100 * difference.value:.{places}f} points of mean IoU".replace("-", "−")
    figures = f"{value} {bracket(difference.low, difference.high, places)}"
    tested = f"{p_value_text(difference.adjusted)}, adjusted for {difference.family} comparisons"
    videos = "the one video" if difference.videos == 1 else f"the {difference.videos} videos"
    where = f" on {videos} they were scored on" if difference.videos else ""
    if difference.verdict == "A is better":
        return f"{a} is better than {b} by {figures}{f' ({tested})' if difference.family > 1 else ''}{where}"
    adjusted = f"; but {tested}" if excludes_zero(difference) and difference.family > 1 else ""
    return f"{a} and {b} are not distinguishable{where} (difference {figures}{adjusted})"


def excludes_zero(difference: Difference) -> bool:
    """Return whether 0 lies outside the interval."""
    return difference.low > 0 or difference.high < 0


def p_value_text(p_value: float) -> str:
    """Return a p-value with three decimals, or with more where three do not show on which side of 5 % it lies."""
    if p_value < 0.001:
        return "p < 0.001"
    places = next((n for n in (3, 4, 5) if round(p_value, n) != LEVEL), 6)
    return f"p = {p_value:.{places}f}"


def initial_weights_warning(a: Group, b: Group) -> str:
    """Return a warning if two groups have different kinds of initial weights, else an empty text."""
    if weights_kind(a) == weights_kind(b):
        return ""
    return "Their initial weights are of different kinds, so this is not a difference between encoders alone."


def weights_kind(group: Group) -> str:
    """Return the kind of the initial weights. Published weights are one kind, from timm as from a file."""
    kind = group.first.initial_weights["kind"]
    return "published" if kind in ("timm-pretrained", "file") else kind


def latency_words(ratio: float) -> str:
    """Return a ratio of latencies as a phrase."""
    if abs(ratio - 1) < SAME_LATENCY:
        return "the same latency"
    if ratio > 1:
        return f"{ratio:.1f} times the latency"
    return f"{100 * (1 - ratio):.0f} % less latency"


def decimals(difference: Difference) -> int:
    """Return 1, or as many decimals as show on which side of 0 the ends of the interval lie, at most 4."""
    ends = (difference.low, difference.high)
    if math.isnan(difference.low):
        return 1
    return next((n for n in (1, 2, 3) if all(round(100 * abs(end), n) > 0 or end == 0 for end in ends)), 4)


def bracket(low: float, high: float, places: int = 1) -> str:
    """Return an interval of shares 0..1 in points, such as [69.9, 73.2]; "[no interval]" where it is NaN."""
    if math.isnan(low):
        return "[no interval]"
    return f"[{100 * low:.{places}f}, {100 * high:.{places}f}]".replace("-", "−")


def caveats(groups: Sequence[Group], pairs: Sequence[Pair]) -> list[str]:
    """Return the caveats of a verdict, one or two sentences each, the most serious first."""
    first = groups[0].first
    sentences = [
        _unequal_initial_weights(groups),
        shared_videos(first),
        groups[0].intervals.note and _sentence(groups[0].intervals.note),
        _rare_classes(groups[0]),
        _folds(groups),
        _few_seeds(groups),
        _several_seeds(groups),
        *(_overlapping_seeds(pair) for pair in pairs),
        _unequal_recipes(groups),
        _unequal_precision(groups),
        _unequal_classes(groups),
        _still_improving(groups),
        _other_fingerprint(groups),
        _unequal_machines(pairs),
    ]
    return [sentence for sentence in sentences if sentence]


def _sentence(note: str) -> str:
    return f"{note[:1].upper()}{note[1:]}."


def _unequal_initial_weights(groups: Sequence[Group]) -> str | None:
    if len({weights_kind(group) for group in groups}) < 2:
        return None
    return (
        "The networks started from different kinds of weights, which can change the result as much as the encoder "
        "does. The table of scores names them beside each encoder."
    )


def shared_videos(run: FinishedRun) -> str | None:
    """Return a warning if validation images come from videos that training images come from, too; else None."""
    trained_on = set(run.data["splits"][run.recipe.data.train_split].get("sequences", ()))
    shared = [video for video in run.counts.sequences if video in trained_on]
    if not shared:
        return None
    total = len(run.counts.sequences)
    count = f"All {total}" if len(shared) == total else f"{len(shared)} of {total}"
    return (
        f"{count} validation images come from videos that training images come from, too "
        f"({listed(sorted({video for video in shared if video}))}). Frames of one video look alike, so this score "
        "is too high: expect less on other streets."
    )


def _rare_classes(group: Group) -> str | None:
    """Return a warning about classes that count in the mean although few images contain them; None without one."""
    intervals, scored = group.intervals.per_class["iou"][:, 0], group.scores.iou
    if math.isnan(group.intervals.overall["mean_iou"][0]):
        return None
    rare = [
        name
        for name, value, low in zip(group.first.classes, scored, intervals, strict=True)
        if math.isfinite(value) and math.isnan(low)
    ]
    if not rare:
        return None
    return (
        f"Too few images contain {listed(rare)} for an interval. But each class has the same weight in the mean, "
        "so more images may change the mean by more than its own interval says."
    )


def _few_seeds(groups: Sequence[Group]) -> str | None:
    single = [group.label for group in groups if len(group.seeds) == 1]
    if not single:
        return None
    some = f"{listed(single)} {'was' if len(single) == 1 else 'were'}"
    all_groups = "Each encoder was" if len(groups) > 1 else "The network was"
    subject = all_groups if len(single) == len(groups) else some
    each_fold = "" if groups[0].folds is None else " on each fold"
    return (
        f"{subject} trained once{each_fold}. The intervals say how far the score depends on the images, not how far "
        "it depends on the seed of the training; several seeds would show that."
    )


def _several_seeds(groups: Sequence[Group]) -> str | None:
    """Return what the interval and what the deviation over seeds covers; None without a group of several seeds."""
    several = [group for group in groups if group.seed_deviation is not None]
    if not several:
        return None
    means = [
        f"{group.label} {100 * group.mean_iou:.1f} ± {100 * (group.seed_deviation or 0):.1f} ({len(group.seeds)} seeds)"
        for group in several
    ]
    return (
        "With several seeds a score is the mean over them. Its interval covers the choice of images, not the choice "
        f"of the seed. The standard deviation over seeds covers that, in points of mean IoU: {listed(means)}."
    )


def _overlapping_seeds(pair: Pair) -> str | None:
    """Return a warning if single seeds contradict the verdict of a pair, else None."""
    if pair.difference.verdict == "not distinguishable" or min(len(pair.a.seeds), len(pair.b.seeds)) < 2:
        return None
    if min(pair.a.seed_scores) > max(pair.b.seed_scores):
        return None
    spans = [f"{100 * min(g.seed_scores):.1f} to {100 * max(g.seed_scores):.1f}" for g in (pair.a, pair.b)]
    return (
        f"Single seeds of {pair.a.label} ({spans[0]}) and {pair.b.label} ({spans[1]}) overlap: "
        "another choice of seeds could reverse their order."
    )


def _unequal_recipes(groups: Sequence[Group]) -> str | None:
    labeled = ("model.encoder", "model.weights")  # the label of a group names them
    keys = sorted({key for group in groups for key in group.settings if key not in labeled})
    differing = [key for key in keys if len({repr(group.settings.get(key)) for group in groups}) > 1]
    if not differing:
        return None
    values = (f"{key} ({', '.join(str(group.settings.get(key)) for group in groups)})" for key in differing)
    return f"The recipes differ in more than the encoder: {'; '.join(values)}."


def _unequal_precision(groups: Sequence[Group]) -> str | None:
    """Return which runs were trained in fp32 and which in bf16; None where all have the same precision."""
    by_precision: dict[str, list[str]] = {}
    for group in groups:
        for run in group.runs:
            by_precision.setdefault(run.precision, []).append(run_name(group.label, run))
    if len(by_precision) == 1:
        return None
    runs = "; ".join(f"{name}: {listed(labels)}" for name, labels in sorted(by_precision.items()))
    return (
        f"The runs were not all trained in the same precision ({runs}), which can change a score a little: "
        "train.precision=fp32 or bf16 gives all of them the same."
    )


def _unequal_classes(groups: Sequence[Group]) -> str | None:
    """Return over how many classes each mean was taken; None where the number is the same for all groups."""
    counted = [group.scores.counted["iou"] for group in groups]
    if len(set(counted)) == 1:
        return None
    numbers = listed([f"{number} for {group.label}" for group, number in zip(groups, counted, strict=True)])
    return (
        f"The means are over different numbers of classes: {numbers} of {len(groups[0].first.classes)}. A class that "
        "no image contains counts, with IoU 0, for a network that predicts it."
    )


def _still_improving(groups: Sequence[Group]) -> str | None:
    """Return which runs had their best epoch at the end; None where none had, or where a callback ended the run."""
    runs = [(group.label, run) for group in groups for run in group.runs]
    improving = [
        run_name(label, run)
        for label, run in runs
        if run.best_epoch == len(run.curves["epoch"]) and not run.ended_early
    ]
    if not improving:
        return None
    if len(improving) == len(runs):
        subject = "Every run was" if len(runs) > 1 else "The network was"
    else:
        subject = f"{listed(improving)} {'was' if len(improving) == 1 else 'were'}"
    return f"{subject} still improving at its last epoch: a longer training may change the scores and their order."


def _other_fingerprint(groups: Sequence[Group]) -> str | None:
    fingerprints: dict[tuple[int, int] | None, set[tuple[str | None, ...]]] = {}
    for group in groups:
        for run in group.runs:
            of_run = tuple(split.get("fingerprint") for split in run.data["splits"].values())
            fingerprints.setdefault(run.recipe.data.fold, set()).add(of_run)
    if all(len(of_fold) == 1 for of_fold in fingerprints.values()):
        return None
    return (
        "The fingerprints of the data differ between runs: images were changed or read at another size. "
        "Names of the validation images and every pixel of their ground truth are the same."
    )


def _folds(groups: Sequence[Group]) -> str | None:
    """Return the mean over folds and what its deviation says; None without folds."""
    folded = [(group, group.fold_mean, group.fold_deviation) for group in groups]
    means = [
        f"{group.label} {100 * m:.1f} ± {100 * d:.1f}" for group, m, d in folded if m is not None and d is not None
    ]
    if not means:
        return None
    return (
        f"Every image was scored once, by the network of the fold that held it out ({groups[0].folds} folds), and the "
        "scores are of all images together. Mean and standard deviation of the mean IoU over the folds: "
        f"{listed(means)}. The networks of two folds share most of their training images, so this deviation is not "
        "that of independent trainings."
    )


def run_name(label: str, run: FinishedRun) -> str:
    """Return the name of a run in a sentence: its group, seed and fold."""
    fold = run.recipe.data.fold
    return f"{label} seed {run.seed}{'' if fold is None else f' fold {fold[0]}'}"


def _unequal_machines(pairs: Sequence[Pair]) -> str | None:
    others = [pair.b.label for pair in pairs if pair.latency is None]
    if not others:
        return None
    return (
        f"The latencies of {listed([pairs[0].a.label, *others])} were not measured in the same way and are not "
        "compared."
    )


def listed(names: Sequence[str]) -> str:
    """Return names as a phrase: a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
