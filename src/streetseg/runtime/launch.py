"""Launcher for `--devices N`: run the same command in N processes, with the agent of torchrun."""

import json
import logging
import os
import signal
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException, Std
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from streetseg.errors import StreetsegError, TrainingError
from streetseg.machine import cores
from streetseg.runtime.worker import LAUNCHED, read_error_report

TERMINATED = (128 + signal.SIGTERM, -signal.SIGTERM)  # exit codes of a process that SIGTERM ended


def launch(args: Sequence[str], processes: int, *, show_stdout: bool = True) -> None:
    """Run `streetseg ARGS` in several processes on this machine and wait until they end.

    They share the output streams of this process. A signal that ends this process also ends them. If one fails, the
    others are stopped.

    Args:
        args: arguments of the program, the command first.
        processes: number of processes, at least 2.
        show_stdout: let them print their result on stdout.

    Raises:
        StreetsegError: the error of the process that failed first.
        SystemExit, KeyboardInterrupt: a signal came, and the processes have ended.
    """
    with TemporaryDirectory(prefix="streetseg-") as logs, settings_for_ranks(processes):
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=processes,
            run_id=uuid.uuid4().hex,
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            local_addr="localhost",
            max_restarts=0,
            logs_specs=DefaultLogsSpecs(log_dir=logs, redirects=Std.NONE if show_stdout else Std.OUT),
        )
        try:
            elastic_launch(config, sys.executable)("-P", "-m", "streetseg", *args)
        except ChildFailedError as failed:
            raise first_error(list(failed.failures.items()), processes) from None
        except SignalException as stop:
            if stop.sigval == signal.SIGINT:
                raise KeyboardInterrupt from None
            raise SystemExit(128 + stop.sigval) from None


def first_error(failures: Sequence[tuple[int, ProcessFailure]], processes: int) -> BaseException:
    """Return the cause: the error of the earliest failure that is not a consequence of another failure."""

    def order(item: tuple[int, ProcessFailure]) -> tuple[bool, float]:
        report = read_error_report(item[1].error_file_data)
        if report is not None:
            return report.consequence, report.time
        return item[1].exitcode in TERMINATED, item[1].timestamp

    rank, failure = min(failures, key=order)
    report = read_error_report(failure.error_file_data)
    if report is not None:
        return report.error()
    if failure.exitcode in TERMINATED:
        return SystemExit(TERMINATED[0])
    return unexplained(f"process {rank} of {processes}", failure)


def unexplained(name: str, failure: ProcessFailure) -> StreetsegError:
    """Return the error for a process that ended without an error report."""
    if failure.exitcode < 0:
        return TrainingError(
            f"{name} was killed by {signal.Signals(-failure.exitcode).name}",
            where=f"process id {failure.pid}",
            hint="if nobody did that, the memory was full: a smaller train.batch or augment.crop needs less",
        )
    return TrainingError(f"{name} ended with exit code {failure.exitcode}", hint="its own messages stand above")


@contextmanager
def settings_for_ranks(processes: int) -> Iterator[None]:
    """Set up a launch: divide the cores among the processes and silence torchrun's log.

    Environment and signal handlers are restored at the end.
    """
    variables = {
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(max(1, cores() // processes))),
        LAUNCHED: json.dumps(sys.argv),
    }
    before = {name: os.environ.get(name) for name in variables}
    handlers = {which: signal.getsignal(which) for which in (signal.SIGINT, signal.SIGTERM)}
    elastic = logging.getLogger("torch.distributed.elastic")
    elastic.addHandler(logging.NullHandler())
    elastic.propagate = False
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        for which, handler in handlers.items():
            signal.signal(which, handler)
