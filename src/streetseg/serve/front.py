"""What every request passes: its id, the headers of its answer, a line of the log, and the metrics."""

import asyncio
import logging
import re
import time
import uuid
from collections.abc import Iterator

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streetseg.serve import metrics

log = logging.getLogger("streetseg.serve")

_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_SHOWN = 200  # characters of a path in the log
_PART = 2**18  # bytes of an answer that are sent at once, so that a client that does not take them is noticed

# The page asks for nothing that is not of this server, and nothing in it runs that is not in a file of its own.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


class Front:
    """The application around the routes.

    Args:
        app: the routes.
        seconds: the longest time in which a client may take its answer.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self.app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, and log it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start = time.perf_counter()
        request_id = _request_id(scope)
        status, sent, stalled = 0, 0, False

        async def send_with_id(message: Message) -> None:
            nonlocal status, sent, stalled
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers["X-Request-ID"] = request_id
            try:
                async with asyncio.timeout(self._seconds):
                    for part in _parts(message):
                        await send(part)
                        sent += len(part.get("body", b""))
            except TimeoutError:
                stalled = True
                raise

        try:
            await self.app(scope, receive, send_with_id)
        except Exception:
            if not stalled:
                raise
            log.warning("a client did not take its answer within %g s", self._seconds)
        finally:
            seconds = time.perf_counter() - start
            route = getattr(scope.get("route"), "path", "page")
            metrics.REQUESTS.labels(route, status).inc()
            metrics.REQUEST_SECONDS.labels(route).observe(seconds)
            fields = {
                "request": request_id,
                "client": (scope.get("client") or ("",))[0],
                "method": scope["method"],
                "path": scope["path"][:_SHOWN],
                "status": status,
                "milliseconds": round(1000 * seconds, 1),
                "bytes": sent,
            }
            log.info("request", extra={"fields": fields})


def _parts(message: Message) -> Iterator[Message]:
    """Yield a message; instead of one with a large body, several with a part of it each."""
    body, more = message.get("body", b""), message.get("more_body", False)
    if len(body) <= _PART:
        yield message
        return
    for end in range(_PART, len(body) + _PART, _PART):
        yield {**message, "body": body[end - _PART : end], "more_body": more or end < len(body)}


def _request_id(scope: Scope) -> str:
    """Return the id that the client gave the request, if it is a plain word; else a new one."""
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _ID.fullmatch(given) else uuid.uuid4().hex
