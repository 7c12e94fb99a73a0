"""The verdict in words. What is said follows from interval and p-value, never from the difference alone."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from streetseg.comparison.groups import Group, Pair
from streetseg.metrics.difference import Difference
from streetseg.metrics.student import LEVEL
from streetseg.runs.finished import FinishedRun

SAME_LATENCY = 0.05  # ratios this near to 1 are called the same


def single_sentence(group: Group) -> str:
    """What one encoder reaches, with its interval."""
    low, high = group.intervals.overall["mean_iou"]
    protocol = group.first.protocol
    seeds = f", the mean of {len(group.runs)} seeds," if len(group.runs) > 1 else ""
    return (
        f"{group.label} reaches {100 * group.mean_iou:.1f} mIoU {bracket(low, high)}{seeds} "
        f"on the {protocol['images']} images of {dataset_name(protocol['dataset'])} {protocol['split']}."
    )


def dataset_name(spec: str) -> str:
    """What a data source is called for short: camvid for camvid:/data/CamVid, the last name of a bare path or file."""
    kind, colon, path = spec.partition(":")
    if colon:
        return Path(path).stem if kind == "folder" else kind
    return Path(spec).name


def pair_sentence(pair: Pair) -> str:
    """Which of the two is better, by how much, at which latency; and whether that is about encoders at all."""
    price = f", at {latency_words(pair.latency)}" if pair.latency is not None else ""
    said = f"{difference_words(pair.a.label, pair.b.label, pair.difference)}{price}."
    return f"{said} {different_starts(pair.a, pair.b)}".strip()


def difference_words(a: str, b: str, difference: Difference) -> str:
    """The verdict with its figures, and on how many videos it holds where it holds for those only."""
    if difference.verdict == "B is better":
        low, high = -difference.high, -difference.low
        return difference_words(b, a, replace(difference, value=-difference.value, low=low, high=high))
    places = decimals(difference)
    size = f"{100 * difference.value:.{places}f} mIoU points".replace("-", "−")
    figures = f"{size} {bracket(difference.low, difference.high, places)}"
    tested = f"{chance(difference.adjusted)}, adjusted for {difference.family} comparisons"
    videos = "the one video" if difference.videos == 1 else f"the {difference.videos} videos"
    where = f" on {videos} they were scored on" if difference.videos else ""
    if difference.verdict == "A is better":
        return f"{a} is better than {b} by {figures}{f' ({tested})' if difference.family > 1 else ''}{where}"
    lost = f"; but {tested}" if excludes_zero(difference) and difference.family > 1 else ""
    return f"{a} and {b} are not distinguishable{where} (difference {figures}{lost})"


def excludes_zero(difference: Difference) -> bool:
    """Whether 0 lies outside the interval."""
    return difference.low > 0 or difference.high < 0


def chance(p_value: float) -> str:
    """A p-value with three decimals, or as many as it takes to see on which side of 5 % it lies."""
    if p_value < 0.001:
        return "p < 0.001"
    places = next((n for n in (3, 4, 5) if round(p_value, n) != LEVEL), 6)
    return f"p = {p_value:.{places}f}"


def different_starts(a: Group, b: Group) -> str:
    """A warning where the two began with different kinds of weights; empty where they did not."""
    if kind_of_start(a) == kind_of_start(b):
        return ""
    return "They did not start alike, so this is not a difference between encoders alone."


def kind_of_start(group: Group) -> str:
    """The kind of the initial weights; published ones are one kind, whether timm fetched them or a file held them."""
    kind = group.first.start["kind"]
    return "published" if kind in ("timm-pretrained", "file") else kind


def latency_words(ratio: float) -> str:
    """A ratio of latencies as a phrase."""
    if abs(ratio - 1) < SAME_LATENCY:
        return "the same latency"
    if ratio > 1:
        return f"{ratio:.1f} times the latency"
    return f"{100 * (1 - ratio):.0f} % less latency"


def decimals(difference: Difference) -> int:
    """One decimal, or as many as it takes to see on which side of 0 the ends of the interval lie (at most four)."""
    ends = (difference.low, difference.high)
    if math.isnan(difference.low):
        return 1
    return next((n for n in (1, 2, 3) if all(round(100 * abs(end), n) > 0 or end == 0 for end in ends)), 4)


def bracket(low: float, high: float, places: int = 1) -> str:
    """An interval of shares 0..1 in points: [69.9, 73.2]; in words where there is none."""
    if math.isnan(low):
        return "[no interval]"
    return f"[{100 * low:.{places}f}, {100 * high:.{places}f}]".replace("-", "−")


def caveats(groups: Sequence[Group], pairs: Sequence[Pair]) -> list[str]:
    """What keeps the verdict from meaning more than it does; one sentence or two each, the gravest first."""
    first = groups[0].first
    found = [
        _unequal_starts(groups),
        shared_videos(first),
        groups[0].intervals.note and _sentence(groups[0].intervals.note),
        _rare_classes(groups[0]),
        _few_seeds(groups),
        _several_seeds(groups),
        *(_overlapping_seeds(pair) for pair in pairs),
        _unequal_recipes(groups),
        _unequal_precision(groups),
        _other_fingerprint(groups),
        _unequal_machines(pairs),
    ]
    return [sentence for sentence in found if sentence]


def _sentence(note: str) -> str:
    return f"{note[:1].upper()}{note[1:]}."


def _unequal_starts(groups: Sequence[Group]) -> str | None:
    if len({kind_of_start(group) for group in groups}) < 2:
        return None
    return (
        "The networks started from different kinds of weights, which can change the result as much as the encoder "
        "does. What each started from stands beside its name."
    )


def shared_videos(run: FinishedRun) -> str | None:
    """A warning where images of the validation split come from videos that also gave training images."""
    trained_on = set(run.data["splits"][run.recipe.data.train_split].get("sequences", ()))
    seen = [video for video in run.counts.sequences if video in trained_on]
    if not seen:
        return None
    total = len(run.counts.sequences)
    count = f"All {total}" if len(seen) == total else f"{len(seen)} of {total}"
    return (
        f"{count} validation images come from videos that training images were cut from, too "
        f"({listed(sorted({video for video in seen if video}))}). Frames of one video look alike, so this score "
        "flatters: expect less on other streets."
    )


def _rare_classes(group: Group) -> str | None:
    """Classes that count in the mean although hardly any image holds them."""
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
        f"Hardly any image holds {listed(rare)}: too few for an interval. Yet each class counts alike in the mean, "
        "so more images may change the mean by more than its own interval says."
    )


def _few_seeds(groups: Sequence[Group]) -> str | None:
    single = [group.label for group in groups if len(group.runs) == 1]
    if not single:
        return None
    some = f"{listed(single)} {'was' if len(single) == 1 else 'were'}"
    everyone = "Each encoder was" if len(groups) > 1 else "The network was"
    who = everyone if len(single) == len(groups) else some
    return (
        f"{who} trained once. The intervals say how far the score depends on the images, not how far it depends on "
        "the luck of one training; several seeds would show that."
    )


def _several_seeds(groups: Sequence[Group]) -> str | None:
    """What the interval covers and what the deviation does, where both are there."""
    several = [group for group in groups if group.seed_deviation is not None]
    if not several:
        return None
    each = [
        f"{group.label} {100 * group.mean_iou:.1f} ± {100 * (group.seed_deviation or 0):.1f} ({len(group.runs)} seeds)"
        for group in several
    ]
    return (
        "With several seeds a score is the mean over them. Its interval covers the choice of images, not the luck of "
        f"training; that is the standard deviation over seeds, in mIoU: {listed(each)}."
    )


def _overlapping_seeds(pair: Pair) -> str | None:
    """Where single seeds contradict a verdict, that is said."""
    if pair.difference.verdict == "not distinguishable" or min(len(pair.a.runs), len(pair.b.runs)) < 2:
        return None
    if min(pair.a.seed_scores) > max(pair.b.seed_scores):
        return None
    spans = [f"{100 * min(g.seed_scores):.1f} to {100 * max(g.seed_scores):.1f}" for g in (pair.a, pair.b)]
    return (
        f"Single seeds of {pair.a.label} ({spans[0]}) and {pair.b.label} ({spans[1]}) overlap: "
        "another choice of seeds could turn their order."
    )


def _unequal_recipes(groups: Sequence[Group]) -> str | None:
    own = ("model.encoder", "model.weights")
    keys = sorted({key for group in groups for key in group.settings if key not in own})
    differing = [key for key in keys if len({repr(group.settings.get(key)) for group in groups}) > 1]
    if not differing:
        return None
    values = (f"{key} ({', '.join(str(group.settings.get(key)) for group in groups)})" for key in differing)
    return f"The recipes differ in more than the encoder: {'; '.join(values)}."


def _unequal_precision(groups: Sequence[Group]) -> str | None:
    """Which runs were trained in fp32 and which in bf16, where both occur."""
    runs = [(f"{group.label} seed {run.seed}", run.precision) for group in groups for run in group.runs]
    by_precision = {name: [run for run, its in runs if its == name] for name in sorted({its for _, its in runs})}
    if len(by_precision) == 1:
        return None
    found = "; ".join(f"{name}: {listed(names)}" for name, names in by_precision.items())
    return (
        f"The runs were not all trained in the same precision ({found}), which can change a score a little: "
        "train.precision=fp32 or bf16 gives all of them the same."
    )


def _other_fingerprint(groups: Sequence[Group]) -> str | None:
    prints = {
        tuple(split.get("fingerprint") for split in run.data["splits"].values())
        for group in groups
        for run in group.runs
    }
    if len(prints) == 1:
        return None
    return (
        "The fingerprints of the data differ between runs: images were changed or read at another size. "
        "Names of the validation images and every pixel of their ground truth are the same."
    )


def _unequal_machines(pairs: Sequence[Pair]) -> str | None:
    others = [pair.b.label for pair in pairs if pair.latency is None]
    if not others:
        return None
    return f"Latencies of {listed([pairs[0].a.label, *others])} were not measured alike and are not compared."


def listed(names: Sequence[str]) -> str:
    """Names as a phrase: a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
