"""Decode samples on the fly: in worker processes, in the order in which they are needed, a few of them ahead.

The workers have an interpreter of their own (spawn) and are not forked, so that it makes no difference which threads,
locks or GPU contexts this process has. An interpreter takes seconds to start, so workers stay from epoch to epoch.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from types import ModuleType
from weakref import WeakSet, finalize

from streetseg.data import decode_worker
from streetseg.data.decoding import Pair, StoreRequest, by_threads
from streetseg.data.shards_ahead import ShardsAhead
from streetseg.data.source import Sample, reader_of
from streetseg.errors import DataError, TrainingError
from streetseg.machine import cores

_AHEAD = 2  # samples that a worker has been given and not handed back


def decoded_ahead(
    workers: "Workers", request: StoreRequest, samples: Sequence[Sample], cache: Path
) -> Generator[Pair, None, None]:
    """Yield image and labels of each sample, in order. Its workers end if the generator is closed before its end.

    Sources of the caller's own may live in a notebook, where another process cannot import them: threads decode these.

    Args:
        workers: decode, and stay for the next call.
        request: what is decoded.
        samples: some of its samples.
        cache: folder for the shards of an address, which are fetched ahead.

    Raises:
        DataError: a file cannot be read or was changed.
        RequestError: the cache cannot be written.
        TrainingError: a worker was killed.
    """
    reader = reader_of(request.source)
    if reader is None:
        yield from by_threads(request, samples)
        return
    with ExitStack() as stack:
        part = replace(request, source=reader)
        lent = [stack.enter_context(workers.lent(part)) for _ in range(min(worker_count(), len(samples)))]
        upcoming = iter(stack.enter_context(ShardsAhead(samples, cache)))
        for worker, sample in zip(cycle(lent), islice(upcoming, _AHEAD * len(lent)), strict=False):
            worker.send(sample, request.stamps[sample.name])
        for worker, sample in zip(cycle(lent), samples, strict=False):
            pair = worker.receive(sample)
            if (following := next(upcoming, None)) is not None:
                worker.send(following, request.stamps[following.name])
            yield pair


def worker_count() -> int:
    """Return the number of worker processes: one per core, shared by the processes that train on this machine."""
    return max(1, cores() // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def shared_workers() -> "Workers":
    """Return the worker processes that all stores of this process share."""
    return next(iter(_SHARED), None) or Workers()


class Workers:
    """Worker processes that are not at work. They end with this object, that is, with the last store that holds it."""

    def __init__(self) -> None:
        self._idle: list[_Worker] = []
        finalize(self, _end, self._idle)
        _SHARED.add(self)

    @contextmanager
    def lent(self, request: StoreRequest) -> Iterator["_Worker"]:
        """Lend a worker that decodes samples of `request`. It ends if the `with` statement is left by an exception."""
        self._idle[:] = filter(_Worker.is_alive, self._idle)
        worker = self._idle.pop() if self._idle else _Worker()
        try:
            worker.begin(request)
            yield worker
        except BaseException:  # what it was sent is not received any more
            worker.end()
            raise
        self._idle.append(worker)


_SHARED: WeakSet[Workers] = WeakSet()  # one, or none while no store needs it


def _end(workers: list["_Worker"]) -> None:
    for worker in workers:
        worker.end()


class _Worker:
    """A process of `decode_worker`."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=decode_worker.work, args=(theirs,), daemon=True)
        with _without_main_module(), _without_interrupts():
            self._process.start()
        theirs.close()

    def is_alive(self) -> bool:
        """Return whether the process runs."""
        return self._process.is_alive()

    def begin(self, request: StoreRequest) -> None:
        """Let the samples that are sent from now on be those of `request`."""
        with suppress(ConnectionError):
            self._connection.send(request)

    def end(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.join()
        self._connection.close()

    def send(self, sample: Sample, stamp: str) -> None:
        """Send a sample and its stamp. A worker that has ended is noticed by `receive`."""
        with suppress(ConnectionError):
            self._connection.send((sample, stamp))

    def receive(self, sample: Sample) -> Pair:
        """Return image and labels of `sample`, the first one that was sent and not received."""
        try:
            outcome: Pair | decode_worker.Failure = self._connection.recv()
        except (EOFError, ConnectionError) as error:
            self._process.join()
            raise TrainingError(
                f"a process that decodes images has ended (exit code {self._process.exitcode})",
                where=(sample.image, sample.mask),
                hint="-9 on Linux means that the system ended it, mostly for lack of memory; --resume continues a run",
            ) from error
        if len(outcome) == 3:
            problem, where, hint = outcome
            raise DataError(problem, where=where, hint=hint)
        return outcome


@contextmanager
def _without_main_module() -> Iterator[None]:
    """Let new processes not import the script of this one: without `if __name__ == "__main__"` it would run again."""
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Let new processes not get the SIGINT of a Ctrl-C, from their first instruction on (on Windows: soon after)."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
