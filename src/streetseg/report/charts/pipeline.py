"""Diagram of a study: rows of boxes with arrows from step to step."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from streetseg.report.charts.svg import chart, element, line, text

GAP, HEAD, LINE = 26.0, 26.0, 15.0


@dataclass(frozen=True)
class Step:
    """One box: a step and its settings."""

    title: str
    detail: str


@dataclass(frozen=True)
class Lane:
    """A sequence of steps."""

    title: str
    steps: tuple[Step, ...]


def pipeline_wide(lanes: Sequence[Lane]) -> Markup:
    """Return the diagram with the lanes as rows, for a screen or paper."""
    box = 170.0
    columns = max(len(lane.steps) for lane in lanes)
    width = columns * box + (columns - 1) * GAP
    parts: list[Markup] = []
    top = 0.0
    for lane in lanes:
        tall = max(_height(step, 27) for step in lane.steps)
        parts += [text(0, top + 13, lane.title, "strong")]
        for k, step in enumerate(lane.steps):
            x = k * (box + GAP)
            parts += _box(step, x, top + HEAD, box, tall, 27)
            if k:
                parts += _arrow(x - GAP + 4, top + HEAD + tall / 2, x - 4, top + HEAD + tall / 2)
        top += HEAD + tall + GAP
    return chart(width, top - GAP + 2, _description(lanes), *parts)


def pipeline_narrow(lanes: Sequence[Lane]) -> Markup:
    """Return the diagram with the lanes as columns, one below the other, for a phone."""
    width = 340.0
    parts: list[Markup] = []
    top = 0.0
    for lane in lanes:
        parts += [text(0, top + 13, lane.title, "strong")]
        top += HEAD
        for k, step in enumerate(lane.steps):
            tall = _height(step, 60)
            parts += _box(step, 1, top, width - 2, tall, 60)
            if k:
                parts += _arrow(width / 2, top - GAP + 4, width / 2, top - 4)
            top += tall + GAP
    return chart(width, top - GAP + 2, _description(lanes), *parts)


def _description(lanes: Sequence[Lane]) -> str:
    steps = [", then ".join(f"{step.title} ({step.detail})" for step in lane.steps) for lane in lanes]
    return " ".join(f"{lane.title}: {sequence}." for lane, sequence in zip(lanes, steps, strict=True))


def _height(step: Step, letters: int) -> float:
    return 34 + LINE * len(textwrap.wrap(step.detail, letters))


def _box(step: Step, x: float, y: float, width: float, height: float, letters: int) -> list[Markup]:
    parts = [element("rect", x=x + 0.5, y=y + 0.5, width=width - 1, height=height - 1, rx=4, class_="box")]
    parts += [text(x + 12, y + 21, step.title, "strong")]
    for k, words in enumerate(textwrap.wrap(step.detail, letters)):
        parts += [text(x + 12, y + 38 + k * LINE, words, "quiet small")]
    return parts


def _arrow(x1: float, y1: float, x2: float, y2: float) -> list[Markup]:
    """Return a straight arrow to the right or down."""
    if x1 == x2:
        head = f"M{x2} {y2}l-4 -7h8z"
        return [line(x1, y1, x2, y2 - 5, "arrow"), element("path", d=head, class_="arrowhead")]
    head = f"M{x2} {y2}l-7 -4v8z"
    return [line(x1, y1, x2 - 5, y2, "arrow"), element("path", d=head, class_="arrowhead")]
