"""Chart of a confusion matrix: for each class of the ground truth, the shares of the predicted classes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from streetseg.report.charts.svg import chart, element, hover, shorten, text

CELL, BOTTOM = 26, 22
LONGEST = 22  # characters of a class name before it is cut
CHARACTER = 6.8  # width of a character, pixels, in the widest of the fonts
TILT = math.radians(60)  # angle of the names of the columns


@dataclass(frozen=True)
class Layout:
    """Measures of the chart in pixels: it has room for the class names, but not more.

    Args:
        left, top: corner of the matrix.
        width, height: size of the chart; at this width its text has the normal size.
    """

    left: float
    top: float
    width: float
    height: float

    @classmethod
    def of(cls, names: Sequence[str]) -> "Layout":
        """Return the layout for the class names."""
        lengths = [CHARACTER * min(len(name), LONGEST) for name in names]
        left, top = max(92.0, max(lengths) + 8), 28 + math.sin(TILT) * max(lengths)
        ends = [CELL * (k + 0.5) + math.cos(TILT) * length for k, length in enumerate(lengths)]
        right = left + max(CELL * len(names), *ends) + 8
        return cls(left, top, max(right, 240.0), top + CELL * len(names) + BOTTOM)


def confusion_chart(heading: str, description: str, matrix: NDArray[np.int64], names: Sequence[str]) -> Markup:
    """Return the chart. Rows are ground truth and add up to 100 %; number and shade of a cell show the same share.

    Args:
        heading: title of the chart.
        description: text for screen readers.
        matrix: int64 (C, C), numbers of pixels, rows ground truth; a row without pixels stays empty.
        names: C class names.
    """
    size, layout = len(names), Layout.of(names)
    totals = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, totals, out=np.zeros(matrix.shape), where=totals > 0)
    parts = [text(0, 12, heading, "strong")]
    below = layout.top + CELL * size + 16
    parts += [text(0, below, "rows: ground truth", "quiet small")]
    parts += [text(layout.left + 12, below, "columns: predicted", "quiet small")]
    for k, name in enumerate(names):
        middle = CELL * k + CELL / 2
        parts += [text(layout.left - 8, layout.top + middle + 4, shorten(name, LONGEST), "", "end")]
        place = f"translate({layout.left + middle + 4:g} {layout.top - 8:g}) rotate(-60)"
        parts += [element("text", shorten(name, LONGEST), transform=place)]
    for row in range(size):
        for column in range(size):
            share = float(shares[row, column])
            cell = _cell(layout, row, column, share)
            parts += [hover(f"{names[row]} called {names[column]}: {100 * share:.1f} %", *cell)] if share else cell
    return chart(layout.width, layout.height, description, *parts)


def _cell(layout: Layout, row: int, column: int, share: float) -> list[Markup]:
    x, y = layout.left + column * CELL, layout.top + row * CELL
    shade = round(share**0.6, 3)  # a power below 1: small shares stay visible
    place = {"x": x + 0.5, "y": y + 0.5, "width": CELL - 1, "height": CELL - 1, "rx": 2}
    parts = [element("rect", **place, class_="heat", fill_opacity=max(shade, 0.04))]
    if row == column:
        parts += [element("rect", **place, class_="diagonal")]
    if share >= 0.005:
        figure = "<1" if share < 0.01 else f"{100 * share:.0f}"
        parts += [text(x + CELL / 2, y + CELL / 2 + 4, figure, "small over" if shade > 0.6 else "small", "middle")]
    return parts
