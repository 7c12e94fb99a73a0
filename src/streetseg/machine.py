"""What the system says of this machine and of this process.

psutil asks each system in its own way. Only Linux has /proc, which says more: it is read here alone, and in `cores`
for the CPU quota.
"""

import math
import re
import sys
from pathlib import Path

import psutil

CPU_INFO = Path("/proc/cpuinfo")
_OWN = Path("/proc/self")


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
