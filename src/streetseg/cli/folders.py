"""Name the command that goes on from where one stopped."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streetseg.cli.output import tell
from streetseg.errors import StreetsegError
from streetseg.runtime.worker import is_launched, is_main, is_one_of_many
from streetseg.text import command_line


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
