"""The server: a socket, worker processes that share it, and a parent that replaces a worker that has died."""

import logging
import multiprocessing
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from errno import EADDRINUSE
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

from streetseg.errors import RequestError, StreetsegError
from streetseg.serve.log import log_as_json
from streetseg.serve.settings import Settings
from streetseg.serve.worker import Report, work

log = logging.getLogger("streetseg.serve")

_BACKLOG = 256  # connections that wait until a worker takes them
_PAUSE = 1.0  # seconds between two starts of a worker, if it dies at once
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
        listener = stack.enter_context(_listener(settings.host, settings.port))
        stop = stack.enter_context(_stop_requests())
        workers = _Workers(settings, listener, folder)
        stack.callback(workers.stop)
        if workers.start_all(stop):
            on_ready(_url(listener))
            workers.keep(stop)


class _Workers:
    """The worker processes of a server, each with the connection on which it reports how its start went."""

    def __init__(self, settings: Settings, listener: socket.socket, metrics: Path) -> None:
        self._settings = settings
        self._listener = listener
        self._metrics = metrics
        self._context = multiprocessing.get_context("spawn")
        self._running: dict[SpawnProcess, Connection] = {}
        self._started = 0.0

    def start_all(self, stop: Connection) -> bool:
        """Start all workers and wait until they have loaded the models. Return False when a stop is requested first.

        Raises:
            StreetsegError: a worker cannot serve.
        """
        for _ in range(self._settings.workers):
            self._start()
        for process, report in self._running.items():
            if stop in wait([report, process.sentinel, stop]):
                return False
            if failure := _failure(report):
                raise failure
        return True

    def keep(self, stop: Connection) -> None:
        """Replace workers that die, until a stop is requested."""
        while stop not in wait([stop, *(process.sentinel for process in self._running)]):
            for process in [process for process in self._running if not process.is_alive()]:
                failure = _failure(self._running.pop(process))
                reason = failure.problem if failure else f"exit code {process.exitcode}"
                log.error("worker %d has died (%s); another one starts", process.pid, reason)
                _forget_gauges(process.pid, self._metrics)
                time.sleep(max(0.0, self._started + _PAUSE - time.monotonic()))
                self._start()

    def stop(self) -> None:
        """End all workers: they have the time of one request, then they are killed."""
        self._listener.close()
        for process in self._running:
            process.terminate()
        end = time.monotonic() + self._settings.timeout + _GRACE
        for process in self._running:
            process.join(max(0.0, end - time.monotonic()))
            if process.is_alive():
                log.error("worker %d did not end in time and is killed", process.pid)
                process.kill()
                process.join()

    def _start(self) -> None:
        report, of_worker = self._context.Pipe(duplex=False)
        arguments = (self._settings, self._listener, of_worker, self._metrics)
        process = self._context.Process(target=work, args=arguments, name="streetseg serve", daemon=True)
        process.start()
        of_worker.close()
        self._running[process] = report
        self._started = time.monotonic()


def _forget_gauges(worker: int | None, metrics: Path) -> None:
    """Delete what a dead worker said of its present state; its counts stay."""
    for file in metrics.glob(f"gauge_live*_{worker}.db"):
        file.unlink()


def _failure(report: Connection) -> StreetsegError | None:
    """Return why a worker does not serve; None if it has loaded the models."""
    try:
        found: Report = report.recv()
    except EOFError:
        return StreetsegError("a worker died while it loaded the models", hint="is there enough memory?")
    if found is None:
        return None
    exit_code, problem, where, hint = found
    failure = StreetsegError(problem, where=where, hint=hint)
    failure.exit_code = exit_code
    return failure


@contextmanager
def _listener(host: str, port: int) -> Iterator[socket.socket]:
    """Yield a socket that listens. Raise RequestError if the address cannot be listened on."""
    place = f"--host {host} --port {port}"
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.create_server(address[:2], family=family, backlog=_BACKLOG) as listener:
            yield listener
    except OSError as error:
        hint = "--port 0 takes a free port" if isinstance(error, PermissionError) or error.errno == EADDRINUSE else None
        raise RequestError(f"the address cannot be used ({error.strerror})", where=place, hint=hint) from error


@contextmanager
def _stop_requests() -> Iterator[Connection]:
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
