"""Chart of scores or differences as points with their 95 % intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from streetseg.report.charts.svg import (
    Axis,
    chart,
    element,
    group,
    hover,
    line,
    marker,
    nice_axis,
    number,
    series_class,
    shorten,
    text,
)

WIDTH = 440
TOP, BOTTOM, RIGHT = 46, 6, 14
FIGURES = 40  # width at the right for the values, if each row has one point


@dataclass(frozen=True)
class Point:
    """A value with its interval, in the units of the axis.

    Args:
        series: index of the encoder; it decides color and marker.
        value, low, high: the value and the ends of its interval; NaN where there is none.
        hollow: draw a ring without a color in place of the marker: the point belongs to no encoder.
        letter: of the encoder, for the text that is shown on hover; empty where the row has one point.
    """

    series: int
    value: float
    low: float
    high: float
    hollow: bool = False
    letter: str = ""

    @property
    def figures(self) -> str:
        """The value and its interval as text, such as 76.3 [74.2, 78.7]."""
        interval = f" [{self.low:.1f}, {self.high:.1f}]" if self.low == self.low else ""
        return f"{self.value:.1f}{interval}".replace("-", "−")


@dataclass(frozen=True)
class Row:
    """One row of the chart: a name and one point per series; and the encoders or the class that it is about."""

    name: str
    points: tuple[Point, ...]
    subject: Mapping[str, str | float] = field(default_factory=dict)


def intervals_chart(
    heading: str, description: str, rows: Sequence[Row], *, zero: bool = False, width: float = WIDTH, gap: float = 11
) -> Markup:
    """Return the chart: rows from top to bottom; the points of a row are drawn below each other, so none is hidden.

    Args:
        heading: the quantity on the axis, with its unit.
        description: text for screen readers.
        rows: one or more.
        zero: draw a line at 0 and include 0 in the axis.
        width: width of the chart in pixels; the size of the text does not depend on it.
        gap: pixels between the points of a row.
    """
    left = min(170.0, 16 + 6.6 * max(len(row.name) for row in rows))
    finite = [v for row in rows for p in row.points for v in (p.low, p.value, p.high) if v == v]
    span = (min(finite + [0.0] * zero), max(finite + [0.0] * zero)) if finite else (0.0, 1.0)
    single = all(len(row.points) == 1 for row in rows)
    x = nice_axis(*span, left, width - RIGHT - FIGURES * single, about=5)
    heights = [max(24.0, gap * (len(row.points) - 1) + 20) for row in rows]
    height = TOP + sum(heights) + BOTTOM

    parts = [text(0, 12, heading, "strong")]
    parts += _grid(x, height - BOTTOM, zero)
    top = float(TOP)
    for row, tall in zip(rows, heights, strict=True):
        middle = top + tall / 2
        marks = [text(0, middle + 4, shorten(row.name), "")]
        first = middle - gap * (len(row.points) - 1) / 2
        for k, point in enumerate(row.points):
            subject = {"data_encoder": point.series} if point.letter else {}
            marks += [group(subject, *_whisker(x, first + k * gap, point, row.name))]
        if single and row.points[0].value == row.points[0].value:
            marks += [text(width, middle + 4, f"{row.points[0].value:.1f}".replace("-", "−"), "strong", "end")]
        parts += [group(row.subject, *marks)]
        top += tall
    return chart(width, height, description, *parts)


def _grid(x: Axis, bottom: float, zero: bool) -> list[Markup]:
    parts = []
    for value in x.ticks():
        is_zero = zero and abs(value) < 1e-9
        parts += [line(x(value), TOP - 6, x(value), bottom, "zero" if is_zero else "grid")]
        parts += [text(x(value), TOP - 10, number(0.0 if is_zero else value), "quiet small", "middle")]
    return parts


def _whisker(x: Axis, y: float, point: Point, name: str) -> list[Markup]:
    if point.value != point.value:  # NaN: neither ground truth nor prediction has the class
        return [text(x.start + 4, y + 4, "not counted", "quiet small")]
    css = "whisker hollow" if point.hollow else f"whisker {series_class(point.series)}"
    whisker = [line(x(point.low), y, x(point.high), y, css)] if point.low == point.low else []
    ring = element("circle", cx=x(point.value), cy=y, r=3.6, class_="hollow")
    shown = ring if point.hollow else marker(point.series, x(point.value), y, 4.2)
    return [*whisker, hover(f"{name}{f', {point.letter}' if point.letter else ''}: {point.figures}", shown)]
