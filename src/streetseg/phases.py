"""Where the time goes: seconds by the name of what was done."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

_UNMEASURED = nullcontext()


class Phases:
    """A stopwatch for the parts of a repeated work: `with phases("forward"): ...`.

    Args:
        finish: waits until the device has done what it was told, so that its time falls to the part that asked for it.
            None: nothing is measured, and nothing is waited for.

    `seconds` has the parts in the order in which they were first met; those within another are taken off it.
    """

    def __init__(self, finish: Callable[[], None] | None = None) -> None:
        self._finish = finish
        self._within = 0.0  # seconds of the parts that were inside the one under way
        self.seconds: dict[str, float] = {}

    @property
    def measured(self) -> bool:
        """Whether anything is."""
        return self._finish is not None

    def __call__(self, name: str) -> AbstractContextManager[None]:
        """The time inside `with` is that of the part `name`."""
        return _UNMEASURED if self._finish is None else self._timed(name, self._finish)

    @contextmanager
    def _timed(self, name: str, finish: Callable[[], None]) -> Iterator[None]:
        finish()
        self.seconds.setdefault(name, 0.0)
        around, self._within = self._within, 0.0
        start = time.perf_counter()
        try:
            yield
        finally:
            finish()
            spent = time.perf_counter() - start
            self.seconds[name] += spent - self._within
            self._within = around + spent
