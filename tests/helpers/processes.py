"""Start several processes that work together, as forks of the test's process, so that torch is not imported again."""

import os
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from forked import be_child, need_fork


@dataclass(frozen=True)
class Started:
    """A forked process.

    Args:
        pid: its process id.
        out, err: files that hold its stdout and stderr.
    """

    pid: int
    out: Path
    err: Path

    def wait(self) -> int:
        """Wait for its end. Return its exit code, or the negative number of the signal that killed it."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def start(work: Callable[[], object], folder: Path, name: str) -> Started:
    """Start `work` in a fork whose stdout and stderr go to folder/<name>.out and .err."""
    need_fork()
    started = Started(os.fork(), folder / f"{name}.out", folder / f"{name}.err")
    if started.pid == 0:
        sys.stdout, sys.stderr = _redirected(started.out, 1), _redirected(started.err, 2)
        be_child(work)
    return started


def fork_ranks(work: Callable[[], object], *, world: int = 2, folder: Path) -> list[int]:
    """Run `work` in `world` forks with the environment that torchrun sets. Return their exit codes, by rank; a negative
    one is the number of a signal.

    Their output goes to folder/<rank>.out and .err, their error report for torchrun to folder/<rank>.json.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def rank_s_work(rank: int) -> Callable[[], object]:
        own: dict[str, object] = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "LOCAL_WORLD_SIZE": world}
        own |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_ERROR_FILE": folder / f"{rank}.json"}

        def working() -> None:
            os.environ |= {name: str(value) for name, value in own.items()}
            work()

        return working

    return [one.wait() for one in [start(rank_s_work(rank), folder, str(rank)) for rank in range(world)]]


def wait_until(ready: Callable[[], bool]) -> None:
    """Wait until `ready()` is true, asking every 3 ms. The test's timeout ends a wait without end."""
    while not ready():
        time.sleep(0.003)


def launched_rank(rank: int, mark: object) -> int:
    """Return the process id of a rank of a launched command that has `mark` in its arguments.

    Raises LookupError if there is none.
    """
    for process in Path("/proc").glob("[0-9]*"):
        try:
            argv, environment = ((process / name).read_bytes() for name in ("cmdline", "environ"))
        except OSError:  # it has ended, or belongs to another user
            continue
        if str(mark).encode() in argv and f"\0RANK={rank}\0".encode() in environment:
            return int(process.name)
    raise LookupError(f"there is no rank {rank} of {mark}")


def _redirected(path: Path, descriptor: int) -> TextIO:
    """Make a descriptor write to a file. Return a text stream on it."""
    os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
    return os.fdopen(descriptor, "w", closefd=False)
