"""Map of places as points, without tiles: an equirectangular projection with a scale bar."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from streetseg.report.charts.svg import chart, element, hover, line, number, round_step, text

WIDTH = 440
TOP, BOTTOM, MARGIN = 30, 58, 12
LOWEST, HIGHEST = 160.0, 420.0  # height of the map in pixels
METERS = 111_194.93  # of a degree of latitude, on a sphere with the Earth's mean radius of 6,371,008.8 m
SMALLEST = 200.0  # meters across a map of one place
FAINTEST = 0.12  # opacity of the lowest value
KEYS = 5  # points of the key of colors


@dataclass(frozen=True)
class Place:
    """A point on the map: degrees, its value in percent, and its name."""

    latitude: float
    longitude: float
    value: float
    name: str


def places_chart(heading: str, description: str, places: Sequence[Place], *, width: float = WIDTH) -> Markup:
    """Return a map whose points are the darker, the higher their value is; north is up.

    Args:
        heading: the quantity, with its unit.
        description: text for screen readers.
        places: one or more.
        width: width of the chart in pixels.
    """
    x, y = _meters(places)
    across, along = max(max(x) - min(x), 1e-9), max(max(y) - min(y), 1e-9)
    inner = width - 2 * MARGIN
    scale = min(inner / max(across, SMALLEST), (HIGHEST - 2 * MARGIN) / max(along, SMALLEST))  # pixels in a meter
    tall = max(LOWEST, along * scale + 2 * MARGIN)
    middle = (min(x) + max(x)) / 2, (min(y) + max(y)) / 2
    low, high = min(place.value for place in places), max(place.value for place in places)

    parts = [text(0, 12, heading, "strong")]
    parts += [element("rect", x=0, y=TOP, width=width, height=tall, class_="box")]
    for place, east, north in sorted(zip(places, x, y, strict=True), key=lambda point: point[0].value):
        left, top = width / 2 + (east - middle[0]) * scale, TOP + tall / 2 - (north - middle[1]) * scale
        point = _point(left, top, _strength(place.value, low, high))
        parts += [hover(f"{place.name}: {place.value:.1f} %", point)]
    bottom = TOP + tall
    parts += _scale_bar(width, bottom + 16, scale)
    parts += _key(bottom + 44, low, high)
    return chart(width, bottom + BOTTOM, description, *parts)


def _meters(places: Sequence[Place]) -> tuple[list[float], list[float]]:
    """Return meters to the east and to the north; on both sides of the date line, degrees are counted onwards."""
    degrees = [place.longitude for place in places]
    if max(degrees) - min(degrees) > 180:
        degrees = [value % 360 for value in degrees]
    latitudes = [place.latitude for place in places]
    shrink = math.cos(math.radians((min(latitudes) + max(latitudes)) / 2))
    return [METERS * shrink * value for value in degrees], [METERS * value for value in latitudes]


def _strength(value: float, low: float, high: float) -> float:
    return FAINTEST + (1 - FAINTEST) * ((value - low) / (high - low) if high > low else 1.0)


def _point(x: float, y: float, strength: float) -> Markup:
    return element("circle", cx=x, cy=y, r=4.5, class_="place", fill_opacity=strength)


def _scale_bar(width: float, y: float, scale: float) -> list[Markup]:
    """Return a bar at the right of about a quarter of the width, with its round length above it."""
    meters = round_step(width / 4 / scale)
    words = f"{number(meters / 1000)} km" if meters >= 1000 else f"{number(meters)} m"
    start = width - meters * scale
    ends = [line(x, y - 4, x, y + 4, "zero") for x in (start, width)]
    return [line(start, y, width, y, "zero"), *ends, text(start - 8, y + 4, words, "small", "end")]


def _key(y: float, low: float, high: float) -> list[Markup]:
    """Return points of the colors between the lowest and the highest value, with both values beside them."""
    if low == high:
        return [_point(6, y, 1.0), text(16, y + 4, f"{low:.1f} %", "small")]
    first = f"{low:.1f} %"
    start = 14 + 6.2 * len(first)
    points = [_point(start + 14 * k, y, _strength(k, 0, KEYS - 1)) for k in range(KEYS)]
    return [text(0, y + 4, first, "small"), *points, text(start + 14 * KEYS, y + 4, f"{high:.1f} %", "small")]
