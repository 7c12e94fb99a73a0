"""Real second processes without the seconds that importing torch costs: forks of the test's own."""

import logging
import os
import signal
import sys
from collections.abc import Callable
from pkgutil import resolve_name
from typing import Any, NoReturn

from conftest import missing


def fork(work: Callable[[], object], *, at: str = "", call: int = 1, do: Callable[[], object] = lambda: None) -> int:
    """Run `work` in a process of its own; returns its exit code, or the negative number of the signal it died of.

    Args:
        at: a function as "module:name" or "module:Class.name"; before its `call`-th call, `do` is done.
    """
    need_fork()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        if at:
            hook(at, call, do)
        be_child(work)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def need_fork() -> None:
    """Skip a test where the system has no fork: there test_portable.py proves that the commands work."""
    if not hasattr(os, "fork"):
        missing("fork", "needs os.fork")


def be_child(work: Callable[[], object]) -> NoReturn:
    """In a fork: work, and end without what else the test's own process has to do."""
    code = 70  # of a failure in here
    inherited = logging.getLogger("streetseg")  # a process of its own would not know what earlier tests asked for
    inherited.handlers.clear()
    inherited.setLevel(logging.NOTSET)
    try:
        work()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def kill() -> None:
    """As `kill -9`."""
    os.kill(os.getpid(), signal.SIGKILL)


def command(*words: object) -> Callable[[], None]:
    """`streetseg WORD...` as the work of a fork."""

    def work() -> None:
        from streetseg.cli.main import main

        sys.argv = ["streetseg", *map(str, words)]
        main()

    return work


def hook(at: str, call: int, do: Callable[[], object]) -> None:
    """In a fork: `do` something before the `call`-th call of a function, "module:name" or "module:Class.name"."""
    module, _, path = at.partition(":")
    owner, _, name = path.rpartition(".")
    place = resolve_name(f"{module}:{owner}" if owner else module)
    real, calls = getattr(place, name), 0

    def hooked(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            do()
        return real(*args, **kwargs)

    setattr(place, name, hooked)
