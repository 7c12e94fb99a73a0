"""Shares as horizontal bars, one a series under the other."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from streetseg.report.charts.svg import SERIES, chart, element, line, nice_axis, number, shorten, text

TOP, BOTTOM, FIGURES = 46, 6, 48
BAR, BETWEEN = 9, 15


@dataclass(frozen=True)
class Bars:
    """One line of the chart: a name and a value a series, in the units of the axis."""

    name: str
    values: tuple[float, ...]


def bars_chart(heading: str, spoken: str, rows: Sequence[Bars], *, width: float) -> Markup:
    """Rows from top to bottom, each with the bars of all series and their figures at the right.

    Args:
        heading: what the axis shows, with its unit.
        spoken: the same for screen readers, with what stands out.
        rows: one or more, all with as many values.
        width: pixels; text keeps its size.
    """
    left = min(170.0, 16 + 6.6 * max(len(row.name) for row in rows))
    x = nice_axis(
        0.0, max(max(row.values) for row in rows) or 1.0, left, width - FIGURES, about=5 if width > 500 else 3
    )
    tall = (BAR + 3) * len(rows[0].values) + BETWEEN
    height = TOP + tall * len(rows) + BOTTOM
    parts = [text(0, 12, heading, "strong")]
    for value in x.ticks():
        parts += [line(x(value), TOP - 6, x(value), height - BOTTOM, "grid")]
        parts += [text(x(value), TOP - 10, number(value), "quiet small", "middle")]
    for k, row in enumerate(rows):
        top = TOP + k * tall + BETWEEN / 2
        parts += [text(0, top + (tall - BETWEEN) / 2 + 3, shorten(row.name))]
        for series, value in enumerate(row.values):
            y = top + series * (BAR + 3)
            css = f"marker s{series % SERIES}"
            parts += [element("rect", x=x.start, y=y, width=max(1.0, x(value) - x.start), height=BAR, class_=css)]
            parts += [text(width, y + BAR - 0.5, f"{value:.2f}", "small", "end")]
    return chart(width, height, spoken, *parts)


def bar_sign(series: int) -> Markup:
    """What stands for a series in the key beside the chart."""
    mark = element("rect", x=1, y=1, width=12, height=12, class_=f"marker s{series % SERIES}")
    return element("svg", mark, class_="chart", viewBox="0 0 14 14", aria_hidden="true")
