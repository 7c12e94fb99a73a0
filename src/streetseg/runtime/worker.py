"""A process that torchrun started: what it knows of that without torch, and how it leaves word of its failure.

torchrun names a file to each process; what is in it when the process fails, torchrun shows at its own end, for the
first process that failed. `streetseg --devices N` (runtime.launch) reads more of it.
"""

import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from streetseg.errors import LostPeerError, RequestError, StreetsegError, TrainingError

LAUNCHED = "STREETSEG_LAUNCHED"  # set by runtime.launch for the processes it starts: its own sys.argv
ERROR_FILE = "TORCHELASTIC_ERROR_FILE"


def is_one_of_many() -> bool:
    """Whether this process is one of several that work together."""
    return os.environ.get("WORLD_SIZE", "1") != "1"


def is_main() -> bool:
    """Whether this process speaks for all."""
    return not is_one_of_many() or os.environ.get("RANK") == "0"


def is_launched() -> bool:
    """Whether `streetseg --devices N` started this process, and so prints its error and the command to go on with."""
    return LAUNCHED in os.environ


def typed_command() -> list[str]:
    """The words of the command that a person typed, the program first."""
    words: list[str] = json.loads(os.environ[LAUNCHED]) if is_launched() else sys.argv
    return words


@dataclass(frozen=True)
class Report:
    """A failure in a file.

    Args:
        problem, where, hint, exit_code: of the error.
        consequence: another process failed first.
        time: when, in seconds since 1970.
    """

    problem: str
    where: tuple[str, ...]
    hint: str | None
    exit_code: int
    consequence: bool
    time: float

    @classmethod
    def of(cls, error: StreetsegError) -> "Report":
        """What is to be known of an error that happens now."""
        lost = isinstance(error, LostPeerError)
        return cls(error.problem, error.where, error.hint, error.exit_code, lost, time.time())

    def error(self) -> StreetsegError:
        """The error again."""
        kind = RequestError if self.exit_code == RequestError.exit_code else TrainingError
        return kind(self.problem, where=self.where, hint=self.hint)


def leave_report(error: StreetsegError) -> None:
    """Write the error where torchrun looks for it; nothing where no torchrun is."""
    path = os.environ.get(ERROR_FILE)
    if path is None:
        return
    report = Report.of(error)
    text = "\n".join(("error: " + error.lines()[0], *error.lines()[1:]))
    shown = {"message": text, "extraInfo": {"py_callstack": text, "timestamp": str(int(report.time))}}
    Path(path).write_text(json.dumps({"message": shown, "streetseg": asdict(report)}), encoding="utf-8")


def read_report(error_file: dict[str, Any]) -> Report | None:
    """The report in what torchrun read of an error file; None where the process wrote none."""
    found = error_file.get("streetseg")
    return Report(**found | {"where": tuple(found["where"])}) if found else None
