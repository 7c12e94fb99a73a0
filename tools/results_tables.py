"""Print the Markdown tables of docs/results from finished runs: python tools/results_tables.py RUN..."""

import sys
from collections.abc import Iterable
from pathlib import Path

from streetseg.comparison.compare import compare_runs
from streetseg.comparison.groups import Group
from streetseg.metrics.scores import METRICS
from streetseg.report.words import points, span

NAMES = {
    "iou": "IoU",
    "f1": "F1 = Dice",
    "accuracy": "accuracy",
    "sensitivity": "sensitivity (recall)",
    "specificity": "specificity",
    "precision": "precision",
}


def main(folders: list[str]) -> None:
    comparison = compare_runs([Path(folder) for folder in folders])
    groups = comparison.groups
    print(f"{comparison.verdict}\n")
    for note in comparison.notes:
        print(f"- {note}")
    print("\n### Means over classes\n")
    table(["", *(group.label for group in groups)], overall_rows(groups))
    print("\n### IoU per class\n")
    table(["", *(group.label for group in groups)], class_rows(groups, "iou"))
    for group in groups:
        print(f"\n### All scores of each class: {group.label}\n")
        table(["", *NAMES.values()], all_rows(group))
    print("\n### Runs\n")
    table(
        ["encoder", "initial weights", "seed", "best epoch", "minutes", "precision", "latency, ms", "parameters, M"],
        run_rows(groups),
    )


def overall_rows(groups: tuple[Group, ...]) -> list[list[str]]:
    """Return one row for each overall score, with a column for each group of runs."""
    rows = [
        [f"mean {NAMES[metric]}", *(cell(g.scores.mean[metric], g.intervals.overall[f"mean_{metric}"]) for g in groups)]
        for metric in NAMES
    ]
    whole = {"pixel_accuracy": "pixel accuracy", "frequency_weighted_iou": "frequency-weighted IoU"}
    rows += [
        [name, *(cell(getattr(g.scores, key), g.intervals.overall[key]) for g in groups)] for key, name in whole.items()
    ]
    counted = [f"{g.scores.counted['iou']} of {len(g.first.classes)}" for g in groups]
    return [*rows, ["classes counted", *counted]]


def class_rows(groups: tuple[Group, ...], metric: str) -> list[list[str]]:
    """Return one row for each class with its score in each group of runs."""
    return [
        [name, *(cell(g.scores.per_class[metric][i], tuple(g.intervals.per_class[metric][i])) for g in groups)]
        for i, name in enumerate(groups[0].first.classes)
    ]


def all_rows(group: Group) -> list[list[str]]:
    """Return one row for each class with all its scores in one group of runs."""
    values, ranges = group.scores.per_class, group.intervals.per_class
    return [
        [name, *(cell(values[metric][i], tuple(ranges[metric][i])) for metric in NAMES)]
        for i, name in enumerate(group.first.classes)
    ]


def run_rows(groups: tuple[Group, ...]) -> Iterable[list[str]]:
    """Yield one row for each run."""
    for group in groups:
        for run in group.runs:
            yield [
                run.encoder,
                run.initial_weights["text"],
                str(run.seed),
                str(run.best_epoch),
                f"{sum(run.curves['seconds']) / 60:.0f}",
                run.environment["precision"]["name"],
                f"{run.cost['latency_ms']['p50']:.0f}",
                f"{run.cost['parameters'] / 1e6:.1f}",
            ]


def cell(value: float, bounds: tuple[float, float]) -> str:
    """Return a score with its interval, if it has one."""
    interval = span(*bounds)
    return f"{points(value)} [{interval}]" if interval else points(value)


def table(head: list[str], rows: Iterable[list[str]]) -> None:
    """Print a Markdown table."""
    for row in (head, ["---"] * len(head), *rows):
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    assert set(NAMES) == set(METRICS)
    main(sys.argv[1:])
