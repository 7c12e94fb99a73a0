"""HTTP/1.1 as uvicorn speaks it, for connections that may be slow or many."""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from streetseg.serve.settings import CONNECTIONS, HEADER_SECONDS


class Protocol(H11Protocol):
    """A connection that is closed if the header of a request does not arrive in time, or if there are too many."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS:
            transport.close()
        else:
            self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Start the time for a header when one is awaited, end it when it is there."""
        if self.conn.their_state is not h11.IDLE:
            self._forget()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
