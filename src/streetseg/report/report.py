"""The report of a comparison: one self-contained HTML file, and its charts as SVG files."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from streetseg.atomic import atomic_write_text
from streetseg.comparison.compare import Comparison, compare_runs
from streetseg.data.source import Source
from streetseg.errors import RequestError
from streetseg.metrics.scores import PIXEL_SCORES
from streetseg.metrics.selective import SHOWN
from streetseg.report.charts.comparison import draw
from streetseg.report.charts.svg import chart_css, standalone
from streetseg.report.gallery import collect
from streetseg.report.model_card import write_model_card
from streetseg.report.page import generator_mark, page_asset, page_environment, require_own_page, source_hash
from streetseg.report.view import Page, letters, page_of
from streetseg.report.words import figure, full, points, whole
from streetseg.text import one_line

if TYPE_CHECKING:
    from streetseg.models.own import OwnModules

SCRIPTS = (
    "choice.js", "contents.js", "slider.js", "overlay.js", "viewer.js", "values.js", "save.js", "tables.js", "sort.js",
    "charts.js",
)  # fmt: skip


def write_report(
    comparison: Comparison, out: Path, *, source: Source | None = None, modules: "OwnModules | None" = None
) -> Path:
    """Write OUT/report.html and OUT/plots/*.svg.

    Args:
        comparison: of one encoder or more.
        out: made if missing; a run folder for the report of a single run.
        source: of the caller's own, in place of what the recipe of the runs names.
        modules: of the caller's own, which the networks were made with.

    Returns:
        The path of the report.

    Raises:
        RequestError: the folder cannot be written, or has a report.html that streetseg did not write.
    """
    require_own_page(out / "report.html", "study", hint="choose another folder with --out DIR")
    names = letters(len(comparison.groups))
    charts = draw(comparison, names)
    page = render(page_of(comparison, names, charts, collect(comparison, names, source, modules), out))
    try:
        (out / "plots").mkdir(parents=True, exist_ok=True)
        for name, chart in charts.by_name(_stems(comparison, names)).items():
            atomic_write_text(out / "plots" / f"{name}.svg", standalone(chart))
        atomic_write_text(out / "report.html", page)
    except OSError as error:
        raise RequestError(f"the report cannot be written ({error.strerror})", where=out) from error
    return out / "report.html"


def write_run_report(folder: Path, *, source: Source | None = None, modules: "OwnModules | None" = None) -> Path:
    """Write report.html, plots/*.svg and model_card.md of one run into its own folder. Return the report's path."""
    comparison = compare_runs([folder])
    write_model_card(comparison.groups[0], folder)
    return write_report(comparison, folder, source=source, modules=modules)


def render(page: Page) -> str:
    """Return the report as HTML."""
    environment = page_environment(
        points=points, figure=figure, full=full, whole=whole, lines=_lines, block=_block, unbroken=_unbroken
    )
    script = "\n".join(page_asset(name) for name in SCRIPTS)
    return environment.get_template("report.html.j2").render(
        pixel_scores=PIXEL_SCORES,
        shown_shares=SHOWN,
        page=page,
        generator=generator_mark("study"),
        chart_css=Markup(chart_css()),
        page_css=Markup(page_asset("report.css")),
        viewer_css=Markup(page_asset("viewer.css")),
        script=Markup(script),
        script_hash=source_hash(script),
    )


def _stems(comparison: Comparison, names: Sequence[str]) -> list[str]:
    """Return a file stem per encoder: its label, or its letter if the labels give no distinct stems."""
    stems = [re.sub(r"[^\w.-]+", "_", group.label)[:80].strip("_.") for group in comparison.groups]
    return stems if all(stems) and len(set(stems)) == len(stems) else list(names)


def _unbroken(sentence: str) -> str:
    """Return a sentence with no-break spaces inside short brackets and p-values, so that no interval is wrapped."""
    return re.sub(
        r"[\[(][^\])]{1,24}[\])]|p [=<] [\d.]+", lambda match: match[0].replace(" ", "\N{NO-BREAK SPACE}"), sentence
    )


def _block(text: str) -> Markup:
    """Return a text of several lines for a <pre> element. In each line control characters are escaped."""
    return Markup("\n").join(one_line(line) for line in text.split("\n"))


def _lines(text: str) -> Markup:
    """Return a text as HTML with its line breaks."""
    return Markup("<br>").join(text.split("\n"))
