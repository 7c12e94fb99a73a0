"""Profiler: seconds spent in each named part of a repeated task, such as a training step."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

_UNMEASURED = nullcontext()


class Profiler:
    """Timer for the parts of a repeated task: `with profiler("forward"): ...`.

    Args:
        finish: a function that waits until the device has finished its queued work, so that the time of a GPU counts
            for the part that queued the work. None: measure nothing and do not wait.

    `seconds` holds the parts in the order in which they first ran. Where one part runs inside another, its time is
    subtracted from the outer part. `images` is the number of images that were processed; the caller counts them.
    """

    def __init__(self, finish: Callable[[], None] | None = None) -> None:
        self._finish = finish
        self._inside = 0.0  # seconds of the parts that ran inside the current part
        self.seconds: dict[str, float] = {}
        self.images = 0

    @property
    def measured(self) -> bool:
        """Whether the profiler measures at all."""
        return self._finish is not None

    def __call__(self, name: str) -> AbstractContextManager[None]:
        """Return a context whose duration counts for the part `name`."""
        return _UNMEASURED if self._finish is None else self._timed(name, self._finish)

    @contextmanager
    def _timed(self, name: str, finish: Callable[[], None]) -> Iterator[None]:
        finish()
        inside_outer, self._inside = self._inside, 0.0
        start = time.perf_counter()
        try:
            yield
        finally:
            finish()
            spent = time.perf_counter() - start
            self.seconds[name] = self.seconds.get(name, 0.0) + spent - self._inside
            self._inside = inside_outer + spent

    def as_dict(self) -> dict[str, object]:
        """Return the entry for the journal: each part with seconds, milliseconds per image and share of the total."""
        total = sum(self.seconds.values())
        parts = {
            name: {"seconds": spent, "ms_per_image": 1000 * spent / max(1, self.images), "share": spent / total}
            for name, spent in self.seconds.items()
        }
        return {"images": self.images, "seconds": total, "parts": parts}

    def lines(self) -> list[str]:
        """Return the same as lines of text, one per part."""
        total = sum(self.seconds.values())
        return [f"where {total:.1f} s went, for {self.images} images:"] + [
            f"    {name:<12} {1000 * spent / max(1, self.images):9.2f} ms an image {100 * spent / total:6.1f} %"
            for name, spent in self.seconds.items()
        ]
