"""SIGTERM and Ctrl-C: recorded when they come, acted on at the next point where no work is lost."""

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any, NoReturn

from streetseg.runtime.worker import is_main

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """Context in which the first SIGINT or SIGTERM is only recorded in `requested`; a second one has its usual effect.

    Python handles signals only in its main thread. In another thread this context does nothing.
    """

    def __init__(self) -> None:
        self.requested: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._record) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def _record(self, number: int, frame: FrameType | None) -> None:
        self.requested = signal.Signals(number)
        self._restore()
        if not is_main():
            return  # only one of several processes prints
        # Not through Python's streams: the signal may have come while Python was writing to them.
        os.write(2, f"\n{self.requested.name}: stopping at the next safe point; a second one stops at once\n".encode())

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}


def end_by_signal(number: int) -> NoReturn:
    """End the process as a signal requests: raise KeyboardInterrupt for SIGINT, SystemExit(143) for SIGTERM."""
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)
