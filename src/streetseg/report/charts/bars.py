"""Chart of shares as horizontal bars, one bar per series."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from streetseg.report.charts.svg import chart, element, line, nice_axis, number, series_class, shorten, text

TOP, BOTTOM, FIGURES = 46, 6, 48
BAR, BETWEEN = 9, 15


@dataclass(frozen=True)
class Bars:
    """One row of the chart: a name and one value per series, in the units of the axis."""

    name: str
    values: tuple[float, ...]


def bars_chart(heading: str, description: str, rows: Sequence[Bars], *, width: float) -> Markup:
    """Return a chart with the rows from top to bottom, each with the bars of all series and their values at the right.

    Args:
        heading: the quantity on the axis, with its unit.
        description: text for screen readers.
        rows: one or more, all with the same number of values.
        width: width of the chart in pixels; the size of the text does not depend on it.
    """
    left = min(170.0, 16 + 6.6 * max(len(row.name) for row in rows))
    x = nice_axis(
        0.0, max(max(row.values) for row in rows) or 1.0, left, width - FIGURES, about=5 if width > 500 else 3
    )
    row_height = (BAR + 3) * len(rows[0].values) + BETWEEN
    height = TOP + row_height * len(rows) + BOTTOM
    parts = [text(0, 12, heading, "strong")]
    for value in x.ticks():
        parts += [line(x(value), TOP - 6, x(value), height - BOTTOM, "grid")]
        parts += [text(x(value), TOP - 10, number(value), "quiet small", "middle")]
    for k, row in enumerate(rows):
        top = TOP + k * row_height + BETWEEN / 2
        parts += [text(0, top + (row_height - BETWEEN) / 2 + 3, shorten(row.name))]
        for series, value in enumerate(row.values):
            y = top + series * (BAR + 3)
            css = f"marker {series_class(series)}"
            parts += [element("rect", x=x.start, y=y, width=max(1.0, x(value) - x.start), height=BAR, class_=css)]
            parts += [text(width, y + BAR - 0.5, f"{value:.2f}", "small", "end")]
    return chart(width, height, description, *parts)


def bar_sign(series: int) -> Markup:
    """Return the symbol of a series for the key beside the chart."""
    mark = element("rect", x=1, y=1, width=12, height=12, class_=f"marker {series_class(series)}")
    return element("svg", mark, class_="chart", viewBox="0 0 14 14", aria_hidden="true")
