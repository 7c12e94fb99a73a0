"""This machine and this process: memory, cores, processor, installed packages, and the end of the parent process.

psutil reads them on every system. Linux gives more in /proc and in the CPU quota of a container. No other module
reads those.
"""

import math
import os
import re
import signal
import sys
import threading
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath

import psutil

CPU_INFO = Path("/proc/cpuinfo")
_OWN = Path("/proc/self")
ROOT = Path("/")


def installed_version(package: str) -> str | None:
    """Return the version of a package; None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def program_version() -> str:
    """Return the version of streetseg; "not installed" where it runs from a checkout on PYTHONPATH."""
    return installed_version("streetseg") or "not installed"


def total_memory() -> int:
    """Return the bytes of main memory of the machine."""
    return int(psutil.virtual_memory().total)


def available_memory() -> int:
    """Return the bytes of main memory that this process can still allocate; on Linux `ulimit -v` also limits them."""
    available = int(psutil.virtual_memory().available)
    if sys.platform == "linux":
        process = psutil.Process()
        limit, _ = process.rlimit(psutil.RLIMIT_AS)
        if limit != psutil.RLIM_INFINITY:
            available = min(available, max(0, limit - process.memory_info().vms))
    return available


def cpu_fact(name: str) -> str | None:
    """Return the value of an entry of /proc/cpuinfo for the first core; None where there is none.

    Args:
        name: the entry, e.g. "model name" or "flags".
    """
    try:
        lines = CPU_INFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    facts = (line.partition(":") for line in lines)
    return next((value.strip() for key, _, value in facts if key.strip() == name), None)


def resident_memory() -> float:
    """Return the resident set size of this process in KiB; NaN where the system does not report it."""
    return _status("VmRSS")


def peak_memory() -> float:
    """Return the largest resident set size in KiB since `forget_peak_memory`; NaN where it is not reported."""
    return _status("VmHWM")


def forget_peak_memory() -> bool:
    """Reset `peak_memory` (proc(5), clear_refs). Return False where the system cannot do that."""
    try:
        (_OWN / "clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _status(key: str) -> float:
    try:
        status = (_OWN / "status").read_text(encoding="utf-8")
    except OSError:
        return math.nan
    match = re.search(rf"^{key}:\s+(\d+) kB$", status, re.MULTILINE)
    return float(match[1]) if match else math.nan


def cores() -> int:
    """Return the number of threads that can compute at the same time, at least 1.

    These are the cores that the system gives this process, but at most the CPU quota of its container, rounded up.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(allowed, cpu_quota(ROOT))))


def thread_limit() -> int | None:
    """Return the number of threads that a library may use; None where nothing limits it.

    OMP_NUM_THREADS comes first; else `cores`, if they are fewer than the cores of the machine.
    """
    value = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if value.isdecimal() and int(value) > 0:
        return int(value)
    return cores() if cores() < (os.cpu_count() or 1) else None


def cpu_quota(root: Path) -> float:
    """Return the CPU quota that Linux control groups set for this process, in cores; infinity where there is no limit.

    Args:
        root: the root of the file system, which holds proc/ and sys/.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return math.inf
    quotas = [math.inf]
    for line in lines:
        _, controllers, path = line.split(":", 2)
        # In a container this may be a path of the host. Its last parent, /, is then the group of the container.
        group = PurePosixPath(path.strip())
        groups = [str(parent).lstrip("/") for parent in (group, *group.parents)]
        if not controllers:
            quotas += [_quota(root / "sys/fs/cgroup" / name) for name in groups]
        elif "cpu" in controllers.split(","):
            quotas += [
                _quota_v1(root / "sys/fs/cgroup" / mount / name) for mount in ("cpu", controllers) for name in groups
            ]
    return min(quotas)


def _quota(group: Path) -> float:
    """Return the quota of a cgroup of version 2 in cores: `cpu.max` holds the quota, or `max`, and the period."""
    try:
        quota, period = (group / "cpu.max").read_text(encoding="ascii").split()
        return int(quota) / int(period)
    except (OSError, ValueError):
        return math.inf


def _quota_v1(group: Path) -> float:
    """Return the quota of a cgroup of version 1 in cores: two files hold quota and period; -1 means no quota."""
    try:
        quota, period = (
            int((group / name).read_text(encoding="ascii")) for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        )
        return quota / period if quota > 0 else math.inf
    except (OSError, ValueError):
        return math.inf


def end_with_parent(*, orderly: bool = False) -> None:
    """Let this process end with the one that started it, which a kill may end: it would wait for work forever.

    Args:
        orderly: by SIGTERM, which a program may answer; else at once.
    """
    from multiprocessing import parent_process  # most users of this module start no process

    parent = parent_process()
    assert parent is not None, "this process was not started by multiprocessing"

    def watch() -> None:
        parent.join()
        if orderly:
            signal.raise_signal(signal.SIGTERM)
        else:
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
