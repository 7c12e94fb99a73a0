"""Object store and web server on the loopback of this machine, to read data from addresses."""

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

BUCKET = "streets"


@contextmanager
def loopback_s3(patch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve an empty bucket by moto. Yield its address; the environment names server and account."""
    import boto3
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    patch.setenv("AWS_ACCESS_KEY_ID", "test")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    patch.setenv("AWS_MAX_ATTEMPTS", "1")
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    yield f"s3://{BUCKET}"
    server.stop()


def upload(folder: Path, address: str) -> None:
    """Upload the files of a folder to s3://BUCKET/PREFIX."""
    import boto3

    client, prefix = boto3.client("s3"), address.removeprefix(f"s3://{BUCKET}/")
    for path in sorted(folder.iterdir()):
        client.put_object(Bucket=BUCKET, Key=f"{prefix}/{path.name}", Body=path.read_bytes())


class _Ranges(http.server.BaseHTTPRequestHandler):
    """Answers requests for parts of files; sends half of the part where `cuts` says so."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *args: object, folder: Path, cuts: list[str]) -> None:
        self._folder, self._cuts = folder, cuts
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        path = self._folder / self.path.lstrip("/")
        if not path.is_file():
            self.send_error(404)
            return
        content, part = path.read_bytes(), self.headers["Range"]
        size = len(content)
        if part:
            first, _, last = part.removeprefix("bytes=").partition("-")
            content = content[int(first) : int(last) + 1]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{int(first) + len(content) - 1}/{size}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if path.name in self._cuts:
            self._cuts.remove(path.name)
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
        else:
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def loopback_http(folder: Path, cuts: list[str]) -> Iterator[str]:
    """Serve a folder. Yield its address.

    Args:
        folder: the folder.
        cuts: names of files; for each name one answer is cut in its middle, and the name is removed.
    """
    handler = functools.partial(_Ranges, folder=folder, cuts=cuts)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
