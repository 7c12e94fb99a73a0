"""The application around the routes, called as the HTTP server calls it."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from streetseg.serve.front import Front
from streetseg.serve.model import Answer
from streetseg.serve.routes import _Holding

SCOPE = {"type": "http", "method": "GET", "path": "/x", "headers": []}


def run(app: Any, send: Any) -> None:
    """Call the application in a thread of its own: a browser of other tests may have left an event loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(app({**SCOPE}, receive, send))).result()


async def receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


def test_a_large_answer_is_sent_in_parts_that_are_the_whole() -> None:
    body = bytes(range(256)) * 4000
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    run(Front(_Holding(Answer(body, "image/png"), ExitStack()), 60), send)
    start, *parts = sent
    assert start["status"] == 200
    assert b"".join(part["body"] for part in parts) == body
    assert max(len(part["body"]) for part in parts) < len(body) / 2
    assert [part["more_body"] for part in parts] == [True] * (len(parts) - 1) + [False]


@pytest.mark.bad_input(37, "a client that does not take its answer: it is cut, its place is free again")
def test_a_client_that_does_not_read_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    place = ExitStack()
    released: list[bool] = []
    place.callback(released.append, True)

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            assert released == []
            await asyncio.Event().wait()

    with caplog.at_level(logging.WARNING, "streetseg.serve"):
        run(Front(_Holding(Answer(b"labels", "image/png"), place), 0.01), send)
    assert released == [True]
    assert caplog.messages == ["a client did not take its answer within 0.01 s"]
