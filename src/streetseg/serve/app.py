"""The application of a worker: the routes, the page, and every failure as a JSON object with its reason."""

from collections.abc import Sequence
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from streetseg.machine import program_version
from streetseg.serve.answers import Problem, RequestFailedError
from streetseg.serve.front import Front
from streetseg.serve.model import ServedModel
from streetseg.serve.routes import api_routes, health_routes
from streetseg.serve.settings import Settings

PAGE = Path(__file__).parent / "page"
CLIENT_GONE = 499  # what nginx logs for a client that has gone; nobody receives it

_DESCRIPTION = """Labels of street images by exported models.

Each answer has the header `X-Request-ID`, that of the request if it has one. An answer with status 503 names in
`Retry-After` the seconds after which the same request may be done."""


def create_app(settings: Settings, models: Sequence[ServedModel]) -> Front:
    """Return the application that answers requests with these models."""
    app = FastAPI(
        title="streetseg",
        version=program_version(),
        description=_DESCRIPTION,
        docs_url=None,  # its page would load scripts from other hosts
        redoc_url=None,
    )
    app.include_router(health_routes(settings, models))
    app.include_router(api_routes(settings, models))
    app.add_exception_handler(RequestFailedError, _on_failed_request)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_invalid_parameter)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)
    app.add_exception_handler(Exception, _on_failure)
    app.mount("/", StaticFiles(directory=PAGE, html=True), name="page")
    return Front(app, settings.timeout)


async def _on_failed_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestFailedError)
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    if error.retry is not None:  # on a new connection, which another worker may take
        headers = {"Retry-After": str(error.retry), "Connection": "close"}
    return _answer(error.status, error.error, error.hint, headers)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _answer(error.status_code, error.detail, None, dict(error.headers or {}))


async def _on_invalid_parameter(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return _answer(422, f"{first['loc'][-1]}: {first['msg']}", None, {})


async def _on_disconnect(request: Request, error: Exception) -> Response:
    return Response(status_code=CLIENT_GONE)


async def _on_failure(request: Request, error: Exception) -> Response:
    return _answer(500, "the server failed; its log says why", None, {})


def _answer(status: int, error: str, hint: str | None, headers: dict[str, str]) -> Response:
    body = Problem(error=error, hint=hint).model_dump_json()
    return Response(body, status, headers, media_type="application/json")
