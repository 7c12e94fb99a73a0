"""Bounded numbers of requests: those beyond are answered at once, so that memory and waiting time stay bounded."""

from collections.abc import Iterator
from contextlib import contextmanager

from streetseg.serve.answers import RequestFailedError
from streetseg.serve.settings import RETRY_SECONDS


class Places:
    """Places for requests that hold memory.

    Args:
        count: their number.
        what: what takes a place, in the plural.
    """

    def __init__(self, count: int, what: str) -> None:
        self.count = count
        self.taken = 0
        self._what = what

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold a place while the block runs. Raise RequestFailedError if none is free."""
        if self.taken == self.count:
            problem = f"the server is busy with {self.count} {self._what}"
            raise RequestFailedError(503, problem, hint="ask again", retry=RETRY_SECONDS)
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1
