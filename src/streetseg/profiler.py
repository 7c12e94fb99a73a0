"""Where the time goes: seconds by the name of what was done."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

_UNMEASURED = nullcontext()


class Profiler:
    """A stopwatch for the parts of a repeated work: `with phases("forward"): ...`.

    Args:
        finish: waits until the device has done what it was told, so that its time falls to the part that asked for it.
            None: nothing is measured, and nothing is waited for.

    `seconds` has the parts in the order in which they were first done; the time of one inside another is taken off the
    outer one. `images` is how many were worked on, counted by whoever works.
    """

    def __init__(self, finish: Callable[[], None] | None = None) -> None:
        self._finish = finish
        self._inside = 0.0  # seconds of the parts inside the one under way
        self.seconds: dict[str, float] = {}
        self.images = 0

    @property
    def measured(self) -> bool:
        """Whether anything is."""
        return self._finish is not None

    def __call__(self, name: str) -> AbstractContextManager[None]:
        """What is done inside `with` is the part `name`."""
        return _UNMEASURED if self._finish is None else self._timed(name, self._finish)

    @contextmanager
    def _timed(self, name: str, finish: Callable[[], None]) -> Iterator[None]:
        finish()
        around, self._inside = self._inside, 0.0
        start = time.perf_counter()
        try:
            yield
        finally:
            finish()
            spent = time.perf_counter() - start
            self.seconds[name] = self.seconds.get(name, 0.0) + spent - self._inside
            self._inside = around + spent

    def as_dict(self) -> dict[str, object]:
        """For the journal: of each part its seconds, its milliseconds an image and its share of the whole."""
        whole = sum(self.seconds.values())
        parts = {
            name: {"seconds": spent, "ms_per_image": 1000 * spent / max(1, self.images), "share": spent / whole}
            for name, spent in self.seconds.items()
        }
        return {"images": self.images, "seconds": whole, "parts": parts}

    def lines(self) -> list[str]:
        """The same for people, a part a line."""
        whole = sum(self.seconds.values())
        return [f"where {whole:.1f} s went, for {self.images} images:"] + [
            f"    {name:<12} {1000 * spent / max(1, self.images):9.2f} ms an image {100 * spent / whole:6.1f} %"
            for name, spent in self.seconds.items()
        ]
