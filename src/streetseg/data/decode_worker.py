"""The work of a process that decodes images ahead of the training; `on_the_fly` starts and ends it.

It ends with its connection, so also when its parent was killed.
"""

import os
import signal
from multiprocessing.connection import Connection

from streetseg.data.decoding import Pair, StoreRequest
from streetseg.data.source import Sample
from streetseg.errors import StreetsegError

Failure = tuple[str, tuple[str, ...], str | None]  # problem, places and hint of an error


def work(connection: Connection) -> None:
    """Receive requests, each followed by samples of it with their stamps, until nobody is there.

    Send image and labels of each sample, or the `Failure`.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends its workers
    os.dup2(2, 1)  # what a library prints must not stand in the output of a command
    try:
        request: StoreRequest = connection.recv()
        while True:
            message: StoreRequest | tuple[Sample, str] = connection.recv()
            if isinstance(message, StoreRequest):
                request = message
            else:
                connection.send(_outcome(request, *message))
    except (EOFError, ConnectionError):
        pass


def _outcome(request: StoreRequest, sample: Sample, stamp: str) -> Pair | Failure:
    try:
        return request.decode(sample, stamp)
    except StreetsegError as error:
        return error.problem, error.where, error.hint
    except Exception as error:  # also MemoryError: the person must learn which file it was
        return f"an image cannot be decoded ({type(error).__name__}: {error})", (sample.image, sample.mask), None
