"""streetseg check"""

import sys
from typing import TYPE_CHECKING

from streetseg.cli.asked import asked_recipe
from streetseg.cli.options import DataArgument, JsonFlag, Overrides, RecipeFlag
from streetseg.cli.output import print_json, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streetseg.data.check import Findings


def check(data: DataArgument, overrides: Overrides = None, recipe: RecipeFlag = None, json: JsonFlag = False) -> None:
    """Look through a dataset for everything that is wrong with it."""
    from rich.console import Console
    from rich.progress import Progress

    from streetseg.data.check import check_source
    from streetseg.data.open import open_source

    source = open_source(asked_recipe(data, recipe, overrides).data)
    total = sum(len(samples) for samples in source.splits.values())
    hidden = json or not sys.stderr.isatty()
    with Progress(console=Console(stderr=True), transient=True, disable=hidden) as progress:
        bar = progress.add_task("files", total=total)
        findings = check_source(source, list(source.splits), limit=None, on_file=lambda: progress.advance(bar))
    if json:
        print_json(findings.as_json())
    else:
        say(*summary(findings))


def summary(findings: "Findings") -> list[str]:
    """What was found, split by split: pictures, sizes, how they are stored, and each class's share of the pixels."""
    lines = [f"{findings.spec}: nothing wrong, label space {findings.space.name}"]
    for name, found in findings.splits.items():
        sizes = {f"{height}x{width}": count for (height, width), count in found.sizes.items()}
        lines += [
            f"{name}: {found.images} pictures",
            f"    sizes     {_counted(sizes)}",
            f"    pictures  {_counted(found.pictures_stored)}",
            f"    masks     {_counted(found.masks_stored)}",
        ]
    title = "share of pixels, %"
    width = max(len(name) for name in (*findings.space.names, title))
    lines.append(f"{title:<{width}}  " + "  ".join(f"{name:>8}" for name in findings.splits))
    rows = {
        name: [found.counts[id] for found in findings.splits.values()] for id, name in enumerate(findings.space.names)
    }
    rows["ignored"] = [found.ignored for found in findings.splits.values()]
    totals = [found.counts.sum() + found.ignored for found in findings.splits.values()]
    for name, pixels in rows.items():
        shares = "  ".join(f"{100 * part / total:8.2f}" for part, total in zip(pixels, totals, strict=True))
        lines.append(f"{name:<{width}}  {shares}")
    return lines


def _counted(found: "Mapping[str, int]") -> str:
    return ", ".join(f"{name} ({count})" for name, count in found.items())
