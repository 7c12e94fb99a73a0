"""What several commands share: their recipe, `--devices N`, and the command that goes on from where one stopped."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streetseg.cli.output import tell
from streetseg.errors import RequestError, StreetsegError
from streetseg.runtime.worker import is_launched, is_main, is_one_of_many
from streetseg.text import command_line

if TYPE_CHECKING:
    from streetseg.recipe.schema import Recipe


DevicesFlag = Annotated[
    int | None,
    typer.Option(
        "--devices", metavar="N", min=1, help="processes on this machine that share the work, each on a GPU of its own"
    ),
]


def requested_recipe(
    data: str, recipe: str | None, overrides: Sequence[str] | None, flags: Mapping[str, object] | None = None
) -> "Recipe":
    """The recipe of a command that reads DATA. Raises RequestError, DataError."""
    from streetseg.recipe.load import load_recipe
    from streetseg.request import with_kind

    return load_recipe(recipe, overrides or [], flags={"data.source": with_kind(data), **(flags or {})})


def done_by_many(devices: int | None, more: Sequence[str] = ()) -> bool:
    """Run this very command in so many processes, with `more` words at its end, and wait for them.

    Returns:
        True when they have done the work; False where this process is to do it, as the only one or as one of them.

    Raises:
        RequestError: this process is one of several already, and of another number.
        StreetsegError, SystemExit, KeyboardInterrupt: as runtime.launch.
    """
    if devices is None or (devices == 1 and not is_one_of_many()):
        return False
    if is_one_of_many():
        here = os.environ.get("LOCAL_WORLD_SIZE")
        if here != str(devices):
            raise RequestError(
                f"there are {here} processes on this machine already", where=f"--devices {devices}", hint="leave it out"
            )
        return False
    from streetseg.runtime.launch import launch

    launch([*sys.argv[1:], *more], devices)
    return True


@contextmanager
def resumable(folder: Path) -> Iterator[None]:
    """On any stop that leaves a run in `folder`, say the command that goes on from there."""
    try:
        yield
    except BaseException as stop:
        refused = isinstance(stop, StreetsegError) and stop.exit_code == 2
        heard = is_main() and not is_launched()
        if heard and not refused and folder.is_dir() and any(folder.iterdir()):
            words = [word for word in sys.argv[1:] if word != "--resume"]
            program = "torchrun … -m streetseg" if is_one_of_many() else "streetseg"
            tell(f"stopped; to go on: {program} {command_line([*words, '--resume'])}")
        raise
