"""The server: worker processes on one port, and a parent that replaces a worker that has died.

On Linux each worker has a socket of its own on the port (SO_REUSEPORT), and the kernel spreads connections over them;
with one socket for all, the worker that wakes first would take them all. The parent keeps the sockets open: connections
that arrive while a worker is replaced wait for the new one.
"""

import logging
import multiprocessing
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from errno import EADDRINUSE
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import NamedTuple

from streetseg.errors import RequestError, StreetsegError
from streetseg.serve.log import log_as_json
from streetseg.serve.settings import Settings
from streetseg.serve.worker import PipeEnd, Report, work

log = logging.getLogger("streetseg.serve")

_BACKLOG = 256  # connections that wait until a worker takes them
_PAUSE = 1.0  # seconds between two starts of a worker, if it dies at once
_DIED: Report = (1, "a worker died while it loaded the models", (), "is there enough memory?")
_GRACE = 5.0  # seconds to end, after the requests in flight had their time


def serve(settings: Settings, on_ready: Callable[[str], None] = lambda url: None) -> None:
    """Serve models until SIGTERM or Ctrl-C; requests in flight are finished.

    Args:
        settings: what is served, and how.
        on_ready: called with the address of the server when every worker has loaded the models.

    Raises:
        RequestError: the address cannot be listened on, or a model cannot be served.
    """
    log_as_json(log)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="streetseg-metrics-")))
        listeners = _listeners(settings)
        stop = stack.enter_context(_stop_requests())
        workers = _Workers(settings, folder)
        stack.callback(workers.stop)
        if workers.start_all(listeners, stop):
            on_ready(_url(listeners[0]))
            workers.keep(stop)


class _Workers:
    """The worker processes of a server."""

    def __init__(self, settings: Settings, metrics: Path) -> None:
        self._settings = settings
        self._metrics = metrics
        self._context = multiprocessing.get_context("spawn")
        self._running: dict[SpawnProcess, _Links] = {}
        self._started = 0.0

    def start_all(self, listeners: Sequence[socket.socket], stop: PipeEnd) -> bool:
        """Start a worker for each socket, and wait until all have loaded the models.

        Returns:
            False when a stop is requested first.

        Raises:
            StreetsegError: a worker cannot serve.
        """
        for listener in listeners:
            self._start(listener)
        for process, links in self._running.items():
            if stop in wait([links.report, process.sentinel, stop]):
                return False
            if (failed := _report(links.report)) is not None:
                raise _as_error(*failed)
        return True

    def keep(self, stop: PipeEnd) -> None:
        """Replace workers that die, until a stop is requested."""
        while stop not in wait([stop, *(process.sentinel for process in self._running)]):
            for process in [process for process in self._running if not process.is_alive()]:
                links = self._running.pop(process)
                failed = _report(links.report)
                reason = f"exit code {process.exitcode}" if failed in (None, _DIED) else failed[1]
                log.error("worker %d has died (%s); another one starts", process.pid, reason)
                _forget_gauges(process.pid, self._metrics)
                time.sleep(max(0.0, self._started + _PAUSE - time.monotonic()))
                self._start(links.listener)

    def stop(self) -> None:
        """End all workers: they have the time of one request, then they are killed."""
        for process, links in self._running.items():
            links.listener.close()
            process.terminate()
        end = time.monotonic() + self._settings.timeout + _GRACE
        for process in self._running:
            process.join(max(0.0, end - time.monotonic()))
            if process.is_alive():
                log.error("worker %d did not end in time and is killed", process.pid)
                process.kill()
                process.join()

    def _start(self, listener: socket.socket) -> None:
        report, of_worker = self._context.Pipe(duplex=False)
        arguments = (self._settings, listener, of_worker, self._metrics)
        process = self._context.Process(target=work, args=arguments, name="streetseg serve", daemon=True)
        process.start()
        of_worker.close()
        self._running[process] = _Links(report, listener)
        self._started = time.monotonic()


class _Links(NamedTuple):
    """The connection on which a worker reports how its start went, and the socket on which it listens."""

    report: PipeEnd
    listener: socket.socket


def _forget_gauges(worker: int | None, metrics: Path) -> None:
    """Delete what a dead worker said of its present state; its counts stay."""
    for file in metrics.glob(f"gauge_live*_{worker}.db"):
        file.unlink()


def _report(report: PipeEnd) -> Report:
    """Return what a worker has reported, or will; `_DIED` if it ends without."""
    try:
        found: Report = report.recv()
    except EOFError:
        return _DIED
    return found


def _as_error(exit_code: int, problem: str, where: tuple[str, ...], hint: str | None) -> StreetsegError:
    error = StreetsegError(problem, where=where, hint=hint)
    error.exit_code = exit_code
    return error


def _listeners(settings: Settings) -> list[socket.socket]:
    """Return a listening socket for each worker. Raise RequestError if the address cannot be listened on."""
    host, port = settings.host, settings.port
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        alone = socket.create_server(address[:2], family=family, backlog=_BACKLOG)  # fails where another server listens
        if sys.platform != "linux":
            return [alone] * settings.workers
        address = alone.getsockname()
        alone.close()
        return [
            socket.create_server(address[:2], family=family, backlog=_BACKLOG, reuse_port=True)
            for _ in range(settings.workers)
        ]
    except OSError as error:
        taken = isinstance(error, PermissionError) or error.errno == EADDRINUSE
        raise RequestError(
            f"the address cannot be used ({error.strerror})",
            where=f"--host {host} --port {port}",
            hint="--port 0 takes a free port" if taken else None,
        ) from error


@contextmanager
def _stop_requests() -> Iterator[PipeEnd]:
    """Yield a connection on which something arrives when SIGTERM or Ctrl-C is received in the block."""
    stop, write = multiprocessing.Pipe(duplex=False)

    def request(signum: int, frame: FrameType | None) -> None:
        write.send(signum)

    before = {number: signal.signal(number, request) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
