"""Hide from a process what Windows does not have.

psutil, filelock and platformdirs keep their code for this system, because they are imported before.
"""

import os
import signal
import sys
from types import ModuleType
from typing import Any

# These choose their code for the system when they are imported.
import filelock  # noqa: F401
import platformdirs  # noqa: F401
import psutil  # noqa: F401

MODULES = {"fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"}
NAMES: dict[ModuleType, tuple[str, ...]] = {
    os: (
        "chown", "fchmod", "fork", "forkpty", "geteuid", "getuid", "mkfifo", "sched_getaffinity",
        "sysconf", "sysconf_names",
    ),
    signal: ("SIGALRM", "alarm", "pthread_kill", "pthread_sigmask", "sigwait"),
}  # fmt: skip


class Missing:
    """An importer that raises ModuleNotFoundError for modules that only Unix has."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name in MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def without_proc(event: str, arguments: tuple[Any, ...]) -> None:
    """Audit hook: raise FileNotFoundError when any module but psutil opens a file below /proc."""
    if event != "open" or not str(arguments[0]).startswith("/proc"):
        return
    frame = sys._getframe(1)
    while frame is not None:
        if str(frame.f_globals.get("__name__")).startswith("psutil"):
            return
        frame = frame.f_back
    raise FileNotFoundError(2, "No such file or directory", arguments[0])


def hide() -> None:
    """Hide the modules, the functions and /proc from this process."""
    for name in MODULES:
        sys.modules.pop(name, None)
    sys.meta_path.insert(0, Missing())
    sys.addaudithook(without_proc)
    for module, names in NAMES.items():
        for name in names:
            if hasattr(module, name):
                delattr(module, name)
