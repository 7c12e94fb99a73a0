"""One worker process: loads the models, then answers requests that arrive on its socket."""

import logging
import math
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from streetseg.errors import StreetsegError, needed_package
from streetseg.machine import cores, end_with_parent
from streetseg.serve.settings import Settings

if sys.platform == "win32":  # where the ends of a pipe are of another class
    from multiprocessing.connection import PipeConnection

    PipeEnd = PipeConnection
else:
    from multiprocessing.connection import Connection

    PipeEnd = Connection

if TYPE_CHECKING:
    import uvicorn

# None when the models are loaded; else exit code, problem, places and hint of the error that prevents it.
Report = tuple[int, str, tuple[str, ...], str | None] | None


def work(settings: Settings, listener: socket.socket, report: PipeEnd, metrics: Path) -> None:
    """Load the models and answer requests until SIGTERM; requests in flight are finished.

    Args:
        settings: of the server.
        listener: a listening socket.
        report: gets a `Report`.
        metrics: the folder of the numbers of all workers.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the parent decides
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
    if settings.workers > 1:  # each worker computes on its part of the cores
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores() // settings.workers)))
    try:
        server = _server(settings)
    except (StreetsegError, ModuleNotFoundError) as failure:
        error = failure if isinstance(failure, StreetsegError) else needed_package(failure)
        if error is None:
            raise
        report.send((error.exit_code, error.problem, error.where, error.hint))
        return
    report.send(None)
    end_with_parent(orderly=True)  # requests in flight are finished
    server.run(sockets=[listener])


def _server(settings: Settings) -> "uvicorn.Server":
    import uvicorn

    from streetseg.serve.app import create_app
    from streetseg.serve.log import log_as_json
    from streetseg.serve.model import ServedModel
    from streetseg.serve.protocol import Protocol

    log_as_json(logging.getLogger())
    logging.captureWarnings(True)
    logging.getLogger("streetseg").setLevel(logging.INFO)
    models = [ServedModel(path, settings.engine, max_pixels=settings.max_pixels) for path in settings.models]
    for model in models:
        model.check()  # so that the first request is as quick as others
    return uvicorn.Server(
        uvicorn.Config(
            create_app(settings, models),
            http=Protocol,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=math.ceil(settings.timeout),
        )
    )
