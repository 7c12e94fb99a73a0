"""A process that torchrun started: its role, read from the environment without torch, and its error report.

torchrun gives each process the name of an error file. If a process fails, torchrun shows the content of the file of the
first one that failed. The launcher of `--devices N` (runtime.launch) reads the whole report from it.
"""

import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from streetseg.errors import LostPeerError, RequestError, StreetsegError, TrainingError

LAUNCHED = "STREETSEG_LAUNCHED"  # variable that runtime.launch sets for its processes: its own sys.argv, as JSON
ERROR_FILE = "TORCHELASTIC_ERROR_FILE"


def is_one_of_many() -> bool:
    """Return whether this process is one of several in a run."""
    return os.environ.get("WORLD_SIZE", "1") != "1"


def is_main() -> bool:
    """Return whether this process writes all files and prints all messages."""
    return not is_one_of_many() or os.environ.get("RANK") == "0"


def is_launched() -> bool:
    """Return whether `--devices N` started this process; the launcher then prints its error and how to resume."""
    return LAUNCHED in os.environ


def typed_command() -> list[str]:
    """Return the command that a person typed, as a list of arguments, the program first."""
    argv: list[str] = json.loads(os.environ[LAUNCHED]) if is_launched() else sys.argv
    return argv


@dataclass(frozen=True)
class Report:
    """The report of an error, as the error file holds it.

    Args:
        problem, where, hint, exit_code: fields of the error.
        consequence: another process failed first.
        time: time of the error in seconds since 1970.
    """

    problem: str
    where: tuple[str, ...]
    hint: str | None
    exit_code: int
    consequence: bool
    time: float

    @classmethod
    def of(cls, error: StreetsegError) -> "Report":
        """Return the report of an error that happens now."""
        lost = isinstance(error, LostPeerError)
        return cls(error.problem, error.where, error.hint, error.exit_code, lost, time.time())

    def error(self) -> StreetsegError:
        """Return the error that the report describes."""
        kind = RequestError if self.exit_code == RequestError.exit_code else TrainingError
        return kind(self.problem, where=self.where, hint=self.hint)


def write_error_report(error: StreetsegError) -> None:
    """Write the report of an error to the error file of torchrun; do nothing if torchrun did not start this process."""
    path = os.environ.get(ERROR_FILE)
    if path is None:
        return
    report = Report.of(error)
    text = "\n".join(("error: " + error.lines()[0], *error.lines()[1:]))
    shown = {"message": text, "extraInfo": {"py_callstack": text, "timestamp": str(int(report.time))}}
    Path(path).write_text(json.dumps({"message": shown, "streetseg": asdict(report)}), encoding="utf-8")


def read_error_report(error_file: dict[str, Any]) -> Report | None:
    """Return the report in the content of an error file; None if the process wrote none."""
    report = error_file.get("streetseg")
    return Report(**report | {"where": tuple(report["where"])}) if report else None
