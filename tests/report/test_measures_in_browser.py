"""The page of `measure` in a real browser: quiet, no wider than a phone, readable in the dark, safe from names."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from browsing import CONTRAST, PHONE, SCREEN, opened
from measured_page import measured_page


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return measured_page(tmp_path_factory.mktemp("measures"))


def green(view: Page) -> list[float]:
    """Return the green view index of each row."""
    script = "all => all.map((row) => Number(row.cells[1].dataset.value))"
    return list(view.locator("#images tbody tr").evaluate_all(script))


@pytest.mark.parametrize("width", [PHONE, SCREEN])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_quiet_and_no_wider_than_the_window(browser: Browser, page: Path, width: int, scheme: str) -> None:
    with opened(browser, page, width, scheme) as (view, troubles):
        assert view.evaluate("document.documentElement.scrollWidth") <= width
        assert view.locator("img").count() == 4 * 2 * 3 * 2
        assert view.locator("img").evaluate_all("all => all.every((image) => image.naturalWidth > 0 && image.alt)")
        assert view.locator("svg.chart:visible").count() >= 9
        assert view.evaluate(CONTRAST, view.query_selector("figcaption")) >= 4.5
        assert troubles == []


def test_the_headings_sort_the_images(browser: Browser, page: Path) -> None:
    with opened(browser, page) as (view, _):
        unsorted = green(view)
        view.locator("#images thead button", has_text="green").click()
        assert green(view) == sorted(unsorted)
        view.keyboard.press("Enter")
        assert green(view) == sorted(unsorted, reverse=True)


def test_the_map_tells_each_image_by_keyboard(browser: Browser, page: Path) -> None:
    with opened(browser, page) as (view, _):
        chart = view.locator("#places svg.chart").first
        assert chart.locator("circle[class=place]").count() >= 8
        chart.focus()
        view.keyboard.press("ArrowRight")
        assert view.locator(".tip").inner_text().endswith("%")
