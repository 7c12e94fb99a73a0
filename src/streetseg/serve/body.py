"""The body of a request: raw bytes or a form with a file, of bounded size, which must arrive in time."""

import asyncio
from collections.abc import AsyncGenerator
from typing import IO

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from streetseg.serve.answers import RequestFailedError

_CHUNK = 2**18


async def receive_file(request: Request, kind: str, file: IO[bytes], *, most: int, seconds: float) -> str:
    """Write the file in the body of a request into `file`. Return its name, or "the body" if it has none.

    Args:
        request: a request whose body is the file itself, or a form with one file.
        kind: "image" or "video": the name of the form's field, and the media types that are taken.
        file: an open file.
        most: the largest number of bytes of the body.
        seconds: the longest time in which the body may arrive.

    Raises:
        RequestFailedError: 400 for a form that cannot be read or has no such field, 408, 413, or 415 for another
            media type.
        ClientDisconnect: the client has gone.
    """
    media_type = request.headers.get("content-type", "application/octet-stream").partition(";")[0].strip().lower()
    if media_type not in ("multipart/form-data", "application/octet-stream") and not media_type.startswith(f"{kind}/"):
        hint = f"-H 'Content-Type: {kind}/*' with the bytes of a file, or a form: -F {kind}=@FILE"
        raise RequestFailedError(415, f"the body is {media_type[:80]!r}, expected an {kind} or a form", hint=hint)
    if int(request.headers.get("content-length", 0)) > most:
        raise _too_large(most)
    try:
        async with asyncio.timeout(seconds):
            if media_type == "multipart/form-data":
                return await _from_form(request, kind, file, most)
            async for chunk in _bounded(request, most):
                file.write(chunk)
            return "the body"
    except TimeoutError:
        raise RequestFailedError(408, f"the body did not arrive within {seconds:g} s", hint="send it faster") from None


async def gone(request: Request) -> None:
    """Return when the client of a request, whose body has arrived, has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _from_form(request: Request, kind: str, file: IO[bytes], most: int) -> str:
    try:
        form = await MultiPartParser(request.headers, _bounded(request, most), max_files=1, max_fields=8).parse()
    except MultiPartException as error:
        raise RequestFailedError(400, f"the form cannot be read ({error.message})", hint=f"-F {kind}=@FILE") from None
    try:
        upload = form.get(kind)
        if not isinstance(upload, UploadFile):
            raise RequestFailedError(400, f"the form has no file in the field {kind!r}", hint=f"-F {kind}=@FILE")
        while chunk := await upload.read(_CHUNK):
            file.write(chunk)
        return (upload.filename or "")[:80] or "the body"
    finally:
        await form.close()


async def _bounded(request: Request, most: int) -> AsyncGenerator[bytes, None]:
    """Yield the body in parts. Raise RequestFailedError when it is larger than `most` bytes."""
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise _too_large(most)
        yield chunk


def _too_large(most: int) -> RequestFailedError:
    return RequestFailedError(413, f"the body is larger than {most / 1e6:g} MB", hint="send a smaller file")
