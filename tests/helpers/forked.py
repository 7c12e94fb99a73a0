"""Run work in a fork of the test's process: a real second process, without the seconds that importing torch takes."""

import logging
import os
import signal
import sys
from collections.abc import Callable
from pkgutil import resolve_name
from typing import Any, NoReturn

from conftest import missing


def fork(work: Callable[[], object], *, at: str = "", call: int = 1, do: Callable[[], object] = lambda: None) -> int:
    """Run `work` in a fork. Return its exit code, or the negative number of the signal that killed it.

    Args:
        at: a function as "module:name" or "module:Class.name"; `do()` is called before its `call`-th call.
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
    """Skip the test if the system has no fork. There, test_portable.py proves that the commands work."""
    if not hasattr(os, "fork"):
        missing("fork", "needs os.fork")


def be_child(work: Callable[[], object]) -> NoReturn:
    """In a fork: call `work` and end the process, without the exit handlers of the test's process."""
    code = 70  # an error that is no SystemExit
    inherited = logging.getLogger("streetseg")  # a new process would not have the log settings of earlier tests
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
    """End this process by SIGKILL, as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def command(*argv: object) -> Callable[[], None]:
    """Return the work of a fork that runs `streetseg ARGV...`."""

    def work() -> None:
        from streetseg.cli.main import main

        sys.argv = ["streetseg", *map(str, argv)]
        main()

    return work


def hook(at: str, call: int, do: Callable[[], object]) -> None:
    """In a fork: call `do()` before the `call`-th call of a function, "module:name" or "module:Class.name"."""
    module, _, path = at.partition(":")
    owner_name, _, name = path.rpartition(".")
    owner = resolve_name(f"{module}:{owner_name}" if owner_name else module)
    real, calls = getattr(owner, name), 0

    def hooked(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            do()
        return real(*args, **kwargs)

    setattr(owner, name, hooked)
