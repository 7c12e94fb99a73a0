"""The values that the template of the report prints. All computation is here, none in the template."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isnan, nan
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup

from streetseg.comparison.compare import Comparison
from streetseg.comparison.groups import Group
from streetseg.comparison.verdict import dataset_name, p_value_text, pair_sentence
from streetseg.machine import program_version
from streetseg.metrics.bootstrap import Intervals, interval
from streetseg.metrics.difference import Difference
from streetseg.metrics.scores import METRICS, Scores, defined_mean, mean_scores, per_image, scores
from streetseg.report import words
from streetseg.report.charts.comparison import Charts, encoder_marker, prices
from streetseg.report.charts.confusion import Layout
from streetseg.report.charts.pipeline import pipeline_narrow, pipeline_wide
from streetseg.report.charts.svg import series_class
from streetseg.report.confidence import Confidence, confidence_of, confidence_protocol
from streetseg.report.gallery import Gallery
from streetseg.report.network import PartRow, part_rows
from streetseg.report.page_data import ImageRow, image_rows, page_data

RUN_FILES = (
    ("report", "report.html"),
    ("model card", "model_card.md"),
    ("epochs", "results.csv"),
    ("classes", "evaluation/per_class.csv"),
    ("images", "evaluation/per_image.csv"),
)
NAMES = {
    "iou": ("mean IoU", "IoU"),
    "f1": ("mean F1\n= Dice", "F1\n= Dice"),
    "accuracy": ("mean class\naccuracy", "accuracy"),
    "sensitivity": ("mean\nsensitivity", "sensitivity"),
    "specificity": ("mean\nspecificity", "specificity"),
    "precision": ("mean\nprecision", "precision"),
}


@dataclass(frozen=True)
class Metric:
    """A column of the tables of scores.

    Args:
        name: the metric.
        heading: title of its mean over classes; a line break where it may wrap.
        column: title of its value for one class.
    """

    name: str
    heading: str
    column: str


@dataclass(frozen=True)
class Estimate:
    """A score and its interval, 0..1; NaN for the ends of an interval that was not computed."""

    value: float
    low: float = nan
    high: float = nan

    @property
    def range(self) -> str:
        """The interval as text in percent; empty without one."""
        return words.span(self.low, self.high)


@dataclass(frozen=True)
class ClassRow:
    """The scores of one class, and its share of the pixels, 0..1."""

    name: str
    scores: dict[str, Estimate]
    share: float


@dataclass(frozen=True)
class Entry:
    """One encoder in the report. It has the same letter, color (`css`: its classes) and marker everywhere."""

    index: int
    letter: str
    css: str
    name: str
    encoder: str
    start: str
    mean: dict[str, Estimate]
    test: dict[str, Estimate]
    pixel_scores: dict[str, Estimate]
    image_iou: Estimate
    image_dice: Estimate
    ece: float | None
    confidence: Confidence | None
    counted: str
    spread: str
    seeds: str
    several_seeds: bool
    several_runs: bool
    classes: list[ClassRow]
    curves: tuple[Markup, ...]
    confusion: Markup
    mistakes: list[str]
    cost: dict[str, float]
    parts: Sequence[PartRow]
    recipe: str


@dataclass(frozen=True)
class DifferenceRow:
    """The difference of two encoders in one score, and as text for a table; choice.js may hide it by `subject`."""

    name: str
    difference: Difference
    value: str
    range: str
    adjusted: str
    verdict: str
    subject: Markup


@dataclass(frozen=True)
class SourceRow:
    """One of several data sets that are joined: its scored images, and the mean IoU of each encoder on them."""

    name: str
    images: int
    scores: list[Estimate]


@dataclass(frozen=True)
class Opponents:
    """The best encoder and another one, compared class by class."""

    a: "Entry"
    b: "Entry"
    sentence: str
    chart: Markup
    chart_narrow: Markup
    rows: list[DifferenceRow]


@dataclass(frozen=True)
class Link:
    """A file of a run and its address relative to the report."""

    name: str
    href: str


@dataclass(frozen=True)
class RunRow:
    """One row of the table of runs."""

    entry: Entry
    seed: str
    epochs: int
    best_epoch: int | None
    iou: float
    minutes: float
    images_per_second: float
    precision: str
    links: list[Link]

    def link(self, name: str) -> str | None:
        """Return the address of a file of the run by its name in RUN_FILES; None where it is not beside the report."""
        return next((link.href for link in self.links if link.name == name), None)


@dataclass(frozen=True)
class LegendItem:
    """A class and its color as CSS."""

    name: str
    color: str


@dataclass(frozen=True)
class Page:
    """All values of the page, in its order."""

    title: str
    kicker: str
    headline: str
    further: list[str]
    notes: tuple[str, ...]
    metrics: list[Metric]
    entries: list[Entry]
    pairs: list[DifferenceRow]
    sources: list[SourceRow]
    opponents: list[Opponents]
    markers: list[Markup]
    protocol: str
    test_protocol: str
    interval_rule: str
    curve_protocol: str
    cost_protocol: str
    confidence_protocol: str
    parts_protocol: str
    charts: Charts
    confusion_width: float
    legend: list[LegendItem]
    gallery: Gallery
    image_rows: list[ImageRow]
    image_files: list[tuple[str, Link]]
    data: Markup
    pipeline_wide: Markup
    pipeline_narrow: Markup
    facts: list[tuple[str, list[str]]]
    runs: list[RunRow]
    commands: list[str]
    version: str


def letters(count: int) -> list[str]:
    """Return short names of encoders, in rank order: A, B, … Z, A2, B2, …"""
    return [chr(ord("A") + k % 26) + (str(k // 26 + 1) if k >= 26 else "") for k in range(count)]


def page_of(comparison: Comparison, letters: Sequence[str], charts: Charts, gallery: Gallery, out: Path) -> Page:
    """Return all values of the page.

    Args:
        comparison: the comparison.
        letters: the short names of the encoders in rank order, as in charts and gallery.
        charts: the charts of the comparison.
        gallery: the images of the comparison.
        out: the folder of the report, which links to the files of the runs in it.
    """
    groups = comparison.groups
    first = groups[0].first
    entries = [_entry(k, group, letter, charts) for k, (group, letter) in enumerate(zip(groups, letters, strict=True))]
    lanes = words.pipeline(groups)
    runs = _runs(groups, entries, out)
    protocol = groups[0].protocol
    dataset = dataset_name(protocol["dataset"])
    kind = "comparison" if len(groups) > 1 else "run"
    return Page(
        title=f"streetseg: {', '.join(group.name for group in groups)} on {dataset}",
        kicker=f"{kind} on {dataset}, scored on {protocol['images']} images of its {groups[0].split}",
        headline=comparison.verdict,
        further=[pair_sentence(pair, first=False) for pair in comparison.against_best[1:]],
        notes=comparison.notes,
        metrics=[Metric(name, *NAMES[name]) for name in NAMES],
        entries=entries,
        pairs=_pairs(comparison, entries),
        sources=list(_sources(groups)),
        opponents=_opponents(comparison, entries, charts),
        markers=[encoder_marker(k) for k in range(len(entries))],
        protocol=words.protocol_line(groups[0]),
        test_protocol=words.test_protocol(groups[0]),
        interval_rule=words.interval_rule(
            groups[0].intervals, any(entry.several_seeds for entry in entries), len(entries)
        ),
        curve_protocol=words.curve_protocol(groups[0]),
        cost_protocol=words.cost_protocol(groups),
        confidence_protocol=confidence_protocol(groups),
        parts_protocol=words.parts_protocol(groups),
        charts=charts,
        confusion_width=Layout.of(first.classes).width,
        legend=[
            LegendItem(name, f"rgb({r} {g} {b})") for name, (r, g, b) in zip(first.classes, first.colors, strict=True)
        ],
        gallery=gallery,
        image_rows=image_rows(groups),
        image_files=[
            (f"{row.entry.name}, seed {row.seed}", link) for row in runs for link in row.links if link.name == "images"
        ],
        data=page_data(groups, letters, gallery),
        pipeline_wide=pipeline_wide(lanes),
        pipeline_narrow=pipeline_narrow(lanes),
        facts=words.facts(groups),
        runs=runs,
        commands=list(dict.fromkeys(line for group in groups for run in group.runs if (line := words.command(run)))),
        version=program_version(),
    )


def _means(scores: Scores, intervals: Intervals) -> dict[str, Estimate]:
    return {name: Estimate(scores.mean[name], *intervals.overall[f"mean_{name}"]) for name in METRICS}


def _entry(k: int, group: Group, letter: str, charts: Charts) -> Entry:
    scores, overall = group.scores, group.intervals.overall
    image_scores = per_image(group.counts.counts)
    first = group.first
    return Entry(
        index=k,
        letter=letter,
        css=series_class(k),
        name=group.name,
        encoder=first.encoder,
        start=words.initial_weights(first),
        mean=_means(scores, group.intervals),
        test={} if group.test is None else _means(group.test.scores, group.test.intervals),
        pixel_scores={name: Estimate(value, *overall[name]) for name, value in scores.pixel_scores.items()},
        image_iou=Estimate(float(defined_mean(image_scores["iou"]))),
        image_dice=Estimate(float(defined_mean(image_scores["dice"]))),
        ece=first.scores.get("ece"),
        confidence=confidence_of(group),
        counted=f"{scores.counted['iou']} of {len(first.classes)}",
        spread=words.spread(group),
        seeds=words.seeds(group),
        several_seeds=len(group.seeds) > 1,
        several_runs=len(group.runs) > 1,
        classes=_classes(group),
        curves=charts.curves[k],
        confusion=charts.confusion[k],
        mistakes=words.mistakes(group.counts.total, first.classes),
        cost=prices(group),
        parts=part_rows(group),
        recipe=words.recipe(first),
    )


def _classes(group: Group) -> list[ClassRow]:
    ground_truth = group.counts.total.sum(axis=1)
    values, ranges = group.scores.per_class, group.intervals.per_class
    return [
        ClassRow(
            name,
            {m: Estimate(float(values[m][c]), float(ranges[m][c, 0]), float(ranges[m][c, 1])) for m in METRICS},
            float(ground_truth[c] / max(ground_truth.sum(), 1)),
        )
        for c, name in enumerate(group.first.classes)
    ]


def _sources(groups: Sequence[Group]) -> Iterator[SourceRow]:
    """Yield a row for each data set that is joined, means over the seeds; nothing for one data set alone."""
    names = dict.fromkeys(name for run in groups[0].runs for name in run.scores.get("sources", {}))
    for name in names:
        of_seeds = [[counts.of(f"{name}/") for counts in group.scored] for group in groups]
        if images := len(of_seeds[0][0].names):
            means = [mean_scores([scores(counts.total) for counts in seeds]).mean["iou"] for seeds in of_seeds]
            ranges = [interval(*seeds).overall["mean_iou"] for seeds in of_seeds]
            yield SourceRow(name, images, [Estimate(mean, *span) for mean, span in zip(means, ranges, strict=True)])


def _pairs(comparison: Comparison, entries: Sequence[Entry]) -> list[DifferenceRow]:
    """Return one row for each pair of encoders."""
    return [
        _difference_row(
            f"{a.letter} − {b.letter}", pair.difference, a, b, Markup('data-encoder="{} {}"').format(a.index, b.index)
        )
        for (a, b), pair in zip(combinations(entries, 2), comparison.pairs, strict=True)
    ]


def _opponents(comparison: Comparison, entries: Sequence[Entry], charts: Charts) -> list[Opponents]:
    best, *others = entries
    return [
        Opponents(
            best,
            other,
            words.classes_sentence(pair, best.letter, other.letter),
            charts.class_differences[k],
            charts.class_differences_narrow[k],
            [
                _difference_row(name, difference, best, other, Markup('data-class="{}"').format(c))
                for c, (name, difference) in enumerate(zip(pair.a.first.classes, pair.classes, strict=True))
            ],
        )
        for k, (pair, other) in enumerate(zip(comparison.against_best, others, strict=True))
    ]


def _difference_row(name: str, difference: Difference, a: Entry, b: Entry, subject: Markup) -> DifferenceRow:
    verdicts = {"A is better": f"{a.letter} is better", "B is better": f"{b.letter} is better"}
    return DifferenceRow(
        name,
        difference,
        words.signed(difference.value),
        "" if isnan(difference.low) else f"{words.signed(difference.low)} to {words.signed(difference.high)}",
        "–" if isnan(difference.adjusted) else p_value_text(difference.adjusted).removeprefix("p ").removeprefix("= "),
        verdicts.get(difference.verdict, "not distinguishable"),
        subject,
    )


def _runs(groups: Sequence[Group], entries: Sequence[Entry], out: Path) -> list[RunRow]:
    return [
        RunRow(
            entry,
            words.seed(run),
            len(run.curves["epoch"]),
            run.best_epoch,
            score,
            words.minutes(run),
            sum(run.curves["images_per_second"]) / max(len(run.curves["epoch"]), 1),
            run.precision,
            _links(run.folder, out),
        )
        for group, entry in zip(groups, entries, strict=True)
        for run, score in zip(group.runs, group.run_scores, strict=True)
    ]


def _links(run: Path, out: Path) -> list[Link]:
    """Return links to the files of a run; none where its folder is not inside that of the report."""
    run, out = run.resolve(), out.resolve()
    if not run.is_relative_to(out):
        return []
    own_report = out / "report.html"
    files = [(name, run / file) for name, file in RUN_FILES]
    return [
        Link(name, quote(file.relative_to(out).as_posix()))
        for name, file in files
        if file.is_file() and file != own_report
    ]
