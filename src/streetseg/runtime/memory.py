"""Memory: reuse of freed memory, out-of-memory errors and the available bytes."""

import ctypes
import re
import sys

import torch

from streetseg.machine import available_memory

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # malloc.h
NEVER = -1  # the largest value of size_t: no threshold is reached
# Messages of torch's allocators for CPU and MPS and of the C++ library. For CUDA torch has its own class of errors.
_OUT_OF_MEMORY = re.compile(
    r"not enough memory|backend out of memory|can't allocate memory|cannot allocate memory|bad_alloc", re.IGNORECASE
)
_REQUESTED = re.compile(r"(?:tried to allocate|unable to allocate) ([\d.]+) (bytes|[KMGT]i?B)", re.IGNORECASE)
_UNITS = {"bytes": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}  # MPS writes MB for MiB


def keep_freed_memory() -> bool:
    """Let glibc reuse freed memory instead of returning it to the kernel. Return whether that was possible.

    Each training step on the CPU frees and allocates the same gigabytes. By default glibc maps each large tensor anew,
    and the kernel clears all its pages; that takes a quarter of a MobileNetV2 step.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl does not have it
    return mallopt is not None and bool(mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, NEVER))


def is_out_of_memory(error: Exception) -> bool:
    """Return whether an error means that an allocation failed, on the device or in main memory."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or bool(_OUT_OF_MEMORY.search(str(error)))


def requested_bytes(error: Exception) -> int | None:
    """Return the bytes of a failed allocation; None where the error does not name them."""
    match = _REQUESTED.search(str(error))
    return round(float(match[1]) * _UNITS[match[2].replace("i", "")]) if match else None


def available_bytes(device: torch.device) -> int:
    """Return the bytes that can still be allocated: free on the GPU, or in main memory within the process's limit."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type == "mps":
        return max(0, torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return available_memory()
