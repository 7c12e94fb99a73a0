"""SVG as text: escaped elements, a linear axis, and the frame of a chart.

Charts are written by hand and not by a plotting library: their colors are CSS variables (one image serves light, dark
and print), their text stays text, and the same numbers give the same bytes.
"""

import math
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from markupsafe import Markup, escape

from streetseg.text import one_line

COLORS = 6  # number of colors of series; the next six have the same colors with dashed lines and outlined badges


def element(tag: str, *children: str | float, **attributes: str | float) -> Markup:
    """Return `<tag a="b">children</tag>` with escaped text and values.

    An underscore in the name of an attribute becomes a hyphen; `class_` becomes `class`, which is a keyword of Python.
    """
    written = "".join(f' {_attribute(name)}="{escape(_value(value))}"' for name, value in attributes.items())
    inside = Markup("").join(escape(_value(child)) for child in children)
    return Markup(f"<{tag}{written}>{inside}</{tag}>")


def _attribute(name: str) -> str:
    return "viewBox" if name == "viewBox" else name.rstrip("_").replace("_", "-")


def _value(value: str | float) -> str | float:
    """Return a number with at most two decimals, and text without control characters, which XML cannot contain."""
    if isinstance(value, str):
        return value if isinstance(value, Markup) else one_line(value)
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value


def join(parts: list[Markup]) -> Markup:
    """Return the parts as one text."""
    return Markup("").join(parts)


def text(x: float, y: float, content: str | float, class_: str = "", anchor: str = "start") -> Markup:
    """Return one line of text whose baseline is at y."""
    return element("text", content, x=x, y=y, class_=class_, text_anchor=anchor)


def shorten(name: str, longest: int = 22) -> str:
    """Return the name; one with more than `longest` characters is cut and ends with an ellipsis."""
    return name if len(name) <= longest else name[: longest - 1] + "…"


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """Return a straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def hover(words: str, *marks: Markup) -> Markup:
    """Return marks of a chart that show these words on hover and on focus (values.js)."""
    return element("g", *marks, data_tip=words)


def group(subject: Mapping[str, str | float], *marks: Markup) -> Markup:
    """Return marks that belong together. The page hides them by their subject, a data attribute (choice.js)."""
    return element("g", *marks, **subject) if subject else join([*marks])


def chart(width: float, height: float, description: str, *parts: Markup) -> Markup:
    """Return an SVG image that fills the width of its container; `description` is the text for screen readers."""
    return element(
        "svg",
        *parts,
        class_="chart",
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label=description,
    )


@cache
def chart_css() -> str:
    """Return the style sheet of all charts, for the report and for SVG files."""
    return files("streetseg.report").joinpath("templates/chart.css").read_text("utf-8")


def standalone(image: Markup) -> str:
    """Return the chart as an SVG file, with style sheet and background."""
    start = image.index(">") + 1
    inside = element("style", Markup(chart_css())) + element("rect", width="100%", height="100%", class_="paper")
    return f"{image[:start]}{inside}{image[start:]}\n"


def side_by_side(charts: Sequence[Markup]) -> str:
    """Return charts as HTML for a notebook.

    They are images with their files inside: Jupyter takes the elements of an SVG out of a notebook that it does not
    trust, such as one of somebody else, and leaves the words.
    """
    images = []
    for image in charts:
        spoken = image.partition('aria-label="')[2].partition('"')[0]
        content = b64encode(standalone(image).encode()).decode()
        images.append(f'<img alt="{spoken}" src="data:image/svg+xml;base64,{content}" width="32%">')
    return f"<div>{' '.join(images)}</div>"


def series_class(series: int) -> str:
    """Return the CSS classes of a series: its color, and whether its lines are dashed. They repeat after 12 series."""
    return f"s{series % COLORS}{' dashed' if series // COLORS % 2 else ''}"


def marker(series: int, x: float, y: float, radius: float = 5.0) -> Markup:
    """Return the marker of a series: its color, and one of 12 shapes."""
    shapes = (
        f"M{x - radius:.2f} {y:.2f}a{radius} {radius} 0 1 0 {2 * radius} 0a{radius} {radius} 0 1 0 {-2 * radius} 0z",
        _polygon(x, y, radius * 1.25, 4, 45),
        _polygon(x, y, radius * 1.35, 3, -90),
        _polygon(x, y, radius * 1.35, 4, 0),
        _polygon(x, y, radius * 1.35, 3, 90),
        _polygon(x, y, radius * 1.2, 5, -90),
        _star(x, y, radius * 1.5, 4, -90),
        _star(x, y, radius * 1.5, 4, -45),
        _star(x, y, radius * 1.5, 5, -90),
        _path(x, y, radius, ((-1, -1), (1, 1), (1, -1), (-1, 1))),
        _path(x, y, radius, ((-1, -1), (1, -1), (-1, 1), (1, 1))),
        _path(x, y, radius, ((-0.5, -1.3), (0.5, -1.3), (0.5, 1.3), (-0.5, 1.3))),
    )
    return element("path", d=shapes[series % len(shapes)], class_=f"marker {series_class(series)}")


def _polygon(x: float, y: float, radius: float, corners: int, first: float) -> str:
    angles = [math.radians(first + 360 * k / corners) for k in range(corners)]
    return _path(x, y, radius, [(math.cos(a), math.sin(a)) for a in angles])


def _star(x: float, y: float, radius: float, points: int, first: float) -> str:
    angles = [math.radians(first + 180 * k / points) for k in range(2 * points)]
    return _path(
        x, y, radius, [(r * math.cos(a), r * math.sin(a)) for a, r in zip(angles, (1, 0.4) * points, strict=True)]
    )


def _path(x: float, y: float, scale: float, corners: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x + scale * a:.2f} {y + scale * b:.2f}" for a, b in corners) + "z"


@dataclass(frozen=True)
class Axis:
    """Linear axis: maps the values low..high to the pixels start..end, with a tick at each multiple of step."""

    low: float
    high: float
    start: float
    end: float
    step: float

    def __call__(self, value: float) -> float:
        """Return the pixel of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Return the values of the ticks."""
        first, last = math.ceil(self.low / self.step - 1e-9), math.floor(self.high / self.step + 1e-9)
        return [k * self.step for k in range(first, last + 1)]


def nice_axis(low: float, high: float, start: float, end: float, about: int = 5) -> Axis:
    """Return an axis with about `about` steps, from a tick at or below `low` to a tick at or above `high`."""
    if high <= low:
        low, high = low - 0.5, low + 0.5
    step = round_step((high - low) / about)
    return Axis(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, start, end, step)


def round_step(rough: float) -> float:
    """Return 1, 2 or 5 times a power of ten, near to a rough step."""
    power = 10.0 ** math.floor(math.log10(rough))
    return max(factor * power for factor in (1, 2, 5, 10) if factor <= 1.5 * rough / power)


def number(value: float) -> str:
    """Return the text of a tick, with as few digits as possible."""
    return f"{value:.6g}".replace("-", "−")
