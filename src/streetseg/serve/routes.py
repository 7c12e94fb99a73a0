"""The routes of the HTTP API."""

import asyncio
import hmac
import io
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from tempfile import TemporaryFile
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.types import Receive, Scope, Send

from streetseg.serve import metrics
from streetseg.serve.answers import Alive, Limits, Models, Problem, Ready, RequestFailedError, Segmented
from streetseg.serve.body import receive_file
from streetseg.serve.model import INCLUDED, Answer, ServedModel
from streetseg.serve.places import Places
from streetseg.serve.settings import PLACES, RETRY_SECONDS, VIDEO_BYTES, VIDEO_SECONDS, Settings
from streetseg.serve.turns import Turns
from streetseg.serve.video import overlay_video

_STATUSES = {
    400: "The body is empty, damaged, or a form without the field.",
    401: "The token is missing or another one.",
    408: "The body did not arrive in time.",
    413: "The body, the image or the video is larger than the server's limits.",
    415: "The body is of another media type, or in a format that is not read.",
    422: "A parameter has a value that is not allowed.",
    501: "The server has no library for videos.",
    503: "The server is busy, or the answer takes too long.",
}
_PART = 2**18  # bytes of a video that are read at once
_BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_ITEM = f"({'|'.join(INCLUDED)})"


def health_routes(settings: Settings, models: Sequence[ServedModel]) -> APIRouter:
    """Return the routes that ask how a worker is; they need no token."""
    router = APIRouter()
    checking = asyncio.Lock()

    @router.get("/healthz", summary="Whether a worker answers")
    async def healthz() -> Alive:
        return Alive()

    @router.get("/readyz", summary="Whether every model labels an image", responses=_problems(503))
    async def readyz() -> Ready:
        async with checking:  # one check at a time, however many ask
            try:
                async with asyncio.timeout(settings.timeout):
                    return Ready(milliseconds={model.name: await asyncio.to_thread(model.check) for model in models})
            except Exception as error:  # whatever it is, this worker cannot label images
                raise RequestFailedError(503, f"a model fails ({error})", retry=RETRY_SECONDS) from error

    return router


def api_routes(settings: Settings, models: Sequence[ServedModel]) -> APIRouter:
    """Return the routes of the API; they need the token, if the server has one."""
    named = {model.name: model for model in models}
    places, turns = Places(PLACES, "requests"), Turns(settings.timeout)
    video_places, video_turns = Places(1, "video"), Turns(VIDEO_SECONDS)
    router = APIRouter() if settings.token is None else _secured(settings.token)
    ModelName = Annotated[  # noqa: N806  # a type, whose values are known now
        str | None,
        Query(alias="model", description="by default the first of GET /model", json_schema_extra={"enum": [*named]}),
    ]

    def chosen(name: str | None) -> ServedModel:
        if name is None:
            return models[0]
        if name not in named:
            raise RequestFailedError(422, f"there is no model {name[:80]!r}", hint=f"model={'|'.join(named)}")
        return named[name]

    @router.get("/model", summary="The models and the limits")
    async def model() -> Models:
        limits = Limits(bytes=settings.max_bytes, pixels=settings.max_pixels)
        return Models(models=[served.facts for served in models], limits=limits)

    @router.get("/metrics", summary="Prometheus metrics of all workers", response_class=_PrometheusText)
    async def prometheus() -> Response:
        return _PrometheusText(metrics.latest())

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
            **_problems(400, 408, 413, 415, 422, 503),
        },
        openapi_extra=_body_schema("image"),
    )
    async def segment(
        request: Request,
        name: ModelName = None,
        output: Annotated[
            Literal["labels", "overlay", "json"],
            Query(description="the overlay is JPEG where the header `Accept` is image/jpeg, else PNG"),
        ] = "labels",
        include: Annotated[
            str,
            Query(
                description=f"what the JSON holds beside the shares: {', '.join(INCLUDED)}, separated by commas",
                pattern=f"^({_ITEM}(,{_ITEM})*)?$",
                max_length=100,
            ),
        ] = "",
    ) -> Response:
        served = chosen(name)
        with ExitStack() as place_held:
            place_held.enter_context(places.one())
            place_held.enter_context(metrics.PLACES_TAKEN.track_inprogress())
            file = io.BytesIO()
            place = await receive_file(request, "image", file, most=settings.max_bytes, seconds=settings.timeout)
            work: Callable[[], Answer]
            match output:
                case "labels":
                    work = partial(served.labels, file.getvalue(), place)
                case "overlay":
                    jpeg = request.headers.get("accept", "").startswith("image/jpeg")
                    work = partial(served.overlay, file.getvalue(), place, jpeg=jpeg)
                case "json":
                    work = partial(served.json, file.getvalue(), place, include.split(","))
            answer = await turns.run(request, metrics.timed(served.name, work))
            return _Holding(answer, place_held.pop_all())

    @router.post(
        "/segment/video",
        summary="Draw the classes over a video",
        response_class=StreamingResponse,
        responses={
            200: {"description": "An MP4 file.", "content": {"video/mp4": _BINARY}},
            **_problems(400, 408, 413, 415, 422, 501, 503),
        },
        openapi_extra=_body_schema("video"),
    )
    async def segment_video(request: Request, name: ModelName = None) -> Response:
        served = chosen(name)
        stop = threading.Event()
        with video_places.one(), TemporaryFile() as file:
            await receive_file(request, "video", file, most=VIDEO_BYTES, seconds=settings.timeout)
            try:
                labeled = await video_turns.run(request, partial(overlay_video, served, file, stop))
            finally:
                stop.set()
        return StreamingResponse(iter(partial(labeled.read, _PART), b""), media_type="video/mp4")

    return router


class _Holding(Response):
    """An answer that holds its place until the client has taken it."""

    def __init__(self, answer: Answer, place: ExitStack) -> None:
        super().__init__(answer.body, media_type=answer.media_type)
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._place:
            await super().__call__(scope, receive, send)


class _PrometheusText(Response):
    media_type = "text/plain; version=0.0.4"


def _secured(token: str) -> APIRouter:
    """Return a router whose routes need the token."""
    bearer = HTTPBearer(auto_error=False)

    async def require_token(given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> None:
        if not hmac.compare_digest((given.credentials if given else "").encode(), token.encode()):
            hint = "-H 'Authorization: Bearer TOKEN'"
            raise RequestFailedError(401, "the token is missing or another one", hint=hint)

    return APIRouter(dependencies=[Depends(require_token)], responses=_problems(401))


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of answers with these status codes."""
    return {status: {"model": Problem, "description": _STATUSES[status]} for status in statuses}


def _body_schema(kind: str) -> dict[str, Any]:
    """Return the OpenAPI description of a body that is a file, or a form with one in the field `kind`."""
    form = {"type": "object", "properties": {kind: {"type": "string", "format": "binary"}}, "required": [kind]}
    content = {f"{kind}/*": _BINARY, "application/octet-stream": _BINARY, "multipart/form-data": {"schema": form}}
    return {"requestBody": {"required": True, "content": content}}
