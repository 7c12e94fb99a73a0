"""Texts of a report: numbers, protocols and facts."""

import math
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streetseg.comparison.groups import Group, Pair
from streetseg.comparison.verdict import dataset_name, listed
from streetseg.data.source import short_name
from streetseg.metrics.bootstrap import CONFIDENCE, Intervals
from streetseg.recipe.resolved import recipe_yaml
from streetseg.recipe.schema import Train
from streetseg.report.charts.pipeline import Lane, Step
from streetseg.runs.finished import FinishedRun
from streetseg.text import counted, without_folders

MEMORY = "Memory: weights and all other tensors that exist at the same time."
UNITS = {"image": "images", "clip": "clips of consecutive frames", "sequence": "whole videos"}
MISTAKES = 5  # number of confusions that are listed below a confusion matrix
# The folders of /home/me/x, camvid:/home/me/x, a=/home/me/x and C:\Users\me\x, in one argument of a command.
ABSOLUTE = re.compile(r"(?<![^=:,])(?:/|[A-Za-z]:[/\\]|\w+://)[^,]*[/\\](?=[^/\\])")
ENCODER = "{encoder}"  # stands for the name of an encoder in texts that are compared
SMALLEST_MISTAKE = 0.05  # smallest share of a class's pixels that is listed


def points(value: float | None) -> str:
    """Return a share 0..1 in percent with one decimal; a dash for None or NaN."""
    return "–" if value is None or not math.isfinite(value) else f"{100 * value:.1f}"


def full(value: float | None, scale: float = 1.0) -> str:
    """Return `scale * value` with ten digits, for programs; an empty text for None or NaN."""
    return "" if value is None or not math.isfinite(value) else f"{scale * value:.10g}"


def whole(value: int) -> str:
    """Return a whole number with spaces between its thousands."""
    return f"{value:,}".replace(",", "\N{NO-BREAK SPACE}")


def signed(value: float) -> str:
    """Return a difference of shares in points with its sign, such as +1.2, −0.4 or 0.0; a dash for NaN."""
    return (
        "–"
        if not math.isfinite(value)
        else f"{100 * value:+.1f}".replace("+0.0", "0.0").replace("-0.0", "0.0").replace("-", "−")
    )


def span(low: float, high: float) -> str:
    """Return an interval of shares in percent, such as 69.9–73.2; an empty text for NaN."""
    return "" if not math.isfinite(low) or not math.isfinite(high) else f"{100 * low:.1f}–{100 * high:.1f}"


