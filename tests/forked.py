"""Real second processes without the seconds that importing torch costs: forks of the test's own."""

import os
import signal
import sys
from collections.abc import Callable
from pkgutil import resolve_name
from typing import Any


def fork(work: Callable[[], object], *, at: str = "", call: int = 1, do: Callable[[], object] = lambda: None) -> int:
    """Run `work` in a process of its own; returns its exit code, or the negative number of the signal it died of.

    Args:
        at: a function as "module:name" or "module:Class.name"; before its `call`-th call, `do` is done.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        code = 70  # of a failure in here
        try:
            if at:
                _hook(at, call, do)
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
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


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


def _hook(at: str, call: int, do: Callable[[], object]) -> None:
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
