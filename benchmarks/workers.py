"""Processes that do tasks until a time limit. One that fails or dies takes its own task with it, and no other."""

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from streetseg.errors import StreetsegError
from streetseg.machine import end_with_parent

SPAWN = get_context("spawn")  # a forked process cannot use CUDA


@dataclass(frozen=True)
class Task:
    """A call of a function that a new process can import."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Failed:
    """A task that failed: why, in one line."""

    why: str


class Workers:
    """Processes that are kept from task to task, because CUDA takes long to start in each; killed at the end.

    A process whose task failed is not used again: after an error of CUDA no other call of it works.

    Args:
        count: the number of processes that work at once.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._idle: list[tuple[BaseProcess, Connection]] = []
        self._busy: dict[Connection, tuple[str, BaseProcess]] = {}

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill all processes."""
        processes = [process for process, _ in self._idle] + [process for _, process in self._busy.values()]
        for process in processes:
            process.kill()
        for process in processes:
            process.join()
        self._idle, self._busy = [], {}

    def results(self, tasks: Mapping[str, Task], end: Callable[[], float]) -> Iterator[tuple[str, Any]]:
        """Yield name and result of each task, or `Failed`, in the order in which they end.

        Args:
            tasks: name -> task; the first begin first.
            end: returns the time limit, as `time.monotonic()` counts.

        Raises:
            TimeoutError: the time is up; tasks may be under way until the workers are closed.
        """
        left = list(tasks.items())
        while left or self._busy:
            while left and len(self._busy) < self.count:
                name, task = left.pop(0)
                process, connection = self._next()
                connection.send(task)
                self._busy[connection] = name, process
            ready = wait(list(self._busy), timeout=max(0.0, end() - time.monotonic()))
            if not ready:
                raise TimeoutError
            for connection in ready:
                assert isinstance(connection, Connection)
                name, process = self._busy.pop(connection)
                try:
                    result = connection.recv()
                except (EOFError, ConnectionError):
                    process.join()
                    result = Failed(f"its process died with exit code {process.exitcode}")
                if isinstance(result, Failed):
                    process.kill()
                else:
                    self._idle.append((process, connection))
                yield name, result

    def _next(self) -> tuple[BaseProcess, Connection]:
        while self._idle:
            process, connection = self._idle.pop()
            if process.is_alive():  # otherwise the system ended it, for memory perhaps
                return process, connection
        return self._new()

    @staticmethod
    def _new() -> tuple[BaseProcess, Connection]:
        ours, theirs = SPAWN.Pipe()
        process = SPAWN.Process(target=_work, args=(theirs,))
        process.start()
        theirs.close()
        return process, ours


def _work(connection: Connection) -> None:
    """Do the tasks that come through a connection, until one fails."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which kills its workers
    end_with_parent()
    while True:
        task: Task = connection.recv()
        try:
            result = task.function(*task.arguments)
        except BaseException as error:  # also a SystemExit of training
            connection.send(Failed(one_line(error)))
            return
        connection.send(result)


def one_line(error: BaseException) -> str:
    """Return an error in one line: for those of streetseg problem, places and hint, for others also the type."""
    text = "; ".join(line.strip() for line in str(error).splitlines() if line.strip())
    return text if isinstance(error, StreetsegError) else f"{type(error).__name__}: {text}"
