"""What the system says of this machine and of this process.

psutil asks each system in its own way. Only Linux has /proc, which says more: it is read here alone,
as is a container's CPU quota.
"""

import math
import os
import re
import sys
from pathlib import Path, PurePosixPath

import psutil

CPU_INFO = Path("/proc/cpuinfo")
_OWN = Path("/proc/self")
ROOT = Path("/")


def total_memory() -> int:
    """Return the bytes of main memory of the machine."""
    return int(psutil.virtual_memory().total)


def available_memory() -> int:
    """Return the bytes of main memory that this process can still get, on Linux within its own limit (`ulimit -v`)."""
    available = int(psutil.virtual_memory().available)
    if sys.platform == "linux":
        process = psutil.Process()
        limit, _ = process.rlimit(psutil.RLIMIT_AS)
        if limit != psutil.RLIM_INFINITY:
            available = min(available, max(0, limit - process.memory_info().vms))
    return available


def cpu_fact(name: str) -> str | None:
    """Return a line of /proc/cpuinfo, e.g. "model name" or "flags", as it is of the first core; None where there is
    none."""
    try:
        lines = CPU_INFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    facts = (line.partition(":") for line in lines)
    return next((value.strip() for key, _, value in facts if key.strip() == name), None)


def resident_memory() -> float:
    """Return the KiB of this process that are in main memory; NaN where the system does not say."""
    return _status("VmRSS")


def peak_memory() -> float:
    """Return the most KiB of this process in main memory since `forget_peak_memory`; NaN where the system does not
    say."""
    return _status("VmHWM")


def forget_peak_memory() -> bool:
    """Count `peak_memory` anew from here (proc(5), clear_refs); False where that is not to be had."""
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
    found = re.search(rf"^{key}:\s+(\d+) kB$", status, re.MULTILINE)
    return float(found[1]) if found else math.nan


def cores() -> int:
    """Return the number of threads that can compute at once, at least 1: the cores the system gives this process, and
    no more than the CPU quota of its container, rounded up."""
    given = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(given, cpu_quota(ROOT))))


def thread_limit() -> int | None:
    """Return the number of threads that a library may compute with: what OMP_NUM_THREADS says, else `cores` where they
    are fewer than the machine's; None where nothing limits it."""
    said = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if said.isdecimal() and int(said) > 0:
        return int(said)
    return cores() if cores() < (os.cpu_count() or 1) else None


def cpu_quota(root: Path) -> float:
    """Return the cores' worth of time that Linux control groups leave this process; infinity where there is no limit.

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
        # In a container the path may be the host's, whose last parent, /, is the container's own group.
        group = PurePosixPath(path.strip())
        below = [str(place).lstrip("/") for place in (group, *group.parents)]
        if not controllers:
            quotas += [_quota(root / "sys/fs/cgroup" / place) for place in below]
        elif "cpu" in controllers.split(","):
            quotas += [
                _quota_v1(root / "sys/fs/cgroup" / name / place) for name in ("cpu", controllers) for place in below
            ]
    return min(quotas)


def _quota(group: Path) -> float:
    """Return the quota of a group of version 2: `cpu.max` holds it, or `max`, and the period."""
    try:
        quota, period = (group / "cpu.max").read_text(encoding="ascii").split()
        return int(quota) / int(period)
    except (OSError, ValueError):
        return math.inf


def _quota_v1(group: Path) -> float:
    """Return the quota of a group of version 1: two files, and -1 for no quota."""
    try:
        quota, period = (
            int((group / name).read_text(encoding="ascii")) for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        )
        return quota / period if quota > 0 else math.inf
    except (OSError, ValueError):
        return math.inf
