"""SVG as text: escaped elements, a linear axis, and the frame that makes a chart an image with a name.

Charts are written by hand instead of by a plotting library so that their colors are CSS variables (one image serves
light, dark and print), their text stays text, and the same numbers give the same bytes.
"""

import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from markupsafe import Markup, escape

from streetseg.text import one_line

SERIES = 6  # colors and markers before they repeat; the letters beside them do not


def element(tag: str, *children: str | float, **attributes: str | float) -> Markup:
    """`<tag a="b">children</tag>`; text and values are escaped, an underscore in a name becomes a hyphen.

    `class_` stands for class, because that is a keyword of Python.
    """
    written = "".join(f' {_attribute(name)}="{escape(_value(value))}"' for name, value in attributes.items())
    inside = Markup("").join(escape(_value(child)) for child in children)
    return Markup(f"<{tag}{written}>{inside}</{tag}>")


def _attribute(name: str) -> str:
    return "viewBox" if name == "viewBox" else name.rstrip("_").replace("_", "-")


def _value(value: str | float) -> str | float:
    """Coordinates with two decimals: a tenth of a pixel is more than anyone sees. Text without control characters: XML
    has no way to write them."""
    if isinstance(value, str):
        return value if isinstance(value, Markup) else one_line(value)
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value


def join(parts: list[Markup]) -> Markup:
    """The parts one after the other."""
    return Markup("").join(parts)


def text(x: float, y: float, content: str | float, class_: str = "", anchor: str = "start") -> Markup:
    """One line of text whose baseline is at y."""
    return element("text", content, x=x, y=y, class_=class_, text_anchor=anchor)


def shorten(name: str, longest: int = 22) -> str:
    """Return the name, cut to `longest` characters with an ellipsis at the end where it has more."""
    return name if len(name) <= longest else name[: longest - 1] + "…"


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def chart(width: float, height: float, spoken: str, *parts: Markup) -> Markup:
    """An image that fills the width it is given; `spoken` says in words what it shows."""
    return element(
        "svg",
        *parts,
        class_="chart",
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label=spoken,
    )


@cache
def chart_css() -> str:
    """The style sheet all charts share, in the page and in files of their own."""
    return files("streetseg.report").joinpath("templates/chart.css").read_text("utf-8")


def standalone(image: Markup) -> str:
    """The chart as a file of its own: style sheet and background inside."""
    start = image.index(">") + 1
    inside = element("style", Markup(chart_css())) + element("rect", width="100%", height="100%", class_="paper")
    return f"{image[:start]}{inside}{image[start:]}\n"


def marker(series: int, x: float, y: float, radius: float = 5.0) -> Markup:
    """The sign of one series: its own shape as well as its own color."""
    shapes = (
        f"M{x - radius:.2f} {y:.2f}a{radius} {radius} 0 1 0 {2 * radius} 0a{radius} {radius} 0 1 0 {-2 * radius} 0z",
        _polygon(x, y, radius * 1.25, 4, 45),
        _polygon(x, y, radius * 1.35, 3, -90),
        _polygon(x, y, radius * 1.35, 4, 0),
        _polygon(x, y, radius * 1.35, 3, 90),
        _polygon(x, y, radius * 1.2, 5, -90),
    )
    return element("path", d=shapes[series % SERIES], class_=f"marker s{series % SERIES}")


def _polygon(x: float, y: float, radius: float, corners: int, first: float) -> str:
    angles = [math.radians(first + 360 * k / corners) for k in range(corners)]
    return "M" + "L".join(f"{x + radius * math.cos(a):.2f} {y + radius * math.sin(a):.2f}" for a in angles) + "z"


@dataclass(frozen=True)
class Axis:
    """Maps the values low..high to the pixels start..end, with a mark at every multiple of step."""

    low: float
    high: float
    start: float
    end: float
    step: float

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """The values to mark."""
        first, last = math.ceil(self.low / self.step - 1e-9), math.floor(self.high / self.step + 1e-9)
        return [k * self.step for k in range(first, last + 1)]


def nice_axis(low: float, high: float, start: float, end: float, about: int = 5) -> Axis:
    """An axis with about so many steps, from the mark at or below low to the one at or above high; never empty."""
    if high <= low:
        low, high = low - 0.5, low + 0.5
    step = round_step((high - low) / about)
    return Axis(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, start, end, step)


def round_step(rough: float) -> float:
    """The 1, 2 or 5 times a power of ten nearest to a rough step."""
    power = 10.0 ** math.floor(math.log10(rough))
    return max(factor * power for factor in (1, 2, 5, 10) if factor <= 1.5 * rough / power)


def number(value: float) -> str:
    """A tick's text: as few digits as it needs."""
    return f"{value:.6g}".replace("-", "−")
