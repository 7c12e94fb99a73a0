"""The page of `audit` in a real browser: no requests or errors, readable on a phone and in the dark."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

import streetseg
import tiny
from browsing import CONTRAST, PHONE, SCREEN, opened, require_no_wider
from exported import saved
from networks import tiny_network


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audit")
    data = tiny.camvid_segnet(folder / "camvid")
    model = saved(folder / "bundle", tiny_network())
    photos = folder / "photos"
    for i in range(3):
        tiny.save(photos / f"{i}.png", tiny.street(70 + i)[0])
    return streetseg.audit(model, f"camvid:{data}", out=folder / "audit", unlabeled=photos).page


@pytest.mark.parametrize("width", [PHONE, SCREEN])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_quiet_and_no_wider_than_the_window(browser: Browser, page: Path, width: int, scheme: str) -> None:
    with opened(browser, page, width, scheme) as (view, troubles):
        require_no_wider(view, width)
        images = view.locator("img")
        assert images.count() > 20
        images.evaluate_all(
            "all => Promise.all(all.map((image) => { image.loading = 'eager'; return image.decode(); }))"
        )
        assert images.evaluate_all("all => all.every((image) => image.naturalWidth > 0 && image.alt)")
        assert troubles == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable(browser: Browser, page: Path, scheme: str) -> None:
    with opened(browser, page, scheme=scheme) as (view, _):
        assert view.evaluate(CONTRAST, view.query_selector("h1")) >= 12
        for selector in (".protocol", "thead th", "figcaption", ".kicker", ".figures"):
            assert view.evaluate(CONTRAST, view.query_selector(selector)) >= 4.5, selector


def test_every_section_is_reached_by_keyboard(browser: Browser, page: Path) -> None:
    with opened(browser, page) as (view, _):
        links = view.locator("nav a")
        for number in range(links.count()):
            view.keyboard.press("Tab")
            target = links.nth(number).get_attribute("href")
            assert view.evaluate("document.activeElement.getAttribute('href')") == target
            assert view.locator(target or "").count() == 1
