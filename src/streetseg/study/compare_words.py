"""The verdict in words. What is said follows from the interval, never from the difference alone."""

from collections.abc import Sequence
from pathlib import Path

from streetseg.metrics.bootstrap import Difference
from streetseg.study.compare_groups import Group, Pair
from streetseg.study.finished import FinishedRun

SAME_LATENCY = 0.05  # ratios this near to 1 are called the same


def single_sentence(group: Group) -> str:
    """What one encoder reaches, with its interval."""
    low, high = group.intervals.overall["mean_iou"]
    protocol = group.first.protocol
    return (
        f"{group.label} reaches {100 * group.mean_iou:.1f} mIoU {bracket(low, high)} "
        f"on the {protocol['images']} pictures of {dataset_name(protocol['dataset'])} {protocol['split']}."
    )


def dataset_name(spec: str) -> str:
    """What a data source is called for short: camvid for camvid:/data/CamVid, the last name of a bare path or file."""
    kind, colon, path = spec.partition(":")
    if colon:
        return Path(path).stem if kind == "folder" else kind
    return Path(spec).name


def pair_sentence(pair: Pair) -> str:
    """Which of the two is better, by how much, at which latency; and whether that is about encoders at all."""
    a, b, difference = pair.a, pair.b, pair.difference
    places = decimals(difference)
    size = f"{100 * difference.value:.{places}f}".replace("-", "−")
    band = bracket(difference.low, difference.high, places)
    price = f", at {latency_words(pair.latency)}" if pair.latency is not None else ""
    if difference.verdict == "A is better":
        said = f"{a.label} is better than {b.label} by {size} mIoU points {band}{price}."
    else:
        said = f"{a.label} and {b.label} are not distinguishable (difference {size} mIoU points {band}){price}."
    return f"{said} {different_starts(a, b)}".strip()


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
    return next((n for n in (1, 2, 3) if all(round(100 * abs(end), n) > 0 or end == 0 for end in ends)), 4)


def bracket(low: float, high: float, places: int = 1) -> str:
    """An interval of shares 0..1 in points: [69.9, 73.2]."""
    return f"[{100 * low:.{places}f}, {100 * high:.{places}f}]".replace("-", "−")


def caveats(groups: Sequence[Group], pairs: Sequence[Pair]) -> list[str]:
    """What keeps the verdict from meaning more than it does; one sentence or two each, the gravest first."""
    first = groups[0].first
    found = [
        _unequal_starts(groups),
        shared_videos(first),
        groups[0].intervals.note and _sentence(groups[0].intervals.note),
        _few_seeds(groups),
        *(_overlapping_seeds(pair) for pair in pairs),
        _unequal_recipes(groups),
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
    """A warning where pictures of the validation split come from videos that also gave training pictures."""
    trained_on = set(run.data["splits"][run.recipe.data.train_split].get("sequences", ()))
    seen = [video for video in run.counts.sequences if video in trained_on]
    if not seen:
        return None
    total = len(run.counts.sequences)
    count = f"All {total}" if len(seen) == total else f"{len(seen)} of {total}"
    return (
        f"{count} validation pictures come from videos that training pictures were cut from, too "
        f"({listed(sorted({video for video in seen if video}))}). Frames of one video look alike, so this score "
        "flatters: expect less on other streets."
    )


def _few_seeds(groups: Sequence[Group]) -> str | None:
    single = [group.label for group in groups if len(group.runs) == 1]
    if not single:
        return None
    some = f"{listed(single)} {'was' if len(single) == 1 else 'were'}"
    everyone = "Each encoder was" if len(groups) > 1 else "The network was"
    who = everyone if len(single) == len(groups) else some
    return (
        f"{who} trained once. The intervals say how far the score depends on the pictures, not how far it depends on "
        "the luck of one training; several seeds would show that."
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


def _other_fingerprint(groups: Sequence[Group]) -> str | None:
    prints = {
        tuple(split.get("fingerprint") for split in run.data["splits"].values())
        for group in groups
        for run in group.runs
    }
    if len(prints) == 1:
        return None
    return (
        "The fingerprints of the data differ between runs: files were copied, changed or read at another size. "
        "Names of the validation pictures and every pixel of their truth are the same."
    )


def _unequal_machines(pairs: Sequence[Pair]) -> str | None:
    others = [pair.b.label for pair in pairs if pair.latency is None]
    if not others:
        return None
    return f"Latencies of {listed([pairs[0].a.label, *others])} were not measured alike and are not compared."


def listed(names: Sequence[str]) -> str:
    """Names as a phrase: a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