def figure(value: float | None) -> str:
    """Return a number with about three digits; a dash for None or NaN."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:,.0f}".replace(",", " ") if abs(value) >= 100 else f"{value:#.3g}"


def protocol_line(group: Group) -> str:
    """Return the protocol of the scores as a sentence: data, sizes and scoring rules."""
    return protocol_sentence(group.protocol, group.split)


def test_protocol(group: Group) -> str:
    """Return the protocol of the scores of the test split as a sentence; empty where it was not scored."""
    if group.test is None:
        return ""
    p = group.test.protocol
    return f"Scored once, when the epoch was chosen. {protocol_sentence(p, str(p['split']) + ' split')}"


def protocol_sentence(p: Mapping[str, Any], split: str) -> str:
    """Return a protocol as a sentence; `split` is its split in words."""
    return (
        f"{dataset_name(p['dataset'])}, {split}, {p['images']} images, label space {p['label_space']}; "
        f"scored at the resolution of the masks {p['resolution']} (the network saw {p['network_resolution']}); "
        f"{p['ignore']}; {p['absent']}; {p['test_time']}; rules version {p['rules']}."
    )


def interval_rule(intervals: Intervals, several_seeds: bool, encoders: int) -> str:
    """Return how the intervals were computed and what they cover."""
    unit = UNITS[intervals.unit]
    pairs = f" Differences are resampled in pairs, the same {unit} for both." if encoders > 1 else ""
    family = encoders * (encoders - 1) // 2
    holm = (
        f" Their p-values are adjusted for all {family} pairs (Holm), and one encoder is called better only where the "
        "adjusted p-value is below 0.05 and the interval does not contain 0."
    )
    seeds = (
        " With several seeds every score is the mean over the seeds, each scored on the same images. The interval "
        "covers the choice of images. The ± in the last column is the standard deviation over seeds; it covers the "
        "choice of the seed."
    )
    return (
        f"Intervals: {100 * CONFIDENCE:.0f} %, percentile bootstrap over {unit}, {intervals.resamples} resamples."
        f"{pairs}{holm if family > 1 else ''}{seeds if several_seeds else ''}"
    )


def classes_sentence(pair: Pair, a: str, b: str) -> str:
    """Return the classes on which two encoders differ, and the number of the others; `a` and `b` are their letters."""
    tested = [(name, d) for name, d in zip(pair.a.first.classes, pair.classes, strict=True) if d.p_value == d.p_value]
    if not tested:
        return f"{a} against {b}: too few images to tell single classes apart."
    better = {
        letter: [name for name, d in tested if d.verdict == f"{side} is better"]
        for side, letter in (("A", a), ("B", b))
    }
    results = [f"{letter} is better on {listed(names)}" for letter, names in better.items() if names]
    undecided = len(tested) - sum(len(names) for names in better.values())
    if undecided:
        rest = f"the other {undecided}" if results else f"all {undecided}"
        results.append(f"not distinguishable on {rest}")
    return f"{a} against {b}: {'; '.join(results)} (p-values adjusted for {len(tested)} classes)."


def curve_protocol(group: Group) -> str:
    """Return the protocol of the learning curves as a sentence."""
    p = group.protocol
    return (
        f"Validation: {dataset_name(p['dataset'])}, {group.split}, {p['images']} images, scored as above after "
        "each epoch."
    )


def cost_protocol(groups: Sequence[Group]) -> str:
    """Return machine, image size and precision of the cost measurement; groups measured in the same way share them."""
    ways: dict[str, list[str]] = {}
    for group in groups:
        cost = group.first.cost
        size = "×".join(str(side) for side in cost["size"])
        threads = f", {cost['threads']} threads" if cost.get("threads") else ""
        way = f"{machine(group.first)}, {cost['device']}{threads}, {cost['precision']}, one image of {size}"
        ways.setdefault(way, []).append(group.name)
    if len(ways) == 1:
        return f"Measured on {next(iter(ways))}. MACs: multiply-accumulates of one forward pass. {MEMORY}"
    return " ".join([*(f"{listed(labels)}: measured on {way}." for way, labels in ways.items()), MEMORY])


def parts_protocol(groups: Sequence[Group]) -> str:
    """Return the image size at which the parts of each network were counted."""
    sizes = _unique("×".join(str(side) for side in group.first.cost["size"]) for group in groups)
    return (
        f"Counted for one image of {listed(sizes)}. A stage is all that is computed between two maps of the encoder; "
        "its last layer gives the output. The decoder ends at the stride of its last block, and its logits are then "
        "enlarged to the image."
    )


def machine(run: FinishedRun) -> str:
    """Return the machine of a run: processor, cores, memory and GPU."""
    facts = run.environment["machine"]
    parts = [f"{facts['cpu']}, {facts['cores']} cores", f"{facts['memory_gb']:.0f} GB", facts.get("gpu")]
    return ", ".join(part for part in parts if part)


def spread(group: Group) -> str:
    """Return the mean IoU in percent, with several seeds as mean ± standard deviation."""
    deviation = group.seed_deviation
    return points(group.mean_iou) + ("" if deviation is None else f" ± {100 * deviation:.1f}")


def seed(run: FinishedRun) -> str:
    """Return the seed of a run, and its fold: "0", or "0, fold 2 of 5"."""
    fold = run.recipe.data.fold
    return str(run.seed) if fold is None else f"{run.seed}, fold {fold[0]} of {fold[1]}"


def seeds(group: Group) -> str:
    """Return the seeds of a group: "seed 0", "seeds 0, 1, 2", or with folds "seed 0, 5 folds"."""
    numbers = ", ".join(str(seed) for seed in group.seeds)
    folds = "" if group.folds is None else f", {group.folds} folds"
    return f"seed{'s' if len(group.seeds) > 1 else ''} {numbers}{folds}"


def mistakes(matrix: NDArray[np.int64], names: Sequence[str]) -> list[str]:
    """Return the most frequent confusions in words, such as "pole called building (31 %)".

    Args:
        matrix: int64 (C, C), numbers of pixels, rows ground truth.
        names: C class names.
    """
    totals = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, totals, out=np.zeros(matrix.shape), where=totals > 0)
    np.fill_diagonal(shares, 0)
    order = np.argsort(-shares, axis=None, kind="stable")[:MISTAKES]
    cells = [divmod(int(index), len(names)) for index in order]
    return [
        f"{names[row]} called {names[column]} ({100 * shares[row, column]:.0f} %)"
        for row, column in cells
        if shares[row, column] >= SMALLEST_MISTAKE
    ]


def duration(train: Train) -> str:
    """Return the length of a run in epochs or steps, as text."""
    number, unit = (train.epochs, "epoch") if train.steps is None else (train.steps, "step")
    return counted(number, unit)


def minutes(run: FinishedRun) -> float:
    """Return the duration of all epochs in minutes."""
    return sum(run.curves["seconds"]) / 60


def command(run: FinishedRun) -> str | None:
    """Return the command of a run without the folders of its machine; None where the run did not record it."""
    argv = run.environment.get("command")
    return shlex.join([Path(argv[0]).name, *(ABSOLUTE.sub("", arg) for arg in argv[1:])]) if argv else None


def recipe(run: FinishedRun) -> str:
    """Return the resolved recipe of a run as YAML, without the folders of its machine."""
    data, model = run.recipe.data, run.recipe.model
    splits = {split: Path(file).name for split, file in data.splits.items()}
    exclude, extra = data.exclude and Path(data.exclude).name, data.extra and short_name(data.extra)
    names = {"source": short_name(data.source), "splits": splits, "exclude": exclude, "extra": extra}
    shown = {
        "data": data.model_copy(update=names),
        "model": model.model_copy(update={"weights": Path(model.weights).name}),
    }
    return recipe_yaml(run.recipe.model_copy(update=shown))


def initial_weights(run: FinishedRun) -> str:
    """Return the initial weights of a run without the reason for them, which is among the facts."""
    return without_folders(run.initial_weights["text"]).partition(", because ")[0]


def facts(groups: Sequence[Group]) -> list[tuple[str, list[str]]]:
    """Return the facts about the runs: name -> one or more lines."""
    run = groups[0].first
    splits = run.data["splits"]
    recipe = run.recipe
    runs = [one for group in groups for one in group.runs]
    entries = [
        ("Data", [short_name(run.data["spec"])]),
        ("Splits", [_split(name, split) for name, split in splits.items()]),
        ("How they were made", [without_folders(run.data.get("made") or "")]),
        ("Label space", [f"{run.data['space']}: {', '.join(run.classes)}"]),
        (
            "Fingerprints",
            [f"{name} {split['fingerprint'][:16]}" for name, split in splits.items() if "fingerprint" in split],
        ),
        ("Initial weights", _origins(groups)),
        ("Seeds", [f"{group.name}: {seeds(group)}" for group in groups]),
        ("Training", [f"{duration(recipe.train)}, {recipe.train.batch} images a step"]),
        ("Precision", [f"{name}{_why(one)}" for name, one in {one.precision: one for one in reversed(runs)}.items()]),
        ("Machine", _unique(machine(one) for one in runs)),
        ("Versions", _unique(_versions(one) for one in runs)),
        ("Code", _unique(_git(one) for one in runs)),
    ]
    return [(name, lines) for name, lines in entries if any(lines)]


def _origins(groups: Sequence[Group]) -> list[str]:
    """Return the origins of the initial weights; groups that differ only in the encoder share a line."""
    encoders: dict[str, list[str]] = {}
    for group in groups:
        text = without_folders(group.first.initial_weights["text"]).replace(group.first.encoder, ENCODER)
        encoders.setdefault(text, []).append(group.first.encoder)
    return [
        text.replace(ENCODER, listed(names)) if ENCODER in text else f"{listed(names)}: {text}"
        for text, names in ((text, _unique(names)) for text, names in encoders.items())
    ]


def _split(name: str, split: Mapping[str, Any]) -> str:
    videos = split.get("sequences") or []
    origin = f" from {'video' if len(videos) == 1 else 'videos'} {', '.join(videos)}" if 0 < len(videos) <= 12 else ""
    return f"{name} {split['images']} images{origin}"


def _why(run: FinishedRun) -> str:
    why = (run.environment.get("precision") or {}).get("why")
    return f" ({without_folders(why)})" if why else ""


def _versions(run: FinishedRun) -> str:
    return ", ".join(f"{name} {version}" for name, version in run.environment["versions"].items() if version)


def _git(run: FinishedRun) -> str:
    git = run.environment.get("git") or {}
    return f"{git['commit'][:12]}{', changed' if git.get('changed') else ''}" if git.get("commit") else ""


def _unique(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def trained_images(run: FinishedRun) -> str:
    """Return how many images a run was trained on: those of its split, and of the extra data set if there is one."""
    data = run.recipe.data
    split = run.data["splits"][data.train_split]
    if data.extra is None:
        return f"{split['images']} images of the {data.train_split} split"
    extra = split.get("extra", 0)
    share = "all in each epoch" if data.extra_share is None else f"{100 * data.extra_share:g} % of each epoch"
    own = f"{split['images'] - extra} images of the {data.train_split} split"
    return f"{own} and {extra} of {short_name(data.extra)}, {share}"


def pipeline(groups: Sequence[Group]) -> list[Lane]:
    """Return the steps from the images to the verdict, with the settings of this study."""
    run = groups[0].first
    recipe, splits = run.recipe, run.data["splits"]
    train, validation = trained_images(run), splits[recipe.data.val_split]["images"]
    size = f"the pixels of {'×'.join(map(str, recipe.data.size))}" if recipe.data.size else "their own size"
    augment, loss = recipe.augment, recipe.loss
    pixels = "cross-entropy" if loss.focal is None else "focal loss"
    region = "" if loss.region == "none" else f" + {loss.region.capitalize()}"
    names = ", ".join(dict.fromkeys(group.first.encoder for group in groups))
    resampled = UNITS[groups[0].intervals.unit]
    return [
        Lane(
            f"Training, {duration(recipe.train)} each",
            (
                Step("Images", f"{train} at {size}, decoded once"),
                Step(
                    "Augmentation",
                    f"scale {augment.scale[0]:g} to {augment.scale[1]:g}, rotation to {augment.rotate:g}°, flip, crop, "
                    "color, blur; new in every epoch",
                ),
                Step("Encoder", f"{names}: features at five scales"),
                Step(
                    "U-Net decoder", f"{recipe.model.decoder}: upsamples scale by scale, with a skip connection at each"
                ),
                Step("Loss and step", f"{pixels}{region}; AdamW, {recipe.optim.schedule} schedule"),
            ),
        ),
        Lane(
            "Scoring, each image once",
            (
                Step("Images", f"{validation} of the {recipe.data.val_split} split, not augmented"),
                Step("Best network", "the epoch with the highest validation mean IoU"),
                Step("Labels", "logits at the resolution of the mask, then the argmax over classes"),
                Step(
                    "Counts",
                    f"a {len(run.classes)}×{len(run.classes)} matrix of ground truth and prediction for each image",
                ),
                Step("Scores, intervals", f"from the summed counts; bootstrap over {resampled}, in pairs"),
            ),
        ),
    ]
