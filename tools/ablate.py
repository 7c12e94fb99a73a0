"""Measure what changes of a recipe do, each against the same base, on streets that the networks have not seen.

    python tools/ablate.py PLAN.yaml --out DIR [--only NAME]... [--page FILE.md]

A plan is a YAML file:

    data: camvid:/data/camvid
    encoder: mobilenetv2_100
    weights: auto
    folds: 3       # a fold holds whole videos: as many folds as videos leave one video out
    seeds: 1
    base: {recipe: camvid, train.epochs: 20}
    changes:       # name -> fields on top of the base
      whole images: {augment.early_crop: none}
      lovasz: {loss.region: lovasz}

The base and each change are a study in DIR. Finished runs are kept and begun ones go on, so that a plan can be
interrupted, and extended by changes and seeds later. `--page` writes the table of all finished
changes between the two markers of a Markdown file.

The difference of a change to the base is that of the mean IoU on all held-out images together, by a paired bootstrap
over clips of video; p-values are corrected for all changes of the table (Holm). The epoch of each run is chosen on its
held-out fold, for base and changes alike.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from streetseg.atomic import atomic_write_text
from streetseg.comparison.groups import Group, group_runs
from streetseg.errors import RequestError, did_you_mean
from streetseg.grid import run_study
from streetseg.metrics.difference import Difference, compare, holm
from streetseg.recipe.load import load_recipe
from streetseg.report.words import points, span
from streetseg.runs.finished import is_finished, read_run

BASE = "base"
BEGIN, END = "<!-- ablation: begin -->", "<!-- ablation: end -->"
WORDS = {"A is better": "better", "B is better": "worse", "not distinguishable": "none that is distinguishable"}


@dataclass(frozen=True)
class Plan:
    """What is trained. The fields are those of a plan's YAML file."""

    data: str
    base: Mapping[str, Any]
    changes: Mapping[str, Mapping[str, Any]]
    encoder: str = "mobilenetv2_100"
    weights: str = "auto"
    folds: int | None = None
    seeds: int = 1

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """Read a plan. Raise RequestError if a field is missing, unknown, or a change is called like the base."""
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        try:
            plan = cls(**content)
        except TypeError as error:
            raise RequestError(f"not a plan ({error})", where=path, hint="see the head of tools/ablate.py") from None
        if BASE in plan.changes:
            raise RequestError(f"no change can be called {BASE}", where=path)
        return plan

    def fields(self, name: str) -> dict[str, Any]:
        """Return the fields of the base (with its recipe as "recipe") and of the change `name` on top of them."""
        return {**self.base, **({} if name == BASE else self.changes[name])}


@dataclass(frozen=True)
class Row:
    """A line of the table: a change, its finished runs, and its difference to the base (None for the base)."""

    name: str
    fields: Mapping[str, Any]
    group: Group
    seconds: float
    difference: Difference | None = field(default=None)


