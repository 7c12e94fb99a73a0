"""Chart of a score against one cost, with one point per encoder."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from streetseg.report.charts.intervals import Point
from streetseg.report.charts.svg import chart, group, hover, line, marker, nice_axis, number, series_class, text

WIDTH, HEIGHT = 360, 230
LEFT, RIGHT, TOP, BOTTOM = 36, 22, 26, 46


@dataclass(frozen=True)
class Offer:
    """One encoder: its score with interval, its letter and its cost."""

    score: Point
    letter: str
    price: float


def cost_chart(price: str, description: str, offers: Sequence[Offer], *, score: str) -> Markup:
    """Return the chart. Higher is better, further left is cheaper; the axis of the cost starts at 0.

    Args:
        price: the cost on the horizontal axis, with its unit.
        description: text for screen readers.
        offers: one per encoder.
        score: the score on the vertical axis, with its unit.
    """
    x = nice_axis(0.0, max(offer.price for offer in offers) * 1.05, LEFT, WIDTH - RIGHT, about=4)
    # With too few images the interval is NaN.
    bounds = [v for offer in offers for v in (offer.score.low, offer.score.value, offer.score.high) if v == v]
    y = nice_axis(min(bounds), max(bounds), HEIGHT - BOTTOM, TOP, about=4)
    parts = [text(0, 12, score, "strong")]
    for value in y.ticks():
        parts += [line(LEFT, y(value), WIDTH - RIGHT, y(value), "grid")]
        parts += [text(LEFT - 7, y(value) + 4, number(value), "quiet", "end")]
    for value in x.ticks():
        parts += [text(x(value), HEIGHT - BOTTOM + 17, number(value), "quiet", "middle")]
    parts += [line(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM, "axis")]
    parts += [text(WIDTH - RIGHT, HEIGHT - 6, price, "strong", "end")]
    for offer in offers:
        at, css = x(offer.price), series_class(offer.score.series)
        point = offer.score
        marks = [line(at, y(point.low), at, y(point.high), f"whisker {css}")] if point.low == point.low else []
        shown = marker(point.series, at, y(point.value), 4.5)
        marks += [hover(f"{offer.letter}: {point.figures} at {offer.price:.3g} {price.rpartition(', ')[2]}", shown)]
        marks += [text(at + 10, y(point.value) + 4, offer.letter, f"strong halo {css}")]
        parts += [group({"data_encoder": point.series}, *marks)]
    return chart(WIDTH, HEIGHT, description, *parts)
