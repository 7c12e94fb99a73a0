"""The report in a real browser at other sizes: many encoders, few and many classes, one epoch, a phone, paper."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser

from browsing import PHONE, SCREEN, opened
from drawn_reports import drawn_report
from streetseg.recipe.schema import Recipe

DrawnReport = Callable[..., Path]
OPEN = "all => all.forEach((details) => { details.open = true; })"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> DrawnReport:
    """Return a function that writes a report; one of the same shape is written once."""
    written: dict[str, Path] = {}

    def write(**shape: object) -> Path:
        key = repr(sorted(shape.items()))
        if key not in written:
            written[key] = drawn_report(tmp_path_factory.mktemp("drawn"), **shape)  # type: ignore[arg-type]
        return written[key]

    return write


def test_the_resolved_recipe_has_one_line_for_each_value(browser: Browser, drawn: DrawnReport) -> None:
    with opened(browser, drawn()) as (page, _):
        page.locator("details").evaluate_all(OPEN)
        shown = page.locator("#method pre").last.inner_text()
        assert "\\n" not in shown
        recipe = Recipe.model_validate(yaml.safe_load(shown))
        assert recipe.model.encoder == "resnext50_32x4d"
        assert len(shown.splitlines()) > 40
