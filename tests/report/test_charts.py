"""Charts are well-formed SVG that shows the numbers, for any names and unusual numbers."""

import math
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from finished_runs import matrices
from streetseg.report.charts.confusion import confusion_chart
from streetseg.report.charts.cost import Offer, cost_chart
from streetseg.report.charts.curves import Learning, curves_chart, shared_axis
from streetseg.report.charts.intervals import Point, Row, intervals_chart
from streetseg.report.charts.pipeline import Lane, Step, pipeline_narrow, pipeline_wide
from streetseg.report.charts.svg import element, nice_axis, standalone

SVG = "{http://www.w3.org/2000/svg}"
EVIL = '"><img src=x onerror=alert(1)>'


def parsed(chart: Markup) -> ElementTree.Element:
    return ElementTree.fromstring(chart)


def texts(chart: Markup) -> list[str]:
    return [node.text or "" for node in parsed(chart).iter(f"{SVG}text")]


@given(st.text(st.sampled_from("<>&'\"/=x \\{}é雪🚲"), max_size=12))
def test_any_text_survives_as_text(content: str) -> None:
    node = ElementTree.fromstring(element("g", element("text", content), aria_label=content))
    assert (node[0].text or "") == content
    assert [child.tag for child in node] == ["text"]


@given(st.floats(-1e3, 1e3), st.floats(1e-2, 1e4))
def test_an_axis_covers_its_values_with_a_few_round_marks(low: float, width: float) -> None:
    axis = nice_axis(low, low + width, 0, 300)
    assert axis.low <= low + 1e-6 * width
    assert axis.high >= low + width * (1 - 1e-6)
    assert 2 <= len(axis.ticks()) <= 11


def test_an_axis_of_one_value_is_not_empty() -> None:
    assert len(nice_axis(70.0, 70.0, 0, 300).ticks()) >= 2


def curves(validation: list[float], **options: object) -> Markup:
    learning = Learning(((0.5, 0.7, 0.8),), (tuple(validation),))
    span = shared_axis([learning])
    return curves_chart("IoU", "IoU of A", learning, series=0, span=span, best_epoch=None, **options)  # type: ignore[arg-type]


def lines(chart: Markup, class_: str) -> list[str]:
    return [node.attrib["d"] for node in parsed(chart).iter(f"{SVG}path") if node.attrib["class"] == class_]


def test_a_curve_goes_through_every_epoch() -> None:
    (validation,) = lines(curves([0.4, 0.6, 0.7]), "line s0")
    assert validation.count("L") == 2
    assert {"training", "validation", "1", "3"} <= set(texts(curves([0.4, 0.6, 0.7])))


def test_an_epoch_without_a_value_is_a_gap_not_a_zero() -> None:
    (validation,) = lines(curves([0.4, math.nan, 0.7]), "line s0")
    assert validation.count("M") == 2


def test_a_run_of_one_epoch_is_drawn() -> None:
    learning = Learning(((0.5,),), ((0.4,),))
    parsed(curves_chart("IoU", "spoken", learning, series=0, span=(0.4, 0.5), best_epoch=1))


def test_seeds_are_drawn_singly_and_as_their_mean() -> None:
    learning = Learning(((0.5, 0.6), (0.6, 0.7)), ((0.4, 0.5), (0.5, 0.6)))
    chart = curves_chart("IoU", "spoken", learning, series=1, span=(0.4, 0.7), best_epoch=None)
    assert len(lines(chart, "line validation seed s1")) == 2
    assert len(lines(chart, "line s1")) == 1


def test_an_interval_is_drawn_from_end_to_end() -> None:
    chart = intervals_chart(
        "IoU", "spoken", [Row("road", (Point(0, 80, 70, 90),)), Row("car", (Point(0, 75, 72, 78),))]
    )
    wide, narrow = (node for node in parsed(chart).iter(f"{SVG}line") if "whisker" in node.attrib["class"])
    length = [float(node.attrib["x2"]) - float(node.attrib["x1"]) for node in (wide, narrow)]
    assert length[0] / length[1] == pytest.approx(20 / 6, rel=1e-3)
    assert "80.0" in texts(chart)


def test_a_class_that_was_nowhere_is_said_to_be_not_counted() -> None:
    rows = [Row("road", (Point(0, 80, 70, 90),)), Row("train", (Point(0, math.nan, math.nan, math.nan),))]
    assert "not counted" in texts(intervals_chart("IoU", "spoken", rows))


def test_a_chart_of_differences_shows_zero() -> None:
    chart = intervals_chart("d", "spoken", [Row("A − B", (Point(1, 2.0, 1.0, 3.0),))], zero=True)
    assert "0" in texts(chart)
    assert any(node.attrib["class"] == "zero" for node in parsed(chart).iter(f"{SVG}line"))


def test_confusion_shows_shares_of_each_true_class() -> None:
    matrix = np.array([[75, 25, 0], [0, 0, 0], [1, 0, 999]])
    shown = texts(confusion_chart("shares", "spoken", matrix, ("road", "tree", "car")))
    assert {"75", "25", "100"} <= set(shown)
    assert "nan" not in " ".join(shown)
    assert "1" not in shown  # 0.1 % is left out


def test_cost_is_drawn_from_zero() -> None:
    offers = [Offer(Point(0, 80, 78, 82), "A", 98.0), Offer(Point(1, 75, 73, 77), "B", 41.0)]
    shown = texts(cost_chart("latency, ms", "spoken", offers, score="mean IoU, %"))
    assert {"A", "B", "0", "latency, ms"} <= set(shown)


@pytest.mark.parametrize("draw", [pipeline_wide, pipeline_narrow])
def test_the_pipeline_says_every_step(draw: type) -> None:
    lanes = [Lane("Training", (Step("Images", "367 of them"), Step("Network", f"encoder {EVIL}")))]
    shown = " ".join(texts(draw(lanes)))
    assert "Images" in shown
    assert "367 of them" in shown


def test_names_stay_text_in_every_chart() -> None:
    for chart in (
        intervals_chart(EVIL, EVIL, [Row(EVIL, (Point(0, 1, 0, 2),))]),
        confusion_chart(EVIL, EVIL, matrices(0.8).sum(axis=0), (EVIL, "b", "c")),
        cost_chart(EVIL, EVIL, [Offer(Point(0, 1, 0, 2), EVIL, 3.0)], score=EVIL),
    ):
        assert not list(parsed(chart).iter(f"{SVG}img"))
        assert "<img" not in chart


def test_a_chart_of_its_own_carries_its_style() -> None:
    image = standalone(intervals_chart("IoU", "spoken", [Row("road", (Point(0, 80, 70, 90),))]))
    root = ElementTree.fromstring(image)
    assert root.attrib["aria-label"] == "spoken"
    assert "prefers-color-scheme: dark" in (root.find(f"{SVG}style").text or "")  # type: ignore[union-attr]
