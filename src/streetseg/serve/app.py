"""The routes of the HTTP API."""

import asyncio
import hmac
import io
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

import streetseg
from streetseg.serve import metrics
from streetseg.serve.answers import Alive, Limits, Models, Problem, Ready, RequestFailedError, Segmented
from streetseg.serve.body import gone, receive_file
from streetseg.serve.front import Front
from streetseg.serve.model import INCLUDED, Answer, ServedModel
from streetseg.serve.places import Places
from streetseg.serve.settings import PLACES, RETRY_SECONDS, Settings

PAGE = Path(__file__).parent / "page"
CLIENT_GONE = 499  # what nginx logs for a client that has gone; nobody receives it

T = TypeVar("T")
Problems = dict[int | str, dict[str, Any]]

_DESCRIPTION = """Labels of street images by exported models.

Each answer has the header `X-Request-ID`, the one of the request if it has one. An answer with status 503 names in
`Retry-After` the seconds after which the same request may be done."""

_WORDS = {
    400: "The body is empty, damaged, or a form without the field.",
    401: "The token is missing or another one.",
    408: "The body did not arrive in time.",
    413: "The body or the image is larger than the server's limits.",
    415: "The body is no image of a supported format.",
    422: "A parameter has a value that is not allowed.",
    503: "The server is busy, or the image takes too long.",
}


def problems(*statuses: int) -> Problems:
    """Return the description of answers with these status codes."""
    return {status: {"model": Problem, "description": _WORDS[status]} for status in statuses}


