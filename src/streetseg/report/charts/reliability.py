"""Charts of the confidence: the reliability diagram, and accuracy against the share of pixels kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from streetseg.report.charts.svg import (
    Axis,
    chart,
    element,
    group,
    hover,
    line,
    nice_axis,
    number,
    series_class,
    text,
)

WIDTH, HEIGHT = 300, 300
LEFT, RIGHT, TOP, BOTTOM = 36, 22, 26, 46
LEAST = 0.001  # share of the pixels; the accuracy of a bin with fewer is not drawn

Bins = Sequence[Mapping[str, float]]  # of scores.json: low, high, pixels, confidence and accuracy of each


@dataclass(frozen=True)
class Kept:
    """Accuracy against the share of pixels kept, of one encoder.

    Args:
        series: index of the encoder.
        letter: its letter.
        points: (share, accuracy), both 0..1, in the order of the shares.
    """

    series: int
    letter: str
    points: Sequence[tuple[float, float]]


def reliability_chart(description: str, before: Bins, after: Bins, *, series: int) -> Markup:
    """Return accuracy against confidence; a network on the diagonal is as often correct as it says.

    Args:
        description: text for screen readers.
        before: the bins of the network's own probabilities, drawn dotted.
        after: the bins after calibration, drawn full.
        series: index of the encoder; it decides the color.
    """
    x = Axis(0, 100, LEFT, WIDTH - RIGHT, 20)
    y = Axis(0, 100, HEIGHT - BOTTOM, TOP, 20)
    css = series_class(series)
    parts = _frame(x, y, "accuracy, %", "confidence, %", WIDTH)
    parts += [line(x(0), y(0), x(100), y(100), "axis")]
    for bins, class_, when in ((before, f"train {css}", "before"), (after, css, "after")):
        total = sum(row["pixels"] for row in bins)
        drawn = [row for row in bins if row["pixels"] and row["pixels"] >= LEAST * total]
        places = [(x(100 * row["confidence"]), y(100 * row["accuracy"])) for row in drawn]
        parts += [_line(places, class_)]
        parts += [
            hover(_of_bin(row, total, when), element("circle", cx=a, cy=b, r=3.5, class_=f"dot {class_}"))
            for row, (a, b) in zip(drawn, places, strict=True)
        ]
    return chart(WIDTH, HEIGHT, description, *parts)


def kept_chart(description: str, kept: Sequence[Kept]) -> Markup:
    """Return accuracy against the share of pixels kept, those with the highest confidence first.

    Args:
        description: text for screen readers.
        kept: one curve for each encoder.
    """
    width = 360
    x = Axis(0, 100, LEFT, width - RIGHT, 20)
    y = nice_axis(100 * min(value for one in kept for _, value in one.points), 100, HEIGHT - BOTTOM, TOP)
    parts = _frame(x, y, "accuracy of the kept pixels, %", "pixels kept, %", width)
    for one in kept:
        css = series_class(one.series)
        places = [(x(100 * share), y(100 * value)) for share, value in one.points]
        spots = [
            hover(
                f"{one.letter}: surest {100 * share:.0f} % of pixels, {100 * value:.1f} % correct",
                element("circle", cx=a, cy=b, r=1, class_="spot"),
            )
            for (share, value), (a, b) in zip(one.points, places, strict=True)
            if round(100 * share) % 5 == 0
        ]
        end = text(places[-1][0] + 6, places[-1][1] + 4, one.letter, f"strong halo {css}")
        parts += [group({"data_encoder": one.series}, _line(places, css), *spots, end)]
    return chart(width, HEIGHT, description, *parts)


def _frame(x: Axis, y: Axis, heading: str, below: str, width: float) -> list[Markup]:
    parts = [text(0, 12, heading, "strong")]
    for value in y.ticks():
        parts += [line(LEFT, y(value), width - RIGHT, y(value), "grid")]
        parts += [text(LEFT - 7, y(value) + 4, number(value), "quiet", "end")]
    parts += [text(x(value), HEIGHT - BOTTOM + 17, number(value), "quiet", "middle") for value in x.ticks()]
    parts += [line(LEFT, HEIGHT - BOTTOM, width - RIGHT, HEIGHT - BOTTOM, "axis")]
    return [*parts, text(width - RIGHT, HEIGHT - 6, below, "strong", "end")]


def _line(places: Sequence[tuple[float, float]], class_: str) -> Markup:
    path = "L".join(f"{a:.1f} {b:.1f}" for a, b in places)
    return element("path", d=f"M{path}", class_=f"line {class_}") if path else Markup()


def _of_bin(row: Mapping[str, float], total: float, when: str) -> str:
    share, confidence, accuracy = row["pixels"] / total, row["confidence"], row["accuracy"]
    return f"{when}: {100 * share:.1f} % of pixels, {100 * confidence:.1f} % sure, {100 * accuracy:.1f} % correct"
