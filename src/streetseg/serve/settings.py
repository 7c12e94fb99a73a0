"""What a server is started with, and the limits that keep its memory and its time bounded."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from streetseg.errors import RequestError
from streetseg.models.formats import is_exported

MAX_MEGABYTES = 20.0  # of the body of an image
MAX_MEGAPIXELS = 25.0  # of an image, by its header
TIMEOUT = 30.0  # seconds for a body to arrive, again for the answer to be computed, and again for it to be taken

PLACES = 16  # requests in a worker that hold a body or an answer; one of them is computed at a time
VIDEO_BYTES = 100_000_000
VIDEO_FRAMES = 1800  # a minute at 30 frames a second
VIDEO_SECONDS = 600.0
MAX_BORDER = 400_000  # sides of pixels between two classes, from which polygons are traced
HEADER_SECONDS = 10.0  # for the header of a request to arrive
CONNECTIONS = 512  # open connections of a worker
RETRY_SECONDS = 2  # after which a client may ask again


@dataclass(frozen=True)
class Settings:
    """What a server is started with.

    Args:
        models: exported models; the first answers requests that name none.
        host: address to listen on; one that other machines reach needs a token.
        port: 0 for a free one.
        workers: processes that answer requests.
        token: what clients send as `Authorization: Bearer TOKEN`; None to serve everybody.
        engine: as of `open_engine`.
        max_bytes: size of the body of an image.
        max_pixels: number of pixels of an image.
        timeout: seconds for a body to arrive, again for the answer to be computed, and again for it to be taken.

    Raises:
        RequestError: no model is given, two have one name, one is not exported, or the host needs a token.
    """

    models: tuple[Path, ...]
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    token: str | None = None
    engine: str = "auto"
    max_bytes: int = round(MAX_MEGABYTES * 1e6)
    max_pixels: int = round(MAX_MEGAPIXELS * 1e6)
    timeout: float = TIMEOUT

    def __post_init__(self) -> None:
        if not self.models:
            raise RequestError("no model is given", where="streetseg serve", hint="streetseg serve street.onnx")
        if others := [path for path in self.models if not is_exported(path)]:
            hint = f"streetseg export {others[0]} --format onnx"
            raise RequestError("the server runs exported models, which need no torch", where=others, hint=hint)
        if len({path.stem for path in self.models}) < len(self.models):
            problem = "two models of one name, which requests could not tell apart"
            raise RequestError(problem, where=self.models, hint="rename one of the files")
        if self.token is not None and not (self.token and self.token.isascii() and self.token.isprintable()):
            hint = "letters and digits, e.g. of: openssl rand -hex 24"
            raise RequestError("the token is empty or holds characters that no header can", where="--token", hint=hint)
        if self.token is None and not is_loopback(self.host):
            raise RequestError(
                "other machines reach this address, so the server needs a token",
                where=f"--host {self.host}",
                hint="--token TOKEN, or STREETSEG_TOKEN in the environment",
            )


def is_loopback(host: str) -> bool:
    """Return whether an address is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
