"""What leaves the machine with the GPU: a summary, the journals and scores of all runs, bundles; and their table."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from shutil import rmtree
from statistics import fmean, stdev
from typing import Any

from gpu_plan import Pace, Run
from pieces import read_pieces, write_pieces

from streetseg.atomic import atomic_write_json, atomic_write_text
from streetseg.errors import DataError, RequestError
from streetseg.runs.finished import REQUIRED_FILES, FinishedRun, is_finished, read_run
from streetseg.runs.folder import RunFolder

RUNS = "runs"  # where training writes, in OUT
RESULTS, BUNDLES = "results", "bundles"  # what is for taking away, in OUT
SUMMARY = "summary.json"
BUNDLE_FILE = "best/weights.safetensors"


def initial_weights(folder: Path, encoder: str) -> Path | None:
    """Return the weights file of an encoder, or its bundle folder; None where there is neither."""
    files = sorted(folder.glob(f"{encoder}.*.safetensors"))
    bundle = folder / encoder
    return files[0] if files else bundle if bundle.is_dir() else None


def keep_finished(run: Run, out: Path, most: int) -> None:
    """Remove the checkpoints of a finished run; write its bundle for taking away, if it is one to keep.

    The checkpoints of all runs together would fill a disk. The bundles of the first seed on the official split are
    kept.
    """
    folder = RunFolder(out / RUNS / run.folder)
    rmtree(folder.checkpoints, ignore_errors=True)
    bundle = out / BUNDLES / run.folder
    if run.fold == 0 and run.seed == 0 and not bundle.exists():
        content = (folder.path / BUNDLE_FILE).read_bytes()
        write_pieces(bundle, "bundle", [(f"{run.folder}/{BUNDLE_FILE}", content)], most)


def write_results(out: Path, runs: Sequence[Run], summary: Mapping[str, Any], most: int) -> None:
    """Replace OUT/results by the summary, and the journals and scores of all runs as far as they are written."""
    text = json.dumps(summary, indent=1).encode()
    write_pieces(out / RESULTS, "results", [(SUMMARY, text), *members(runs, out)], most)


def members(runs: Sequence[Run], out: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the files of each run but its weights, as far as it has written them."""
    for run in runs:
        for name in REQUIRED_FILES:
            path = out / RUNS / run.folder / name
            if path.is_file():
                yield f"{run.folder}/{name}", path.read_bytes()


def summarize(
    runs: Sequence[Run], out: Path, weights: Path, paces: Mapping[str, Pace], failed: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return for each experiment the mean IoU of its finished runs after the last epoch, in percent, and the speed.

    Args:
        runs: the plan.
        out: the folder OUT.
        weights: the folder with the initial weights.
        paces: encoder -> its pace.
        failed: folder of a run -> why it failed.
    """
    rows = []
    for experiment in {run.experiment.name: run.experiment for run in runs}.values():
        of_experiment = [run for run in runs if run.experiment.name == experiment.name]
        folders = {run.folder: out / RUNS / run.folder for run in of_experiment}
        finished = {name: read_run(folder) for name, folder in folders.items() if is_finished(folder)}
        scores = {name: mean_iou(run) for name, run in finished.items()}
        speeds = [speed for run in finished.values() for speed in run.curves["images_per_second"]]
        found, pace = initial_weights(weights, experiment.encoder), paces[experiment.encoder]
        rows.append(
            {
                "name": experiment.name,
                "encoder": experiment.encoder,
                "initial weights": str(
                    experiment.fields.get("model.weights")
                    or (found.name if found else "RANDOM: no weights were packed")
                ),
                "recipe": experiment.recipe,
                "fields": dict(experiment.fields),
                "epochs": of_experiment[0].epochs,
                "mean": round(fmean(scores.values()), 2) if scores else None,
                "deviation": round(stdev(scores.values()), 2) if len(scores) > 1 else None,
                "steps per second": round(fmean(speeds) / pace.batch, 2) if speeds else None,
                "waiting for data": round(pace.waiting, 4),
                "runs": {name: round(score, 2) for name, score in scores.items()},
                "not finished": [name for name in folders if name not in finished],
                "failed": {name: failed[name] for name in folders if name in failed},
            }
        )
    return rows


def mean_iou(run: FinishedRun) -> float:
    """Return the mean IoU of a run after its last epoch, in percent."""
    return 100 * float(run.scores["mean"]["iou"])


def join(out: Path, folder: Path) -> str:
    """Unpack what left the machine into run folders, write table.md and summary.json beside them; return the table.

    Raises:
        RequestError: a piece of the results is missing.
        DataError: a file is damaged.
    """
    read_pieces(out / RESULTS, "results", folder)
    summary = json.loads((folder / SUMMARY).read_text("utf-8"))
    lines = [table(summary)]
    for bundle in sorted((out / BUNDLES).glob("[!.]*")):
        try:
            read_pieces(bundle, "bundle", folder)
        except (RequestError, DataError) as error:
            lines.append(f"No bundle of {bundle.name}: {error.problem}.")
    text = "\n\n".join(lines) + "\n"
    atomic_write_json(folder / SUMMARY, summary)
    atomic_write_text(folder / "table.md", text)
    return text


def table(summary: Mapping[str, Any]) -> str:
    """Return the summary as a table in Markdown, under a line with the card, versions and runs at once."""
    head = (
        f"On {summary['device']}, torch {summary['torch']}, workers: {summary['workers']}, "
        f"{summary['seconds']} s. Mean IoU in percent after the last epoch, mean ± standard deviation over the runs."
    )
    columns = (
        "experiment", "recipe", "initial weights", "epochs", "finished runs", "mean IoU", "steps a second, each run",
        "step waits for data",
    )  # fmt: skip
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    for row in summary["experiments"]:
        finished, planned = len(row["runs"]), len(row["runs"]) + len(row["not finished"])
        mean = "not measured" if row["mean"] is None else f"{row['mean']:.1f}"
        cells = (
            row["name"], row["recipe"], row["initial weights"], row["epochs"], f"{finished} of {planned}",
            mean if row["deviation"] is None else f"{mean} ± {row['deviation']:.1f}",
            "not measured" if row["steps per second"] is None else row["steps per second"],
            f"{100 * row['waiting for data']:.1f} %",
        )  # fmt: skip
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join([head, "", *lines])