def create_app(settings: Settings, models: Sequence[ServedModel]) -> Front:
    """Return the application that answers requests with these models."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        yield
        worker.close()

    worker = Worker(settings, models)
    app = FastAPI(
        title="streetseg",
        version=streetseg.__version__,
        description=_DESCRIPTION,
        lifespan=life,
        docs_url=None,  # its page would load scripts from other hosts
        redoc_url=None,
    )
    app.include_router(_health(worker))
    app.include_router(_api(worker, settings, models))
    app.add_exception_handler(RequestFailedError, _on_problem)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)
    app.add_exception_handler(Exception, _on_failure)
    app.mount("/", StaticFiles(directory=PAGE, html=True), name="page")
    return Front(app)


class Worker:
    """Computes answers, one at a time, in a thread of its own.

    Args:
        settings: of the server.
        models: that are served.
    """

    def __init__(self, settings: Settings, models: Sequence[ServedModel]) -> None:
        self.models = {model.name: model for model in models}
        self.places = Places(PLACES, "requests")
        self._timeout = settings.timeout
        self._turn = ThreadPoolExecutor(1)
        self._checking = asyncio.Lock()

    def model(self, name: str | None) -> ServedModel:
        """Return the model of that name, the first one for None. Raises RequestFailedError."""
        chosen = next(iter(self.models)) if name is None else name
        if chosen not in self.models:
            raise RequestFailedError(422, f"there is no model {chosen[:80]!r}", hint=f"model={'|'.join(self.models)}")
        return self.models[chosen]

    async def compute(self, request: Request, work: Callable[[], T]) -> T:
        """Return `work()` when its turn has come. A client that has gone gives its turn to the next.

        Raises:
            RequestFailedError: the timeout is over. If `work` runs by then, it runs to its end, and others wait for it.
            ClientDisconnect: the client has gone.
        """
        computed = asyncio.get_running_loop().run_in_executor(self._turn, work)
        left = asyncio.ensure_future(gone(request))
        try:
            both: set[asyncio.Future[Any]] = {computed, left}
            done, _ = await asyncio.wait(both, timeout=self._timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            left.cancel()
        if computed in done:
            return computed.result()
        computed.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # nobody else takes it
        computed.cancel()
        if left in done:
            raise ClientDisconnect
        problem = f"the answer was not computed within {self._timeout:g} s"
        raise RequestFailedError(503, problem, hint="ask again, or send a smaller image", retry=RETRY_SECONDS)

    async def ready(self) -> dict[str, float]:
        """Return the milliseconds in which each model labels a small image. Raise RequestFailedError if one fails."""
        async with self._checking:
            try:
                async with asyncio.timeout(self._timeout):
                    return {name: await asyncio.to_thread(model.check) for name, model in self.models.items()}
            except Exception as error:  # whatever it is, this worker cannot label images
                raise RequestFailedError(503, f"a model fails ({error})", retry=RETRY_SECONDS) from error

    def close(self) -> None:
        """End the thread."""
        self._turn.shutdown(wait=False, cancel_futures=True)


def _health(worker: Worker) -> APIRouter:
    """Return the routes that need no token."""
    router = APIRouter()

    @router.get("/healthz", summary="Whether a worker answers")
    async def healthz() -> Alive:
        return Alive()

    @router.get("/readyz", summary="Whether every model labels an image", responses=problems(503))
    async def readyz() -> Ready:
        return Ready(milliseconds=await worker.ready())

    return router


def _api(worker: Worker, settings: Settings, models: Sequence[ServedModel]) -> APIRouter:
    """Return the routes that need the token, if there is one."""
    bearer = HTTPBearer(auto_error=False)

    async def require_token(given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> None:
        expected = (settings.token or "").encode()
        if not hmac.compare_digest((given.credentials if given else "").encode(), expected):
            raise RequestFailedError(
                401, "the token is missing or another one", hint="-H 'Authorization: Bearer TOKEN'"
            )

    secured = settings.token is not None
    router = APIRouter(
        dependencies=[Depends(require_token)] if secured else [], responses=problems(401) if secured else {}
    )
    Name = Annotated[  # noqa: N806  # a type
        str | None,
        Query(
            alias="model", description="its name; by default the first", json_schema_extra={"enum": [*worker.models]}
        ),
    ]

    @router.get("/model", summary="The models and the limits")
    async def model() -> Models:
        limits = Limits(bytes=settings.max_bytes, pixels=settings.max_pixels)
        return Models(models=[served.facts for served in models], limits=limits)

    @router.get("/metrics", summary="Prometheus metrics of all workers", response_class=Response)
    async def prometheus() -> Response:
        return Response(metrics.latest(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @router.post(
        "/segment",
        summary="Label an image",
        response_class=Response,
        responses={
            200: {
                "model": Segmented,
                "description": "PNG of class ids, overlay, or JSON, as `output` says.",
                "content": {"image/png": _BINARY, "image/jpeg": _BINARY},
            },
            **problems(400, 408, 413, 415, 422, 503),
        },
        openapi_extra=_body_schema("image"),
    )
    async def segment(
        request: Request,
        name: Name = None,
        output: Annotated[
            Literal["labels", "overlay", "json"],
            Query(description="overlay is JPEG where the header `Accept` is image/jpeg, else PNG"),
        ] = "labels",
        include: Annotated[
            str,
            Query(
                description=f"what the JSON holds beside the shares: {', '.join(INCLUDED)}, separated by commas",
                pattern=f"^(({'|'.join(INCLUDED)})(,({'|'.join(INCLUDED)}))*)?$",
                max_length=100,
            ),
        ] = "",
    ) -> Response:
        served = worker.model(name)
        with worker.places.one(), metrics.PLACES_TAKEN.track_inprogress():
            file = io.BytesIO()
            file_name = await receive_file(request, "image", file, most=settings.max_bytes, seconds=settings.timeout)
            data = file.getvalue()
            work: Callable[[], Answer]
            match output:
                case "labels":
                    work = partial(served.labels, data, file_name)
                case "overlay":
                    jpeg = request.headers.get("accept", "").startswith("image/jpeg")
                    work = partial(served.overlay, data, file_name, jpeg=jpeg)
                case "json":
                    work = partial(served.json, data, file_name, include.split(","))
            answer = await worker.compute(request, metrics.COMPUTE_SECONDS.labels(served.name).time()(work))
        return Response(answer.body, media_type=answer.media_type)

    return router


_BINARY = {"schema": {"type": "string", "format": "binary"}}


def _body_schema(kind: str) -> dict[str, Any]:
    """Return the OpenAPI description of a body that is a file, or a form with one in the field `kind`."""
    form = {"type": "object", "properties": {kind: {"type": "string", "format": "binary"}}, "required": [kind]}
    return {
        "requestBody": {
            "required": True,
            "content": {
                f"{kind}/*": _BINARY,
                "application/octet-stream": _BINARY,
                "multipart/form-data": {"schema": form},
            },
        }
    }


async def _on_problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, RequestFailedError)
    headers = {}
    if problem.retry is not None:  # on a new connection, which another worker may take
        headers = {"Retry-After": str(problem.retry), "Connection": "close"}
    if problem.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return _answer(problem.status, problem.error, problem.hint, headers)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _answer(error.status_code, error.detail, None, dict(error.headers or {}))


async def _on_invalid(request: Request, error: Exception) -> Response:
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
