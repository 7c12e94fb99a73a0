"""The process that drives one tracker; `tracking` starts it, sends it the events of a run, and ends it.

A library that fails, hangs, leaks memory, draws random numbers or changes settings does so here, not in the training.
The process ends with its connection, so also when the training was killed.
"""

import faulthandler
import json
import os
import signal
import sys
import traceback
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from streetseg.text import without_secrets
from streetseg.training.trackers import TELEMETRY_OFF, TRACKERS


class Tracked:
    """A tracker that goes on with the run that it began earlier, and takes no step twice.

    Args:
        name: the tracker.
        folder: what it writes to by default.
        memory: a file that holds the place, the run in it, and name of a number -> the last step of it.
    """

    def __init__(self, name: str, folder: Path, memory: Path) -> None:
        self.tracker = TRACKERS[name](folder)
        self.memory = memory
        self.run = ""
        self.last: dict[str, int] = {}

    def start(self, run: str, recipe: dict[str, Any]) -> None:
        """Begin the run, or go on with the one in memory if it was in the same place."""
        known = self._remembered()
        goes_on = known.get("to") == self.tracker.to
        self.run = self.tracker.start(run, recipe, known["run"] if goes_on else None)
        self.last = known["last"] if goes_on else {}
        self._remember()

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Pass on the numbers that are new."""
        new = {name: value for name, value in values.items() if step > self.last.get(name, -1)}
        if new:
            self.tracker.scalars(step, new)
            self.last |= dict.fromkeys(new, step)
            self._remember()

    def image(self, step: int, name: str, shape: list[int], pixels: str) -> None:
        """Pass on an image that is new; `pixels` is base64."""
        if step > self.last.get(name, -1):
            self.tracker.image(step, name, np.frombuffer(b64decode(pixels), np.uint8).reshape(shape))
            self.last[name] = step
            self._remember()

    def finish(self, outcome: str, summary: dict[str, float]) -> None:
        """End the run."""
        self.tracker.finish(outcome, summary)

    def _remembered(self) -> dict[str, Any]:
        try:
            known: dict[str, Any] = json.loads(self.memory.read_bytes())
        except (OSError, ValueError):  # none, or cut by a power failure
            return {}
        return known

    def _remember(self) -> None:
        """Write the memory. Nothing is flushed to the disk: after a power failure, a step may come twice."""
        text = json.dumps({"to": self.tracker.to, "run": self.run, "last": self.last})
        temporary = self.memory.with_suffix(".tmp")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(self.memory)


def work(name: str, folder: Path, memory: Path, timeout: float) -> None:
    """Take events from stdin, one a line, and answer each on stdout: with null, or with what failed.

    A call that takes longer than `timeout` seconds ends the process.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # they are for the training; its end is the end of the connection
    os.environ |= TELEMETRY_OFF | os.environ
    events, answers = _connection()
    method = "start"
    try:
        tracked = Tracked(name, folder, memory)
        for line in events:
            method, *arguments = json.loads(line)
            with _limited(timeout):
                getattr(tracked, method)(*arguments)
            _send(answers, None)
        if method != "finish":
            with _limited(timeout):
                tracked.finish("killed", {})
    except Exception as error:
        print(without_secrets(traceback.format_exc()), file=sys.stderr, flush=True)
        first_line = without_secrets(str(error).partition("\n")[0])
        _send(answers, f"in {method}, {type(error).__name__}: {first_line}")
        sys.exit(1)


def _connection() -> tuple[Iterator[bytes], int]:
    """Return stdin and stdout, and take them away from the library, which may ask or print something."""
    events, answers = os.fdopen(os.dup(0), "rb"), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    return events, answers


@contextmanager
def _limited(timeout: float) -> Iterator[None]:
    """End the process, with a traceback on stderr, if this takes longer. It works while the library holds the GIL."""
    faulthandler.dump_traceback_later(timeout, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def _send(answers: int, answer: str | None) -> None:
    os.write(answers, json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    work(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4]))