def main(argv: Sequence[str] | None = None) -> None:
    """Train what is missing, print the table, and write it to the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("plan", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="train this change, not all")
    parser.add_argument("--page", type=Path, help="Markdown file with the two markers")
    parser.add_argument("--table", action="store_true", help="train nothing")
    args = parser.parse_args(argv)
    plan = Plan.read(args.plan)
    for name in args.only:
        if name not in plan.changes:
            raise RequestError(f"the plan has no change {name}", where=args.plan, hint=did_you_mean(name, plan.changes))
    if not args.table:
        for name in (BASE, *(args.only or plan.changes)):
            train(plan, name, args.out / folder_name(name))
    lines = table(plan, rows(plan, args.out))
    print("\n".join(lines))
    if args.page:
        write_between_markers(args.page, lines)


def train(plan: Plan, name: str, out: Path) -> None:
    """Train the runs of a change that are not finished."""
    fields = {"data.source": plan.data, **plan.fields(name)}
    recipe = load_recipe(fields.pop("recipe", None), flags=fields)
    run_study(recipe, {plan.encoder: plan.weights}, plan.seeds, out, folds=plan.folds, resume=out.exists())


def rows(plan: Plan, out: Path) -> list[Row]:
    """Return the base and each change whose runs are all finished. Raise RequestError if the base is not finished."""
    found = [row for name in (BASE, *plan.changes) if (row := finished_row(plan, name, out / folder_name(name)))]
    if not found or found[0].name != BASE:
        raise RequestError("the runs of the base are not finished", where=out / BASE, hint="leave out --table")
    base, *changed = found
    differences = holm([compare(row.group.scored, base.group.scored, family=len(changed)) for row in changed])
    return [base, *(Row(r.name, r.fields, r.group, r.seconds, d) for r, d in zip(changed, differences, strict=True))]


def finished_row(plan: Plan, name: str, out: Path) -> Row | None:
    """Return a row without its difference; None if runs of it are missing."""
    folders = sorted((out / "runs").glob("*"))
    finished = [folder for folder in folders if is_finished(folder)]
    if len(finished) < plan.seeds * (plan.folds or 1):
        return None
    (group,) = group_runs([read_run(folder) for folder in finished])
    return Row(name, plan.fields(name), group, sum(map(seconds_of, finished)))


def seconds_of(run: Path) -> float:
    """Return the time of all epochs of a run, training and validation."""
    events = map(json.loads, (run / "journal.jsonl").read_text(encoding="utf-8").splitlines())
    return sum(float(event["seconds"]) for event in events if event["event"] == "epoch")


def table(plan: Plan, found: Sequence[Row]) -> list[str]:
    """Return the table as lines of Markdown, with its protocol above it."""
    base = found[0]
    seeds = f"{plan.seeds} seed{'s' if plan.seeds > 1 else ''}"
    folds = f"{plan.folds} folds of whole videos" if plan.folds else "the given split"
    lines = [
        f"{plan.encoder}, {base.group.first.initial_weights['text']}; {folds}, {seeds}; {len(base.group.counts.names)} "
        f"held-out images. The base is {in_words(base.fields)}. Mean IoU in %, over all held-out images [95 % interval "
        "over clips], and over the runs (mean ± standard deviation). Time: of all epochs, relative to the base.",
        "",
        "| change | mean IoU | mean IoU of the runs | points to the base | effect | time |",
        "|---|---|---|---|---|---|",
    ]
    for row in found:
        group = row.group
        overall = span(*group.intervals.overall["mean_iou"])
        runs = f"{points(group.fold_mean)} ± {points(group.fold_deviation)}" if group.folds else "–"
        difference = row.difference
        to_base = "–" if difference is None else f"{100 * difference.value:+.1f} {interval(difference)}"
        changed = f"{row.name}: {in_words(plan.changes[row.name])}" if difference else row.name
        lines.append(
            f"| {changed} | {points(group.mean_iou)} [{overall}] | {runs} | {to_base} "
            f"| {WORDS[difference.verdict] if difference else '–'} | {row.seconds / base.seconds:.2f} |"
        )
    return lines


def interval(difference: Difference) -> str:
    """Return "[-0.3, 1.2]" in points."""
    return f"[{100 * difference.low:.1f}, {100 * difference.high:.1f}]"


def in_words(fields: Mapping[str, Any]) -> str:
    """Return "recipe camvid, `train.epochs=60`"."""
    return ", ".join(f"recipe {value}" if name == "recipe" else f"`{name}={value}`" for name, value in fields.items())


def folder_name(name: str) -> str:
    """Return the name of a change as that of a folder."""
    return "".join(letter if letter.isalnum() else "-" for letter in name)


def write_between_markers(page: Path, lines: Sequence[str]) -> None:
    """Replace what stands between the two markers of a page. Raise RequestError if it has not one of each."""
    text = page.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise RequestError(f"the page needs one {BEGIN} and one {END}", where=page)
    before, _, rest = text.partition(BEGIN)
    atomic_write_text(page, "\n".join([before + BEGIN, "", *lines, "", END + rest.partition(END)[2]]))


if __name__ == "__main__":
    main()
