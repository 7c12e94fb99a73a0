"""The report in a real browser: no requests or errors, readable on a phone and in the dark, and its controls work."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from browsing import CONTRAST, PHONE, SCREEN, opened, require_no_wider
from finished_runs import matrices
from streetseg.comparison.compare import compare_runs
from streetseg.report.report import write_report

WriteRun = Callable[..., Path]
EVIL = '"><img src=x onerror=alert(1)>'


@pytest.fixture(scope="module")
def report(real_runs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the report of two real networks, with gallery."""
    return write_report(compare_runs(real_runs), tmp_path_factory.mktemp("report"))


@pytest.mark.parametrize("width", [PHONE, SCREEN])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_quiet_and_no_wider_than_the_window(browser: Browser, report: Path, width: int, scheme: str) -> None:
    with opened(browser, report, width, scheme) as (page, troubles):
        require_no_wider(page, width)
        assert page.locator(".exhibit").count() > 0
        assert page.locator("img").evaluate_all("all => all.every((image) => image.naturalWidth > 0)")
        assert troubles == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable(browser: Browser, report: Path, scheme: str) -> None:
    with opened(browser, report, scheme=scheme) as (page, _):
        body = page.evaluate(CONTRAST, page.query_selector("h1"))
        assert body >= 12
        for selector in (".care li", ".protocol", "td .range", ".badge", "select", ".facts dt", ".chart text.quiet"):
            assert page.evaluate(CONTRAST, page.query_selector(selector)) >= 4.5, selector
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        red = int(background.removeprefix("rgb(").split(",")[0])
        assert (red < 60) == (scheme == "dark")


def test_small_print_is_not_too_small_on_a_phone(browser: Browser, report: Path) -> None:
    with opened(browser, report, PHONE) as (page, _):
        heights = page.locator("svg.chart text:visible").evaluate_all(
            "all => all.map((text) => parseFloat(getComputedStyle(text).fontSize) "
            "* Math.hypot(text.getScreenCTM().a, text.getScreenCTM().b))"
        )
        assert min(heights) >= 8.5


def test_the_verdict_is_what_one_reads_first(browser: Browser, report: Path, real_runs: list[Path]) -> None:
    with opened(browser, report, PHONE) as (page, _):
        heading = page.locator("h1")
        assert heading.inner_text().replace("\N{NO-BREAK SPACE}", " ") == compare_runs(real_runs).verdict
        box = heading.bounding_box()
        assert box
        assert box["y"] + box["height"] < 844


def test_the_slider_moves_the_border_by_keyboard_and_by_pointer(browser: Browser, report: Path) -> None:
    with opened(browser, report) as (page, troubles):
        stage = page.locator(".stage").first
        slider, handle = stage.locator("input[type=range]"), stage.locator(".handle")
        slider.scroll_into_view_if_needed()

        def border() -> float:
            box, frame = handle.bounding_box(), stage.locator(".window").bounding_box()
            assert box
            assert frame
            return (box["x"] + box["width"] / 2 - frame["x"]) / frame["width"]

        assert border() == pytest.approx(0.5, abs=0.01)
        slider.focus()
        page.keyboard.press("End")
        assert border() == pytest.approx(1.0, abs=0.01)
        slider.click(position={"x": 60, "y": 40})
        assert border() < 0.4
        assert "inset(0" in stage.locator(".over").evaluate("over => getComputedStyle(over).clipPath")
        assert troubles == []


def test_either_side_of_the_slider_shows_any_layer(browser: Browser, report: Path) -> None:
    with opened(browser, report) as (page, _):
        exhibit = page.locator(".exhibit").first
        left, right = exhibit.locator("select").nth(0), exhibit.locator("select").nth(1)
        assert left.locator("option").all_inner_texts() == exhibit.locator(".small figcaption").all_inner_texts()
        left.select_option(label="Image")
        right.select_option(label="A against B")
        shown = exhibit.locator(".window img").evaluate_all("all => all.map((image) => image.alt)")
        assert shown[0].endswith("the image")
        assert "disputed pixels" in shown[1]


def test_without_scripts_the_pair_stands_side_by_side(browser: Browser, report: Path) -> None:
    with opened(browser, report, script=False) as (page, _):
        assert page.locator(".stage").count() == 0
        first, second = (page.locator(".exhibit").first.locator(".pair img").nth(k).bounding_box() for k in (0, 1))
        assert first
        assert second
        assert first["width"] > 100
        assert second["x"] > first["x"] + first["width"] - 1
        assert first["y"] == second["y"]


def test_evil_names_do_nothing(browser: Browser, write_run: WriteRun, tmp_path: Path) -> None:
    options = {
        "classes": (EVIL, "<script>alert(2)</script>", "</style><svg onload=alert(3)>"),
        "names": [f"{EVIL}{i}" for i in range(24)],
        "start": {"kind": EVIL, "source": EVIL, "text": EVIL},
        "cpu": EVIL,
    }
    runs = [write_run("a", **options), write_run("b", encoder=EVIL, counts=matrices(0.7), **options)]
    path = write_report(compare_runs(runs), tmp_path / "out")
    for width in (PHONE, SCREEN):
        with opened(browser, path, width) as (page, troubles):
            assert page.locator("img[src=x]").count() == 0
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert EVIL in page.locator("#classes").inner_text()
            assert troubles == []


def test_many_classes_and_long_names_scroll_in_their_own_frame(
    browser: Browser, write_run: WriteRun, tmp_path: Path
) -> None:
    classes = tuple(f"a class with quite a long name {c}" for c in range(20))
    colors = tuple((c, 2 * c, 3 * c) for c in range(20))
    run = write_run("a", counts=matrices(0.8, classes=20), classes=classes, colors=colors, encoder="x" * 60)
    path = write_report(compare_runs([run]), tmp_path / "out")
    with opened(browser, path, PHONE) as (page, troubles):
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE
        assert troubles == []


def test_print_shows_closed_tables_and_no_controls(browser: Browser, report: Path) -> None:
    with opened(browser, report, scheme="dark") as (page, _):
        page.emulate_media(media="print", color_scheme="dark")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert not page.locator(".stage").first.is_visible()
        assert page.locator("#classes details").last.locator("table").is_visible()
        assert len(page.pdf(format="A4")) > 50_000
