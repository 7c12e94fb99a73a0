"""All charts of a comparison, for the report and for the files in plots/."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup

from streetseg.comparison.compare import Comparison, compare_runs
from streetseg.comparison.groups import Group
from streetseg.metrics.difference import Difference
from streetseg.report.charts.confusion import confusion_chart
from streetseg.report.charts.cost import Offer, cost_chart
from streetseg.report.charts.curves import Learning, curves_chart, shared_axis
from streetseg.report.charts.intervals import Point, Row, intervals_chart
from streetseg.report.charts.reliability import Kept, kept_chart, reliability_chart
from streetseg.report.charts.svg import element, marker
from streetseg.report.confidence import confidence_of


@dataclass(frozen=True)
class Quantity:
    """A quantity of results.csv, in the columns train_NAME and val_NAME.

    Args:
        name: its name in the columns.
        heading: the heading of its chart, with the unit.
        scale: factor from the column to the unit of the chart.
    """

    name: str
    heading: str
    scale: float


QUANTITIES = (
    Quantity("loss", "loss", 1.0),
    Quantity("accuracy", "pixel accuracy, %", 100.0),
    Quantity("iou", "mean IoU, %", 100.0),
)


SMALL, SCREEN, PHONE = 380, 860, 360  # widths of the charts with intervals, pixels


@dataclass(frozen=True)
class Price:
    """A cost of an encoder and the heading of its axis."""

    name: str
    heading: str


PRICES = (
    Price("latency", "latency of one image, ms"),
    Price("parameters", "parameters, millions"),
    Price("macs", "multiply-accumulates, billions"),
    Price("memory", "peak memory, MiB"),
)


@dataclass(frozen=True)
class Charts:
    """The charts of a comparison.

    Args:
        ranking: mean IoU of each encoder with its interval.
        differences: differences between the best encoder and each other one; None for a single encoder.
        classes, classes_narrow: IoU of each class, for a screen and for a phone.
        class_differences, class_differences_narrow: for each pair with the best encoder, the difference on each class.
        curves: for each encoder loss, accuracy and IoU over the epochs.
        confusion: for each encoder its confusion matrix.
        reliability: for each encoder its reliability diagram; empty for a run of an earlier version.
        kept: accuracy against the share of pixels kept; None if no run measured it.
        cost: price -> mean IoU against it, for each price that was measured for all encoders.
    """

    ranking: Markup
    differences: Markup | None
    classes: Markup
    classes_narrow: Markup
    class_differences: tuple[Markup, ...]
    class_differences_narrow: tuple[Markup, ...]
    curves: tuple[tuple[Markup, ...], ...]
    confusion: tuple[Markup, ...]
    reliability: tuple[Markup, ...]
    kept: Markup | None
    cost: Mapping[str, Markup]

    def by_name(self, encoders: Sequence[str]) -> Mapping[str, Markup]:
        """Return file stem in plots/ -> chart.

        Args:
            encoders: the part of the file stem that names each encoder, in rank order.
        """
        named = {"mean_iou": self.ranking, "classes": self.classes}
        if self.differences is not None:
            named["differences"] = self.differences
        for encoder, chart in zip(encoders[1:], self.class_differences, strict=True):
            named[f"{encoder}_class_differences"] = chart
        for encoder, curves, confusion in zip(encoders, self.curves, self.confusion, strict=True):
            named |= {f"{encoder}_{q.name}": chart for q, chart in zip(QUANTITIES, curves, strict=True)}
            named[f"{encoder}_confusion"] = confusion
        named |= {
            f"{encoder}_reliability": chart for encoder, chart in zip(encoders, self.reliability, strict=True) if chart
        }
        if self.kept is not None:
            named["kept"] = self.kept
        return named | {f"cost_{price}": chart for price, chart in self.cost.items()}


def draw(comparison: Comparison, letters: Sequence[str]) -> Charts:
    """Return all charts. An encoder has the same letter, color and marker in all of them."""
    groups = comparison.groups
    return Charts(
        ranking=_ranking(groups, letters),
        differences=_differences(comparison, letters) if comparison.pairs else None,
        classes=_classes(groups, letters, SCREEN),
        classes_narrow=_classes(groups, letters, PHONE),
        class_differences=_class_differences(comparison, letters, SCREEN),
        class_differences_narrow=_class_differences(comparison, letters, PHONE),
        curves=_curves(groups),
        confusion=tuple(
            confusion_chart("share of each true class, %", f"Confusion matrix of {group.name}, rows are ground truth.",
                            group.counts.total, group.first.classes)
            for group in groups
        ),
        reliability=tuple(_reliability(k, group) for k, group in enumerate(groups)),
        kept=_kept(groups, letters),
        cost=_cost(groups, letters),
    )  # fmt: skip


def run_curves(folder: Path) -> tuple[Markup, ...]:
    """Return loss, accuracy and IoU of one finished run over its epochs."""
    (curves,) = _curves(compare_runs([folder]).groups)
    return curves


def encoder_marker(series: int) -> Markup:
    """Return the marker of an encoder as an image, for a key."""
    return element("svg", marker(series, 8, 8), viewBox="0 0 16 16", class_="chart", aria_hidden="true")


def _ranking(groups: Sequence[Group], letters: Sequence[str]) -> Markup:
    rows = [
        Row(
            f"{letter}  {group.first.encoder}",
            (_point(k, group.mean_iou, *group.intervals.overall["mean_iou"]),),
            {"data_encoder": k},
        )
        for k, (group, letter) in enumerate(zip(groups, letters, strict=True))
    ]
    description = "; ".join(f"{group.name} {100 * group.mean_iou:.1f} %" for group in groups)
    return intervals_chart(
        "mean IoU, %, with 95 % interval", f"Mean IoU with interval: {description}.", rows, width=SMALL
    )


def _differences(comparison: Comparison, letters: Sequence[str]) -> Markup:
    rows = [
        Row(
            f"{letters[0]} − {letters[k]}",
            (_of_the_better(k, d),),
            {"data_encoder": f"0 {k}"},
        )
        for k, d in enumerate((pair.difference for pair in comparison.against_best), start=1)
    ]
    best = comparison.groups[0].name
    description = f"How much better {best} is than each other encoder, in points of mean IoU, with interval."
    return intervals_chart(
        "difference in mean IoU, points, with 95 % interval", description, rows, width=SMALL, zero=True
    )


def _classes(groups: Sequence[Group], letters: Sequence[str], width: float) -> Markup:
    rows = [
        Row(name, tuple(_point(k, group.scores.iou[c], *group.intervals.per_class["iou"][c], letter=letters[k])
                        for k, group in enumerate(groups)), {"data_class": c})
        for c, name in enumerate(groups[0].first.classes)
    ]  # fmt: skip
    description = f"IoU of each class with interval, for {', '.join(letters)}; the figures are in the tables below."
    return intervals_chart("IoU, %, with 95 % interval", description, rows, width=width)


def _class_differences(comparison: Comparison, letters: Sequence[str], width: float) -> tuple[Markup, ...]:
    """Return one chart for each encoder except the best."""
    return tuple(
        intervals_chart(
            f"IoU of {letters[0]} minus IoU of {letter}, points, with 95 % interval",
            f"How much better {letters[0]} is than {letter} on each class; the figures are in the table below.",
            [
                Row(name, (_of_the_better(k, d),), {"data_class": c})
                for c, (name, d) in enumerate(zip(pair.a.first.classes, pair.classes, strict=True))
            ],
            width=width,
            zero=True,
        )
        for k, (pair, letter) in enumerate(zip(comparison.against_best, letters[1:], strict=True), start=1)
    )  # fmt: skip


def _of_the_better(other: int, difference: Difference) -> Point:
    """Return the difference of the best encoder and another one, with the marker of the one that is better.

    Where the two are not distinguishable the marker is a ring.
    """
    d = difference
    series = other if d.verdict == "B is better" else 0
    return _point(series, d.value, d.low, d.high, hollow=d.verdict == "not distinguishable")


def _point(series: int, value: float, low: float, high: float, *, hollow: bool = False, letter: str = "") -> Point:
    return Point(series, 100 * float(value), 100 * float(low), 100 * float(high), hollow, letter)


def _curves(groups: Sequence[Group]) -> tuple[tuple[Markup, ...], ...]:
    learning = [[_learning(group, quantity) for quantity in QUANTITIES] for group in groups]
    spans = [shared_axis([quantities[q] for quantities in learning]) for q in range(len(QUANTITIES))]
    return tuple(
        tuple(
            curves_chart(
                quantity.heading,
                f"{quantity.heading} of {group.name} after each epoch, training and validation.",
                quantities[q],
                series=k,
                span=spans[q],
                best_epoch=group.first.best_epoch if len(group.runs) == 1 else None,
            )
            for q, quantity in enumerate(QUANTITIES)
        )
        for k, (group, quantities) in enumerate(zip(groups, learning, strict=True))
    )


def _learning(group: Group, quantity: Quantity) -> Learning:
    def curves(split: str) -> tuple[tuple[float, ...], ...]:
        return tuple(tuple(quantity.scale * v for v in run.curves[f"{split}_{quantity.name}"]) for run in group.runs)

    return Learning(curves("train"), curves("val"))


def _reliability(k: int, group: Group) -> Markup:
    measured = group.first.scores.get("calibration")
    if measured is None or confidence_of(group) is None:
        return Markup()
    description = f"Accuracy against confidence of {group.name}, before and after calibration."
    return reliability_chart(description, measured["uncalibrated_reliability"], measured["reliability"], series=k)


def _kept(groups: Sequence[Group], letters: Sequence[str]) -> Markup | None:
    curves = [
        Kept(k, letter, [(row["kept"], row["accuracy"]) for row in group.first.scores["selective"]])
        for k, (group, letter) in enumerate(zip(groups, letters, strict=True))
        if confidence_of(group) is not None
    ]
    description = "Accuracy of the pixels with the highest confidence against their share; the table has the figures."
    return kept_chart(description, curves) if curves else None


def _cost(groups: Sequence[Group], letters: Sequence[str]) -> Mapping[str, Markup]:
    drawn = {}
    for price in PRICES:
        values = [prices(group)[price.name] for group in groups]
        if all(np.isfinite(value) for value in values):
            offers = [
                Offer(_point(k, group.mean_iou, *group.intervals.overall["mean_iou"]), letter, value)
                for k, (group, letter, value) in enumerate(zip(groups, letters, values, strict=True))
            ]
            description = f"Mean IoU against {price.heading}, for {', '.join(letters)}; the figures are in the table."
            drawn[price.name] = cost_chart(price.heading, description, offers, score="mean IoU, %")
    return drawn


def prices(group: Group) -> dict[str, float]:
    """Return the costs of the group's first network, in the units of the charts; NaN where not measured."""
    cost = group.first.cost
    latency = cost.get("latency_ms") or {}
    return {
        "latency": _or_nan(latency.get("p50")),
        "latency_p95": _or_nan(latency.get("p95")),
        "images_per_second": _or_nan(cost.get("images_per_second")),
        "parameters": _or_nan(cost.get("parameters")) / 1e6,
        "macs": _or_nan(cost.get("macs")) / 1e9,
        "memory": _or_nan(cost.get("peak_memory_mb")),
    }


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else float(value)
