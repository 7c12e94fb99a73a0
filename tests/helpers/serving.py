"""A server as a person starts it: a process of its own on a free port of the loopback."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from processes import wait_until
from published import require_published


@dataclass(frozen=True)
class Serving:
    """A server that runs.

    Args:
        url: its address.
        process: its parent process.
        errors: the file with its log.
    """

    url: str
    process: "subprocess.Popen[str]"
    errors: Path

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        return host, int(port)

    def workers(self) -> list[psutil.Process]:
        """Return the worker processes that are alive."""
        return workers_of(psutil.Process(self.process.pid))

    def log(self) -> list[dict[str, Any]]:
        """Return the complete lines of the log."""
        return [json.loads(line) for line in self.errors.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def client(self, **options: Any) -> httpx.Client:
        """Return a client of the server; tests fail by their own timeout."""
        return httpx.Client(base_url=self.url, timeout=None, trust_env=False, **options)


def workers_of(parent: psutil.Process) -> list[psutil.Process]:
    """Return the worker processes of a server that are alive."""

    def is_worker(process: psutil.Process) -> bool:
        try:
            return "spawn_main" in " ".join(process.cmdline())
        except psutil.Error:  # it is no more
            return False

    return [child for child in parent.children() if is_worker(child)]


@contextmanager
def serving(folder: Path, *words: object) -> Iterator[Serving]:
    """Run `streetseg serve WORDS...` while the block runs; its log is FOLDER/log."""
    errors = folder / "log"
    command = [sys.executable, "-m", "streetseg", "serve", *map(str, words), "--port", "0", "--json"]
    with errors.open("w") as log, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process:
        try:
            yield Serving(_first_object(process)["url"], process, errors)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait()


def exported_onnx(folder: Path, name: str = "street", *, seed: int = 0) -> Path:
    """Write FOLDER/NAME.onnx, a tiny network."""
    from exported import SCENES, saved
    from networks import tiny_network
    from streetseg.deploy.export import export

    target = folder / f"{name}.onnx"
    export(saved(folder / name, tiny_network(seed=seed, size=(48, 64)).eval()), target, "onnx", SCENES)
    return target


def half_sent(serving: Serving, body: bytes, path: str = "/segment") -> socket.socket:
    """Send a request whose body lacks its last byte. Return the connection."""
    connection = socket.create_connection(serving.address)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body[:-1])
    return connection


def answer(connection: socket.socket) -> bytes:
    """Read an answer until the server closes the connection or the announced length is there."""
    received = b""
    while part := connection.recv(65536):
        received += part
        head, _, body = received.partition(b"\r\n\r\n")
        length = [int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if length and len(body) >= length[0]:
            break
    return received


def wait_for_places(serving: Serving, count: int) -> None:
    """Wait until so many requests hold a place."""
    with serving.client() as client:
        wait_until(lambda: f"streetseg_places_taken {float(count)}" in client.get("/metrics").text)


def _first_object(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """Return the JSON object that the server prints when it is ready."""
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line.startswith("}"):
            require_published(["serve", "--json"], 0, text)
            return dict(json.loads(text))
    raise AssertionError(f"the server ended with exit code {process.wait()}: {text}")
