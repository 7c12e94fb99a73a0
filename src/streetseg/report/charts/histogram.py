"""Histogram of values in percent."""

import math
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from streetseg.report.charts.svg import chart, element, hover, line, nice_axis, number, text

WIDTH, HEIGHT = 440, 200
LEFT, TOP, BOTTOM, RIGHT = 40, 30, 28, 14
BINS = 20


def histogram_chart(heading: str, description: str, values: Sequence[float], *, width: float = WIDTH) -> Markup:
    """Return a histogram in bins of one round width, from 0 on.

    Args:
        heading: the quantity, with its unit.
        description: text for screen readers.
        values: one or more, in percent.
        width: width of the chart in pixels.
    """
    x = nice_axis(0.0, max(*values, 1.0), LEFT, width - RIGHT, about=5)
    step = (x.high - x.low) / BINS
    counts = np.bincount([min(BINS - 1, math.floor(value / step)) for value in values], minlength=BINS)
    y = nice_axis(0.0, float(max(counts)), HEIGHT - BOTTOM, TOP, about=3)
    parts = [text(0, 12, heading, "strong")]
    for value in y.ticks():
        if value == round(value):
            parts += [line(LEFT, y(value), width - RIGHT, y(value), "grid")]
            parts += [text(LEFT - 6, y(value) + 4, number(value), "quiet small", "end")]
    for k, count in enumerate(counts):
        if count:
            left, right = x(k * step) + 0.5, x((k + 1) * step) - 0.5
            bar = element("rect", x=left, y=y(count), width=right - left, height=y(0) - y(count), class_="heat")
            parts += [hover(f"{k * step:g} to {(k + 1) * step:g} %: {count}", bar)]
    parts += [line(LEFT, y(0), width - RIGHT, y(0), "axis")]
    parts += [text(x(value), HEIGHT - BOTTOM + 16, number(value), "quiet small", "middle") for value in x.ticks()]
    return chart(width, HEIGHT, description, *parts)
