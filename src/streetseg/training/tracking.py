"""Trackers as a callback of a run, which no tracker can fail, stop, delay or change.

Each tracker is driven by a process of its own, see `tracker_worker`, through a queue that a thread empties.
"""

import json
import logging
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from streetseg.runs.folder import RunFolder
from streetseg.training import tracker_worker
from streetseg.training.trackers import TRACKERS

log = logging.getLogger("streetseg")

TIMEOUT = 300.0  # seconds that a tracker may need for one event, while the training goes on
AT_END = 60.0  # seconds that the end of a run waits for the trackers
IF_KILLED = 10.0  # the same if the run was asked to stop
SILENT = 3.0  # seconds of that wait after which it is said
MOST_BYTES = 64 << 20  # of events that wait for a tracker
MOST_SIDE = 1024  # of an image; larger ones are reduced


class Tracking:
    """Sends the events of a run to its trackers.

    Args:
        trackers: names of `TRACKERS`.
        folder: the folder that they write to by default, each in one of its own.
    """

    def __init__(self, trackers: Sequence[str], folder: Path) -> None:
        self._relays = [Relay(name, folder.absolute() / name) for name in trackers]

    def start(self, run: str, folder: Path, recipe: Mapping[str, Any]) -> None:
        """Start a process for each tracker."""
        for relay in self._relays:
            relay.begin(RunFolder(folder).trackers)
        self._send("start", folder.absolute().name, dict(recipe))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Send numbers."""
        self._send("scalars", step, dict(values))

    def image(self, step: int, name: str, rgb: NDArray[np.uint8]) -> None:
        """Send an image uint8 (H, W, 3), reduced to a side of at most MOST_SIDE."""
        factor = -(-max(rgb.shape[:2]) // MOST_SIDE)
        reduced = np.asarray(Image.fromarray(rgb).reduce(factor)) if factor > 1 else rgb
        self._send("image", step, name, reduced.shape, b64encode(reduced.tobytes()).decode("ascii"))

    def finish(self, outcome: str, summary: Mapping[str, float]) -> None:
        """Let the trackers finish side by side, and end those that do not."""
        for relay in self._relays:
            relay.end([outcome, dict(summary)])
        until = time.monotonic() + (IF_KILLED if outcome == "killed" else AT_END)
        for relay in self._relays:
            relay.wait(until)

    def _send(self, *event: object) -> None:
        if any(relay.is_open for relay in self._relays):
            line = _line(*event)
            for relay in self._relays:
                relay.put(line)


class Relay:
    """The process of one tracker, and the events that wait for it.

    Args:
        name: the tracker.
        folder: what it writes to by default.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self.is_open = True
        self._events: SimpleQueue[bytes] = SimpleQueue()
        self._lock = threading.Lock()
        self._waiting = 0  # bytes
        self._dropped = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None

    def begin(self, place: Path) -> None:
        """Start the process. Its memory and what the library prints are files in `place`, which is in the run."""
        self._log = place / f"{self.name}.log"
        try:
            place.mkdir(exist_ok=True)
            with self._log.open("ab") as printed:
                self._process = subprocess.Popen(
                    [
                        *(sys.executable, "-P", "-m", tracker_worker.__name__),
                        *(self.name, self.folder, place / f"{self.name}.json", str(TIMEOUT)),
                    ],
                    bufsize=0,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=printed,
                )
        except OSError as error:
            self._fail(str(error))
            return
        self._thread = threading.Thread(target=self._pump, args=(self._process,), daemon=True)
        self._thread.start()

    def put(self, event: bytes) -> None:
        """Let an event wait for the tracker; it is dropped if too many do."""
        if not self.is_open:
            return
        with self._lock:
            if self._waiting + len(event) > MOST_BYTES:
                self._dropped += 1
                return
            self._waiting += len(event)
        self._events.put(event)

    def end(self, arguments: Sequence[object]) -> None:
        """Let the end of the run wait for the tracker, behind all other events."""
        self._events.put(_line("finish", *arguments))
        self._events.put(b"")

    def wait(self, until: float) -> None:
        """Wait for the end of the process until a moment of time.monotonic(), and end it then."""
        if self._thread is None or self._process is None:
            return
        left = max(0.0, until - time.monotonic())
        self._thread.join(min(left, SILENT))
        if self._thread.is_alive() and left > SILENT:
            log.info("waiting for the tracker %s, at most %.0f s", self.name, left)
        self._thread.join(max(0.0, until - time.monotonic()))
        if self._thread.is_alive():
            self._fail("it did not finish in time")
        elif self._dropped:
            log.warning("tracker %s was too slow: it lacks %d events of this run", self.name, self._dropped)
        self._process.kill()  # also one that failed, and hangs now where it should end

    def _pump(self, process: "subprocess.Popen[bytes]") -> None:
        """Send one event after another, each when the one before was answered."""
        while event := self._events.get():
            problem = _exchange(process, event)
            if problem is not None:
                self._fail(problem)
                return
            with self._lock:
                self._waiting -= len(event)
        assert process.stdin is not None
        process.stdin.close()
        process.wait()

    def _fail(self, problem: str) -> None:
        """Say once what failed; from now on, no event is kept for this tracker."""
        if self.is_open:
            self.is_open = False
            self._events = SimpleQueue()
            log.warning(
                "tracker %s failed, the run goes on without it (%s); what it printed: %s",
                self.name, problem, self._log,
            )  # fmt: skip


def _exchange(process: "subprocess.Popen[bytes]", event: bytes) -> str | None:
    """Send an event. Return what failed; None if nothing did."""
    assert process.stdin is not None and process.stdout is not None
    left = memoryview(event)
    try:
        while left:
            left = left[process.stdin.write(left) :]
        answer = process.stdout.readline()
    except OSError:  # the process has ended
        answer = b""
    return json.loads(answer) if answer else f"its process ended with exit code {process.wait()}"


def _line(*event: object) -> bytes:
    return json.dumps(event).encode() + b"\n"


def where_tracked(trackers: Sequence[str], folder: Path) -> list[str]:
    """Return a line for each tracker: where it writes, and how a person sees that."""
    places = {name: TRACKERS[name](folder.absolute() / name) for name in trackers}
    return [f"{name}: tracked to {place.to}; look: {place.look}" for name, place in places.items()]
