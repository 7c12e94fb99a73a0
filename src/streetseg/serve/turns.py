"""Turns of requests: each is computed in a thread, one at a time, and does not outlive its client or its time."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

from streetseg.serve.answers import RequestFailedError
from streetseg.serve.body import gone
from streetseg.serve.settings import RETRY_SECONDS

T = TypeVar("T")


class Turns:
    """A thread that computes one answer after the other.

    Args:
        seconds: the longest time in which an answer must be computed, with the time that it waits.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._thread = ThreadPoolExecutor(1)

    async def run(self, request: Request, work: Callable[[], T]) -> T:
        """Return `work()` when its turn has come. If it is not needed any more by then, it is left out.

        Raises:
            RequestFailedError: the time is over. If `work` runs by then, it runs to its end, and others wait for it.
            ClientDisconnect: the client has gone.
        """
        computed = asyncio.get_running_loop().run_in_executor(self._thread, work)
        left = asyncio.ensure_future(gone(request))
        both: set[asyncio.Future[Any]] = {computed, left}
        try:
            done, _ = await asyncio.wait(both, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            left.cancel()
        if computed in done:
            return computed.result()
        computed.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # nobody else takes it
        computed.cancel()
        if left in done:
            raise ClientDisconnect
        problem = f"the answer was not computed within {self._seconds:g} s"
        raise RequestFailedError(503, problem, hint="ask again, or send less", retry=RETRY_SECONDS)

    def close(self) -> None:
        """End the thread after the work under way."""
        self._thread.shutdown(wait=False, cancel_futures=True)
