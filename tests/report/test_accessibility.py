"""axe-core finds nothing serious on any page, in light and dark, on a phone and on a screen."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser

import corpus
from browsing import PHONE, SCREEN, opened, serious
from drawn_reports import drawn_report
from measured_page import measured_page
from streetseg.data.check.check import examine
from streetseg.data.open import open_source
from streetseg.recipe.schema import Data
from streetseg.report.dataset import write_data_report


def run_report(folder: Path) -> Path:
    return drawn_report(folder, encoders=1, classes=11)


def study_report(folder: Path) -> Path:
    return drawn_report(folder, encoders=3, classes=4, seeds=2)


def dataset_page(folder: Path) -> Path:
    source = open_source(Data(source=corpus.damaged_files(folder / "data").data))
    write_data_report(examine(source, list(source.splits)), source, folder / "page.html", trained_on="train")
    return folder / "page.html"


@pytest.fixture(
    scope="module", params=[run_report, study_report, dataset_page, measured_page], ids=lambda write: write.__name__
)
def page_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a page of each kind."""
    write: Callable[[Path], Path] = request.param
    return write(tmp_path_factory.mktemp("page"))


@pytest.mark.parametrize("width", [PHONE, SCREEN])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious(browser: Browser, page_file: Path, width: int, scheme: str) -> None:
    with opened(browser, page_file, width, scheme) as (page, _):
        assert serious(page) == []
        page.locator("details").evaluate_all("all => all.forEach((details) => { details.open = true; })")
        assert serious(page) == []


def test_a_failure_would_be_found(browser: Browser, page_file: Path) -> None:
    with opened(browser, page_file) as (page, _):
        page.evaluate("document.querySelector('h1').style.color = '#ccc'")
        page.evaluate("document.querySelector('img').removeAttribute('alt')")
        assert [failure.partition(":")[0] for failure in serious(page)] == ["color-contrast", "image-alt"]
