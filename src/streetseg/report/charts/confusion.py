"""Chart of a confusion matrix: for each class of the ground truth, the shares of the predicted classes."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from streetseg.report.charts.svg import chart, element, shorten, text

CELL, LEFT, TOP, RIGHT, BOTTOM = 26, 100, 98, 36, 22


def confusion_width(num_classes: int) -> int:
    """Return the width of the chart in pixels at which its text has the normal size."""
    return LEFT + CELL * num_classes + RIGHT


def confusion_chart(heading: str, description: str, matrix: NDArray[np.int64], names: Sequence[str]) -> Markup:
    """Return the chart. Rows are ground truth and add up to 100 %; number and shade of a cell show the same share.

    Args:
        heading: title of the chart.
        description: text for screen readers.
        matrix: int64 (C, C), numbers of pixels, rows ground truth; a row without pixels stays empty.
        names: C class names.
    """
    size = len(names)
    totals = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, totals, out=np.zeros(matrix.shape), where=totals > 0)
    parts = [text(0, 12, heading, "strong")]
    parts += [text(LEFT, TOP + CELL * size + 16, "columns: predicted", "quiet small")]
    parts += [text(0, TOP + CELL * size + 16, "rows: ground truth", "quiet small")]
    for k, name in enumerate(names):
        middle = CELL * k + CELL / 2
        parts += [text(LEFT - 8, TOP + middle + 4, shorten(name, 14), "", "end")]
        place = f"translate({LEFT + middle + 4} {TOP - 8}) rotate(-60)"
        parts += [element("text", shorten(name, 14), transform=place)]
    for row in range(size):
        for column in range(size):
            parts += _cell(row, column, float(shares[row, column]))
    return chart(confusion_width(size), TOP + CELL * size + BOTTOM, description, *parts)


def _cell(row: int, column: int, share: float) -> list[Markup]:
    x, y = LEFT + column * CELL, TOP + row * CELL
    shade = round(share**0.6, 3)  # a power below 1: small shares stay visible
    place = {"x": x + 0.5, "y": y + 0.5, "width": CELL - 1, "height": CELL - 1, "rx": 2}
    parts = [element("rect", **place, class_="heat", fill_opacity=max(shade, 0.04))]
    if row == column:
        parts += [element("rect", **place, class_="diagonal")]
    if share >= 0.005:
        figure = "<1" if share < 0.01 else f"{100 * share:.0f}"
        parts += [text(x + CELL / 2, y + CELL / 2 + 4, figure, "small over" if shade > 0.6 else "small", "middle")]
    return parts
