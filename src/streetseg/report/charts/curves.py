"""Learning curves: one quantity over the epochs, on the training and on the validation split."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from markupsafe import Markup

from streetseg.report.charts.svg import (
    Axis,
    chart,
    element,
    hover,
    line,
    marker,
    nice_axis,
    number,
    round_step,
    series_class,
    text,
)

WIDTH, HEIGHT = 320, 216
LEFT, RIGHT, TOP, BOTTOM = 36, 74, 28, 30

Curve = Sequence[float]  # one value per epoch, from epoch 1; NaN where it was not measured


@dataclass(frozen=True)
class Learning:
    """One quantity of one encoder: one curve per seed and split."""

    train: tuple[Curve, ...]
    validation: tuple[Curve, ...]

    def finite(self) -> list[float]:
        """Return all values that were measured."""
        return [value for curve in (*self.train, *self.validation) for value in curve if math.isfinite(value)]


def mean_curve(curves: Sequence[Curve]) -> list[float]:
    """Return the mean over seeds, up to the last epoch that all seeds have."""
    return [sum(values) / len(values) for values in zip(*curves, strict=False)]


def shared_axis(quantity: Sequence[Learning]) -> tuple[float, float]:
    """Return the lowest and highest value over all encoders, so that their charts have the same axis."""
    values = [value for learning in quantity for value in learning.finite()]
    return (min(values), max(values)) if values else (0.0, 1.0)


def curves_chart(
    heading: str,
    description: str,
    learning: Learning,
    *,
    series: int,
    span: tuple[float, float],
    best_epoch: int | None,
) -> Markup:
    """Return the chart: validation as a full line in the encoder's color, training as a dotted line.

    Args:
        heading: the quantity and its unit, e.g. "mean IoU, %".
        description: text for screen readers.
        learning: the curves.
        series: index of the encoder; it decides color and marker.
        span: lowest and highest value of the vertical axis.
        best_epoch: the epoch of the best bundle, counted from 1, to mark on the validation line; None marks nothing.
    """
    train, validation = mean_curve(learning.train), mean_curve(learning.validation)
    epochs = max(len(train), len(validation), 1)
    first, last = (1, epochs) if epochs > 1 else (0, 2)  # a single epoch stands in the middle
    x = Axis(first, last, LEFT, WIDTH - RIGHT, max(1.0, round_step((last - first) / 4)))
    y = nice_axis(*span, HEIGHT - BOTTOM, TOP, about=4)
    s = series_class(series)

    parts = [text(0, 12, heading, "strong")]
    for value in y.ticks():
        parts += [line(LEFT, y(value), WIDTH - RIGHT, y(value), "grid")]
        parts += [text(LEFT - 7, y(value) + 4, number(value), "quiet", "end")]
    for epoch in sorted({1, *(int(tick) for tick in x.ticks() if 1 <= tick <= epochs), epochs}):
        crowded = 0 < epochs - epoch < epochs / 10
        if not crowded:
            parts += [text(x(epoch), HEIGHT - 10, str(epoch), "quiet", "middle")]
    parts += [text(WIDTH - RIGHT + 12, HEIGHT - 10, "epoch", "quiet")]

    for curve_class, curves in (("train", learning.train), ("validation", learning.validation)):
        if len(curves) > 1:
            for curve in curves:
                parts += _curve(x, y, curve, f"{curve_class} seed {s}")
    parts += [*_curve(x, y, train, f"train {s}"), *_curve(x, y, validation, s)]

    ends = [(curve[-1], name, css) for curve, name, css in ((train, "training", "quiet"), (validation, "validation", s))
            if curve and math.isfinite(curve[-1])]  # fmt: skip
    for (_, name, css), at in zip(ends, _apart([y(value) for value, _, _ in ends], 14), strict=True):
        parts += [text(WIDTH - RIGHT + 7, at + 4, name, css)]
    if best_epoch is not None and best_epoch <= len(validation) and math.isfinite(validation[best_epoch - 1]):
        parts += [marker(series, x(best_epoch), y(validation[best_epoch - 1]))]
    parts += [
        hover(words, element("circle", cx=x(epoch), cy=y(at), r=1, class_="spot"))
        for epoch, at, words in _values(train, validation)
    ]
    return chart(WIDTH, HEIGHT, description, *parts)


def _values(train: Curve, validation: Curve) -> list[tuple[int, float, str]]:
    """Return for each epoch with a value: epoch, height and the values as text; the height is that of validation."""
    values = []
    for epoch, pair in enumerate(zip_longest(validation, train, fillvalue=math.nan), start=1):
        known = [(name, v) for name, v in zip(("validation", "training"), pair, strict=True) if math.isfinite(v)]
        if known:
            words = ", ".join(f"{name} {v:.3g}" for name, v in known)
            values.append((epoch, known[0][1], f"epoch {epoch}: {words}"))
    return values


def _curve(x: Axis, y: Axis, curve: Curve, class_: str) -> list[Markup]:
    """Return a line through the measured values, with a gap where one is missing, and a dot for a value by itself."""
    stretches: list[list[tuple[float, float]]] = [[]]
    for epoch, value in enumerate(curve, start=1):
        if math.isfinite(value):
            stretches[-1].append((x(epoch), y(value)))
        else:
            stretches.append([])
    drawn = [points for points in stretches if points]
    lines = "".join(f"M{'L'.join(f'{a:.1f} {b:.1f}' for a, b in points)}" for points in drawn)
    single = [points[0] for points in drawn if len(points) == 1]
    dots = [element("circle", cx=a, cy=b, r=3.5, class_=f"dot {class_}") for a, b in single]
    return [element("path", d=lines, class_=f"line {class_}"), *dots] if lines else []


def _apart(positions: list[float], least: float) -> list[float]:
    """Return the positions; two that are closer than `least` are moved apart by equal amounts."""
    if len(positions) == 2 and abs(positions[0] - positions[1]) < least:
        middle, half = sum(positions) / 2, least / 2
        return [middle - half, middle + half] if positions[0] <= positions[1] else [middle + half, middle - half]
    return positions
