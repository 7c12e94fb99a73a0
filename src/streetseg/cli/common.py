"""Functions that several commands share: the recipe, `--devices N`, and the message on how to resume a stopped run."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streetseg.cli.output import aligned, tell
from streetseg.errors import RequestError, StreetsegError
from streetseg.runtime.worker import is_launched, is_main, is_one_of_many
from streetseg.text import command_line

if TYPE_CHECKING:
    from streetseg.comparison.compare import Comparison
    from streetseg.recipe.schema import Recipe


DevicesFlag = Annotated[
    int | None,
    typer.Option(
        "--devices", metavar="N", min=1, help="processes on this machine that share the work, each with its own GPU"
    ),
]


def requested_recipe(
    data: str, recipe: str | None, overrides: Sequence[str] | None, flags: Mapping[str, object] | None = None
) -> "Recipe":
    """Return the recipe of a command that reads DATA. Raises RequestError, DataError."""
    from streetseg.recipe.load import load_recipe
    from streetseg.request import with_kind

    return load_recipe(recipe, overrides or [], flags={"data.source": with_kind(data), **(flags or {})})


def run_in_processes(devices: int | None, more: Sequence[str] = ()) -> bool:
    """Run the present command in several processes and wait until they end.

    Args:
        devices: the number of processes; None for this process alone.
        more: arguments to append to the command.

    Returns:
        True when the processes have done the work. False if this process must do it, alone or as one of several.

    Raises:
        RequestError: this process is already one of several, and their number is not `devices`.
        StreetsegError, SystemExit, KeyboardInterrupt: as `runtime.launch.launch`.
    """
    if devices is None or (devices == 1 and not is_one_of_many()):
        return False
    if is_one_of_many():
        running = os.environ.get("LOCAL_WORLD_SIZE")
        if running != str(devices):
            raise RequestError(
                f"there are {running} processes on this machine already",
                where=f"--devices {devices}",
                hint="leave it out",
            )
        return False
    from streetseg.runtime.launch import launch

    launch([*sys.argv[1:], *more], devices)
    return True


def ranking(comparison: "Comparison") -> list[str]:
    """Return a table of the encoders of a comparison, the best first, as lines for a terminal.

    Means over folds have a table of their own below, so that neither is wider than 80 characters.
    """
    from streetseg.comparison.groups import INITIAL_WEIGHTS
    from streetseg.comparison.verdict import bracket

    head = ("encoder", "mean IoU, %", "latency", "parameters", "initial weights")
    folds = comparison.groups[0].folds
    rows, over_folds = [head], [("encoder", f"mean of {folds} folds, %")]
    for group in comparison.groups:
        run = group.first
        score = f"{100 * group.mean_iou:.1f} {bracket(*group.intervals.overall['mean_iou'])}"
        latency, parameters = f"{run.cost['latency_ms']['p50']:.1f} ms", f"{run.cost['parameters'] / 1e6:.2f} M"
        kind = run.initial_weights["kind"]
        rows.append((run.encoder, score, latency, parameters, INITIAL_WEIGHTS.get(kind, kind)))
        mean, deviation = group.fold_mean, group.fold_deviation
        if mean is not None and deviation is not None:
            over_folds.append((run.encoder, f"{100 * mean:.1f} ± {100 * deviation:.1f}"))
    table = aligned(rows, right=(2, 3))
    return table if folds is None else [*table, "", *aligned(over_folds)]


@contextmanager
def resumable(folder: Path) -> Iterator[None]:
    """If the block stops early and leaves a run in `folder`, print the command that resumes it."""
    try:
        yield
    except BaseException as stop:
        invalid_request = isinstance(stop, StreetsegError) and stop.exit_code == 2
        prints = is_main() and not is_launched()
        if prints and not invalid_request and folder.is_dir() and any(folder.iterdir()):
            args = [arg for arg in sys.argv[1:] if arg != "--resume"]
            program = "torchrun … -m streetseg" if is_one_of_many() else "streetseg"
            tell(f"stopped; to go on: {program} {command_line([*args, '--resume'])}", whole=True)
        raise
