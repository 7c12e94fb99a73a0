"""Measure what changes of a recipe do, each against the same base, on streets that the networks have not seen.

    python tools/ablate.py PLAN --out DIR --data DATA [--weights [NAME=]WEIGHTS]... [--only NAME]... [--page FILE.md]
    python tools/ablate.py PLAN --out DIR --table [--page FILE.md]             # of what is finished

A plan is a YAML file, such as those in benchmarks/plans:

    encoder: mobilenetv2_100
    folds: 3       # a fold holds whole videos: as many folds as videos leave one video out
    seeds: 1
    base: {recipe: camvid, train.epochs: 20}
    changes:       # name -> fields on top of the base
      whole images: {augment.early_crop: none}
      lovasz: {loss.region: lovasz}
      from the scenes: {weights: scenes}     # begins from what --weights scenes=RUN names

The base and each change are a study in DIR. Finished runs are kept and begun ones go on, so that a plan can be
interrupted, and extended by changes and seeds later. `--page` writes the tables of all finished
changes between two markers of a Markdown file, `<!-- ablation PLAN: begin -->` and `end`, and names those left out.

Each network is validated once, after its last epoch (`train.validate_every` is the number of epochs), so that no score
selects an epoch. The difference of a change to the base is that of the mean IoU on all held-out images together, by a
paired bootstrap over clips of video; p-values are corrected for all changes of the table (Holm).
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import yaml
from between_markers import write_lines
from recipe_changes import changes

from streetseg.comparison.groups import Group, group_runs
from streetseg.errors import RequestError, did_you_mean
from streetseg.evaluation.files import per_video
from streetseg.grid import run_study
from streetseg.metrics.difference import Difference, compare, holm
from streetseg.recipe.load import load_recipe
from streetseg.recipe.schema import Recipe
from streetseg.report.words import points, signed, span
from streetseg.runs.finished import is_finished, read_run

BASE = "base"
WORDS = {"A is better": "better", "B is better": "worse", "not distinguishable": "none that is distinguishable"}


@dataclass(frozen=True)
class Plan:
    """What is trained. The fields are those of a plan's YAML file."""

    base: Mapping[str, Any]
    changes: Mapping[str, Mapping[str, Any]]
    encoder: str = "mobilenetv2_100"
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
        """Return the fields of the base and of the change `name` on top of them, also "recipe" and "weights"."""
        return {**self.base, **({} if name == BASE else self.changes[name])}


@dataclass(frozen=True)
class Row:
    """A line of the table: a change, its finished runs, and its difference to the base (None for the base)."""

    name: str
    fields: Mapping[str, Any]
    group: Group
    seconds: float
    difference: Difference | None = None


def main(argv: Sequence[str] | None = None) -> None:
    """Train what is missing, print the tables, and write them to the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("plan", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    trained = parser.add_mutually_exclusive_group(required=True)
    trained.add_argument("--data", help="what the networks are trained on and scored on, such as camvid:DIR")
    trained.add_argument("--table", action="store_true", help="train nothing")
    parser.add_argument(
        "--weights",
        action="append",
        default=[],
        metavar="[NAME=]WEIGHTS",
        help="initial weights, as for streetseg train: of all runs, or of those whose plan says weights: NAME",
    )
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="train this change, not all")
    parser.add_argument("--page", type=Path, help="Markdown file with the markers of the plan")
    args = parser.parse_args(argv)
    plan = Plan.read(args.plan)
    for name in args.only:
        if name not in plan.changes:
            raise RequestError(f"the plan has no change {name}", where=args.plan, hint=did_you_mean(name, plan.changes))
    if args.data:
        weights = named_weights(args.weights)
        for name in (BASE, *(args.only or plan.changes)):
            out = args.out / folder_name(name)
            starts = {plan.encoder: weights_of(plan, name, weights)}
            run_study(recipe_of(plan, name, args.data), starts, plan.seeds, out, folds=plan.folds, resume=out.exists())
    found, left_out = rows(plan, args.out)
    lines = tables(plan, found, left_out)
    print("\n".join(lines))
    if args.page:
        write_lines(args.page, markers(args.plan), lines)


def markers(plan: Path) -> str:
    """Return the name of the two markers of a plan's tables: a page may have those of several plans."""
    return f"ablation {plan.stem}"


def named_weights(given: Sequence[str]) -> dict[str, str]:
    """Return name -> initial weights; those without a name are those of all runs that name none."""
    parts = [text.partition("=") for text in given]
    return {"": "auto"} | {name if mark else "": weights if mark else name for name, mark, weights in parts}


def weights_of(plan: Plan, name: str, weights: Mapping[str, str]) -> str:
    """Return the initial weights of a change. Raise RequestError if the command line has not named them."""
    named = str(plan.fields(name).get("weights", ""))
    if named not in weights:
        raise RequestError(f"no weights are called {named}", where=name, hint=f"name them when you train: {named}=FILE")
    return weights[named]


def recipe_of(plan: Plan, name: str, data: str) -> Recipe:
    """Return the recipe of a change, which is validated after its last epoch only."""
    fields = {"data.source": data, **plan.fields(name)}
    fields.pop("weights", None)
    recipe = load_recipe(fields.pop("recipe", None), flags=fields)
    never_before = recipe.train.steps or recipe.train.epochs  # an epoch has a step at least
    return recipe.model_copy(update={"train": recipe.train.model_copy(update={"validate_every": never_before})})


