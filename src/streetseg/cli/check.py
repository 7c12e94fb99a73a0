"""The command `streetseg check`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streetseg.cli.common import requested_recipe
from streetseg.cli.options import DataArgument, JsonFlag, LimitFlag, Overrides, RecipeFlag
from streetseg.cli.output import counted_bar, print_result, say
from streetseg.errors import first
from streetseg.text import command_line, counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streetseg.cli import outputs
    from streetseg.data.check.findings import Findings
    from streetseg.data.check.remarks import Remark

PAIRS_SHOWN = 5  # pairs of files that the terminal shows of one remark


def check(
    data: DataArgument,
    overrides: Overrides = None,
    recipe: RecipeFlag = None,
    limit: LimitFlag = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE.html", help="write the findings as a page with images")
    ] = None,
    write_splits: Annotated[
        Path | None,
        typer.Option("--write-splits", metavar="DIR", help="write the names of the images of each split to text files"),
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Check a dataset and list everything that is wrong with it."""
    from streetseg import api
    from streetseg.data.check.check import all_problems
    from streetseg.recipe.load import CHECK_FIELDS, require_meaning

    config = requested_recipe(data, recipe, overrides, {"data.limit": limit})
    require_meaning(overrides or [], "check", CHECK_FIELDS)
    with counted_bar("images", hidden=json) as progress:
        checked = api.check(data, report=report, write_splits=write_splits, recipe=config, progress=progress)
    findings = checked.findings
    incorrect = all_problems(findings) if findings.errors else None
    if json:
        output: outputs.Check = {
            **findings.as_json(),
            "class_weights": findings.class_weights(config.data.train_split),
            "report": report,
            "lists": checked.lists,
        }
        print_result(output, incorrect)
    for line in summary(findings, config.data.train_split):
        say(line, fg="yellow" if line.startswith("warning:") else None)
    if report is not None:
        say("", f"page with images: {report}")
    if write_splits is not None:
        chosen = [f"data.splits.{split}={file}" for split, file in checked.lists.items()]
        say("", f"split lists, for any command: {command_line(chosen)}")
    if incorrect is not None:
        raise incorrect


def summary(findings: "Findings", trained_on: str) -> "Iterator[str]":
    """Yield the lines of a summary: each split, each class, then the remarks. The errors are reported separately."""
    numbers = [
        counted(number, name)
        for name, number in (
            ("error", len(findings.errors)),
            ("warning", sum(remark.care for remark in findings.remarks)),
            ("note", sum(not remark.care for remark in findings.remarks)),
        )
        if number
    ]
    verdict = ", ".join(numbers) or "nothing wrong"
    yield f"{findings.spec}: {verdict}, label space {findings.space.name}"
    yield ""
    yield from _splits(findings)
    yield ""
    yield from _classes(findings, trained_on)
    for remark in findings.remarks:
        yield ""
        yield from _remark(remark)


def _splits(findings: "Findings") -> "Iterator[str]":
    for name, split in findings.splits.items():
        sizes = {f"{height}x{width}": count for (height, width), count in split.sizes.items()}
        yield f"{name}: {counted(split.images, 'image')}"
        yield f"    sizes     {_counted(sizes)}"
        yield f"    images    {_counted(split.images_stored)}"
        yield f"    masks     {_counted(split.masks_stored)}"


def _classes(findings: "Findings", trained_on: str) -> "Iterator[str]":
    """Yield one row per class: its share of the pixels of each split, and its weight for each `loss.class_weights`."""
    title = "share of pixels, %"
    splits = list(findings.splits.values())
    names = max(len(name) for name in (*findings.space.names, title))
    widths = [max(8, len(name)) for name in findings.splits]
    weights = findings.class_weights(trained_on) or {}
    heads = [f"{name:>{width}}" for name, width in zip(findings.splits, widths, strict=True)]
    yield f"{title:<{names}}  " + "  ".join(heads + [f"{name:>8}" for name in weights])
    totals = [split.counts.sum() + split.ignored for split in splits]
    rows = {name: [split.counts[i] for split in splits] for i, name in enumerate(findings.space.names)}
    for name, pixels in (rows | {"ignored": [split.ignored for split in splits]}).items():
        cells = [
            f"{100 * part / total if total else 0:{width}.2f}"
            for part, total, width in zip(pixels, totals, widths, strict=True)
        ]
        cells += [f"{class_weights[name]:8.2f}" for class_weights in weights.values() if name in class_weights]
        yield f"{name:<{names}}  " + "  ".join(cells)
    if weights:
        yield f"last columns: the weights of loss.class_weights={'|'.join(weights)}"


def _remark(remark: "Remark") -> "Iterator[str]":
    """Yield the text of a remark, then all its files, or the first PAIRS_SHOWN pairs of files."""
    yield f"{'warning' if remark.care else 'note'}: {remark.text}"
    pairs = any(len(entry.places) > 1 for entry in remark.entries)
    lines = [f"{' and '.join(entry.places)} ({entry.reason})" for entry in remark.entries]
    for line in first(lines, PAIRS_SHOWN if pairs else None, "pairs, all of them with --json"):
        yield f"    {line}"


def _counted(counts: "Mapping[str, int]") -> str:
    return ", ".join(f"{name} ({count})" for name, count in counts.items())
