"""--devices N: the same command in N processes."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from streetseg.errors import RequestError
from streetseg.runtime.worker import is_one_of_many

DevicesFlag = Annotated[
    int | None,
    typer.Option(
        "--devices", metavar="N", min=1, help="processes on this machine that share the work, each on a GPU of its own"
    ),
]


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
