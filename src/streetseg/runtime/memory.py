"""Memory: freed memory stays with the process, and what is said when there is no more."""

import ctypes
import re
import sys

import torch

from streetseg.machine import available_memory

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # malloc.h
NEVER = -1  # as a size, larger than any memory
# How torch's allocators for the CPU and MPS and the C++ library say it; on CUDA there is a class of errors.
_OUT_OF_MEMORY = re.compile(
    r"not enough memory|backend out of memory|can't allocate memory|cannot allocate memory|bad_alloc", re.IGNORECASE
)
_REQUESTED = re.compile(r"(?:tried to allocate|unable to allocate) ([\d.]+) (bytes|[KMGT]i?B)", re.IGNORECASE)
_UNITS = {"bytes": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}  # MPS writes no i, and means the same


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


def requested_bytes(error: Exception) -> int | None:
    """How many bytes the failed allocation was for, where the error says so."""
    found = _REQUESTED.search(str(error))
    return round(float(found[1]) * _UNITS[found[2].replace("i", "")]) if found else None


def available_bytes(device: torch.device) -> int:
    """Bytes that can still be had: free on the GPU, or in main memory within the process's own limit."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type == "mps":
        return max(0, torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return available_memory()
