"""Decode samples on the fly: in worker processes, in the order in which they are needed, a few of them ahead.

The workers are started with their own interpreter and not forked, so that it makes no difference which threads, locks
or GPU contexts this process has, and a script needs no `if __name__ == "__main__"`.
"""

import os
import pickle
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

from streetseg.data import decode_worker
from streetseg.data.decoding import Pair, StoreRequest, by_threads
from streetseg.data.issues import Survey
from streetseg.data.shards_ahead import ShardsAhead
from streetseg.data.source import FileSource, Sample, Source, SourceView
from streetseg.errors import DataError, TrainingError
from streetseg.machine import cores

_AHEAD = 2  # samples that a worker has been given and not handed back


def decoded_ahead(request: StoreRequest, samples: Sequence[Sample], cache: Path) -> Generator[Pair, None, None]:
    """Yield image and labels of each sample, in order. All workers have ended when the generator is closed.

    Sources of the caller's own may live in a notebook, where another process cannot import them: threads decode these.

    Args:
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
        workers = [stack.enter_context(_Worker()) for _ in range(min(worker_count(), len(samples)))]
        for worker in workers:
            worker.send(replace(request, source=reader))
        upcoming = iter(stack.enter_context(ShardsAhead(samples, cache)))
        for worker, sample in zip(cycle(workers), islice(upcoming, _AHEAD * len(workers)), strict=False):
            worker.send((sample, request.stamps[sample.name]))
        for worker, sample in zip(cycle(workers), samples, strict=False):
            pair = worker.receive(sample)
            if (following := next(upcoming, None)) is not None:
                worker.send((following, request.stamps[following.name]))
            yield pair


def worker_count() -> int:
    """Return the number of worker processes: one per core, shared by the processes that train on this machine."""
    return max(1, cores() // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def reader_of(source: Source) -> Source | None:
    """Return a source that reads the same files in another process, without its lists; None where it has no files."""
    if isinstance(source, SourceView):
        reader = reader_of(source.source)
        return None if reader is None else SourceView(reader, space=source.space, splits={})
    return replace(source, splits={}, survey=Survey()) if isinstance(source, FileSource) else None


class _Worker:
    """A process of `decode_worker`; killed at the end of the `with` statement."""

    def __enter__(self) -> "_Worker":
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", decode_worker.__name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            # Ctrl-C goes to this process alone, which ends its workers after the step is saved.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # the same on Windows
        )
        assert self._process.stdin and self._process.stdout
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._stdout.close()
        with suppress(BrokenPipeError):  # something was not sent before it ended
            self._stdin.close()

    def send(self, value: StoreRequest | tuple[Sample, str]) -> None:
        """Send a request, or a sample and its stamp. A worker that has ended is noticed by `receive`."""
        with suppress(BrokenPipeError):
            pickle.dump(value, self._stdin, protocol=pickle.HIGHEST_PROTOCOL)
            self._stdin.flush()

    def receive(self, sample: Sample) -> Pair:
        """Return image and labels of `sample`, the first one that was sent and not received."""
        try:
            outcome: Pair | decode_worker.Failure = pickle.load(self._stdout)
        except (EOFError, pickle.UnpicklingError) as error:
            raise TrainingError(
                f"a process that decodes images has ended (exit code {self._process.wait()})",
                where=(sample.image, sample.mask),
                hint="-9 on Linux means that the system ended it, mostly for lack of memory; --resume continues a run",
            ) from error
        if len(outcome) == 3:
            problem, where, hint = outcome
            raise DataError(problem, where=where, hint=hint)
        return outcome
