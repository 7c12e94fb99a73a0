"""SIGTERM and Ctrl-C: noted while the work runs, obeyed where nothing is lost."""

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any, NoReturn

from streetseg.runtime.worker import is_main

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """Inside `with`, the first SIGINT or SIGTERM is only noted in `requested`; the second does what it did before.

    Python hears signals in its main thread alone; in another one nothing is changed.
    """

    def __init__(self) -> None:
        self.requested: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._as_before()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.requested = signal.Signals(number)
        self._as_before()
        if not is_main():
            return  # one of several is heard
        # Not through Python's own streams: the signal may have come in the middle of a write to them.
        os.write(2, f"\n{self.requested.name}: stopping at the next safe point; a second one stops at once\n".encode())

    def _as_before(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}


def obey(number: int) -> NoReturn:
    """End as that signal asks: raises KeyboardInterrupt for SIGINT, SystemExit(143) for SIGTERM."""
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)