def rows(plan: Plan, out: Path) -> tuple[list[Row], dict[str, str]]:
    """Return the base and each change whose runs are all there, and change -> why it is left out.

    Raises:
        RequestError: the base is left out.
    """
    read = {name: read_row(plan, name, out / folder_name(name)) for name in (BASE, *plan.changes)}
    left_out = {name: row for name, row in read.items() if isinstance(row, str)}
    if BASE in left_out:
        raise RequestError(f"there is no base: {left_out[BASE]}", where=out / BASE, hint="train it first")
    base, *changed = [row for row in read.values() if isinstance(row, Row)]
    differences = holm([compare(row.group.scored, base.group.scored, family=len(changed)) for row in changed])
    return [base, *(replace(row, difference=d) for row, d in zip(changed, differences, strict=True))], left_out


def read_row(plan: Plan, name: str, out: Path) -> Row | str:
    """Return a row without its difference, or why its runs cannot be used."""
    folders = [folder for folder in sorted((out / "runs").glob("*")) if is_finished(folder)]
    expected = plan.seeds * (plan.folds or 1)
    if len(folders) < expected:
        return f"{len(folders)} of {expected} runs are finished"
    runs = [read_run(folder) for folder in folders]
    for run in runs:
        if other := changes(run.recipe, recipe_of(plan, name, run.recipe.data.source)):
            return f"its runs have another {', '.join(other)} than the plan"
    (group,) = group_runs(runs)
    return Row(name, plan.fields(name), group, sum(map(seconds_of, folders)))


def seconds_of(run: Path) -> float:
    """Return the time of all epochs of a run, training and validation."""
    events = map(json.loads, (run / "journal.jsonl").read_text(encoding="utf-8").splitlines())
    return sum(float(event["seconds"]) for event in events if event["event"] == "epoch")


def tables(plan: Plan, found: Sequence[Row], left_out: Mapping[str, str]) -> list[str]:
    """Return all tables as lines of Markdown: the changes, then each held-out video and each class by itself."""
    lines = [*table(plan, found)]
    classes = found[0].group.first.classes
    lines += [
        "",
        *parts_table("IoU of each class", classes, [row.group.scores.per_class["iou"] for row in found], found),
    ]
    videos = [of_videos(row.group) for row in found]
    if videos[0]:
        of_rows = [list(of_row.values()) for of_row in videos]
        lines += ["", *parts_table("Mean IoU of each held-out video", list(videos[0]), of_rows, found)]
    if left_out:
        lines += ["", "Left out: " + "; ".join(f"{name} ({why})" for name, why in left_out.items()) + "."]
    return lines


def table(plan: Plan, found: Sequence[Row]) -> list[str]:
    """Return the table of changes, with its protocol above it."""
    base = found[0]
    seeds = f"{plan.seeds} seed{'s' if plan.seeds > 1 else ''}"
    folds = f"{plan.folds} folds of whole videos" if plan.folds else "the given split"
    lines = [
        f"{plan.encoder}, {base.group.first.initial_weights['text']}; {folds}, {seeds}; {len(base.group.counts.names)} "
        f"held-out images. The base is {in_words(base.fields)}. Each network is scored after its last epoch. Mean IoU "
        "in %, over all held-out images [95 % interval over clips], and over the runs (mean ± standard deviation). "
        "Time: of all epochs, relative to the base.",
        "",
        "| change | mean IoU, last epoch | mean IoU of the runs | points to the base | effect | time |",
        "|---|---|---|---|---|---|",
    ]
    for row in found:
        group = row.group
        overall = span(*group.intervals.overall["mean_iou"])
        runs = f"{points(group.fold_mean)} ± {points(group.fold_deviation)}" if group.folds else "–"
        difference = row.difference
        to_base = "–" if difference is None else f"{signed(difference.value)} {interval(difference)}"
        changed = f"{row.name}: {in_words(plan.changes[row.name])}" if difference else row.name
        lines.append(
            f"| {changed} | {points(group.mean_iou)} [{overall}] | {runs} | {to_base} "
            f"| {WORDS[difference.verdict] if difference else '–'} | {row.seconds / base.seconds:.2f} |"
        )
    return lines


def parts_table(title: str, parts: Sequence[str], values: Sequence[Sequence[float]], found: Sequence[Row]) -> list[str]:
    """Return a table with a column for each part: the score of the base, and the points of each change to it.

    Args:
        values: for each row the scores of the parts, 0..1.
    """
    base, *changed = values
    return [
        f"{title}, last epoch: that of the base in %, and the points of each change to it.",
        "",
        f"| change | {' | '.join(parts)} |",
        "|---" * (len(parts) + 1) + "|",
        f"| {BASE} | {' | '.join(map(points, base))} |",
        *(
            f"| {row.name} | {' | '.join(signed(one - of_base) for one, of_base in zip(of_row, base, strict=True))} |"
            for row, of_row in zip(found[1:], changed, strict=True)
        ),
    ]


def of_videos(group: Group) -> dict[str, float]:
    """Return the mean IoU of each video whose images are known, 0..1, the mean over the seeds."""
    seeds = [per_video(counts) for counts in group.scored]
    return {video: fmean(seed[video]["iou"] or 0.0 for seed in seeds) for video in seeds[0]}


def interval(difference: Difference) -> str:
    """Return "[−0.3, +1.2]" in points."""
    return f"[{signed(difference.low)}, {signed(difference.high)}]"


def in_words(fields: Mapping[str, Any]) -> str:
    """Return "recipe camvid, `train.epochs=60`"."""
    plain = ("recipe", "weights")
    return ", ".join(f"{name} {value}" if name in plain else f"`{name}={value}`" for name, value in fields.items())


def folder_name(name: str) -> str:
    """Return the name of a change as that of a folder."""
    return "".join(letter if letter.isalnum() else "-" for letter in name)


if __name__ == "__main__":
    main()
