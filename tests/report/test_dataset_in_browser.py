"""The page of `check` in a real browser: no requests or errors, readable on a phone and in the dark, safe from HTML."""

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser

import corpus
import tiny
from browsing import CONTRAST, PHONE, SCREEN, opened, require_no_wider
from streetseg.data.check.check import examine
from streetseg.data.open import open_source
from streetseg.recipe.schema import Data
from streetseg.report.dataset import write_data_report

EVIL = '"><img src=x onerror=alert(1)>'


def written(data: str, path: Path) -> Path:
    source = open_source(Data(source=data))
    write_data_report(examine(source, list(source.splits)), source, path, trained_on="train")
    return path


@pytest.fixture(scope="module", params=["good", "bad"])
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the page of a data set with warnings only, or of one with damaged files."""
    folder = tmp_path_factory.mktemp(request.param)
    make = {"good": corpus.copies_across_splits, "bad": corpus.damaged_files}[request.param]
    return written(make(folder / "data").data, folder / "page.html")


@pytest.mark.parametrize("width", [PHONE, SCREEN])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_quiet_and_no_wider_than_the_window(browser: Browser, page: Path, width: int, scheme: str) -> None:
    with opened(browser, page, width, scheme) as (view, troubles):
        require_no_wider(view, width)
        assert view.locator("img").count() > 11
        assert view.locator("img").evaluate_all("all => all.every((image) => image.naturalWidth > 0 && image.alt)")
        assert view.locator("svg.chart:visible").count() >= 1
        assert troubles == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable(browser: Browser, page: Path, scheme: str) -> None:
    with opened(browser, page, scheme=scheme) as (view, _):
        assert view.evaluate(CONTRAST, view.query_selector("h1")) >= 12
        for selector in (".note", ".protocol", "thead th", "figcaption", ".chart text.quiet", ".kicker"):
            assert view.evaluate(CONTRAST, view.query_selector(selector)) >= 4.5, selector


def test_small_print_is_not_too_small_on_a_phone(browser: Browser, page: Path) -> None:
    with opened(browser, page, PHONE) as (view, _):
        heights = view.locator("svg.chart text:visible").evaluate_all(
            "all => all.map((text) => parseFloat(getComputedStyle(text).fontSize) "
            "* Math.hypot(text.getScreenCTM().a, text.getScreenCTM().b))"
        )
        assert min(heights) >= 8.5


@pytest.mark.bad_input(38, "escaped in the page of `check`, which has a Content-Security-Policy")
def test_evil_names_do_nothing(browser: Browser, tmp_path: Path) -> None:
    evil = EVIL.replace("/", "")
    for k in range(4):
        image, label = tiny.street(k)
        tiny.save(tmp_path / "images" / f"{evil}{k}.png", image)
        tiny.save(tmp_path / "masks" / f"{evil}{k}.png", (label % 3).astype(np.uint8) if k else label[:9])
    (tmp_path / "images" / f"{evil}.txt").write_text("x")
    (tmp_path / "data.yaml").write_text(
        "images: images/*.png\nmasks: masks/*.png\nsplits: {train: 0.5, val: 0.5}\n"
        f"classes: ['{EVIL}', '<script>alert(2)</script>', '</style><svg onload=alert(3)>']\n"
    )
    path = written(f"folder:{tmp_path / 'data.yaml'}", tmp_path / "page.html")
    for width in (PHONE, SCREEN):
        with opened(browser, path, width) as (view, troubles):
            assert view.locator("img[src=x]").count() == 0
            assert view.evaluate("document.documentElement.scrollWidth") <= width
            assert EVIL in view.locator("#classes").inner_text()
            assert evil in view.locator("#findings").inner_text()
            assert "default-src 'none'" in view.locator("meta[http-equiv]").get_attribute("content")
            assert troubles == []


def test_the_real_camvid_fits_on_a_phone(browser: Browser, shared: Path, tmp_path: Path) -> None:
    path = written(f"camvid:{shared / 'data' / 'camvid'}", tmp_path / "page.html")
    assert path.stat().st_size < 4_000_000
    with opened(browser, path, PHONE) as (view, troubles):
        assert view.evaluate("document.documentElement.scrollWidth") <= PHONE
        assert view.locator("#examples article").count() == 11
        assert view.locator("#examples img").count() == 44
        assert "26 of 101 images of val" in view.locator(".lede").inner_text()
        assert troubles == []
