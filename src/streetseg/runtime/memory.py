"""Memory: freed memory stays with the process, and what is said when there is no more."""

import ctypes
import os
import re
import resource
import sys
from pathlib import Path

import torch

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # malloc.h
NEVER = -1  # as a size, larger than any memory
# How torch's CPU allocator and the C++ library under it say it; on CUDA there is a class of errors.
_OUT_OF_MEMORY = re.compile(r"not enough memory|can't allocate memory|cannot allocate memory|bad_alloc", re.IGNORECASE)
_ASKED = re.compile(r"(?:tried to allocate|unable to allocate) ([\d.]+) (bytes|[KMGT]iB)", re.IGNORECASE)
_UNITS = {"bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


def keep_freed_memory() -> bool:
    """Ask glibc to reuse freed memory instead of giving it back to the kernel; True where that was done.

    A training step on the CPU frees and asks for the same gigabytes again and again. By default each large tensor is
    mapped anew, and the kernel clears every page of it: a quarter of a MobileNetV2 step.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    return mallopt is not None and bool(mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, NEVER))


def is_out_of_memory(error: Exception) -> bool:
    """Whether an allocation failed, on the device or in main memory."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or bool(_OUT_OF_MEMORY.search(str(error)))


def asked_bytes(error: Exception) -> int | None:
    """How many bytes the failed allocation was for, where the error says so."""
    found = _ASKED.search(str(error))
    return round(float(found[1]) * _UNITS[found[2]]) if found else None


def available_bytes(device: torch.device) -> int:
    """Bytes that can still be had: free on the GPU, or in main memory within the process's own limit."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if not sys.platform.startswith("linux"):
        return os.sysconf("SC_PHYS_PAGES") * resource.getpagesize()
    meminfo = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
    available = int(meminfo["MemAvailable"].split()[0]) * 1024
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        available = min(available, max(0, limit - used))
    return available
