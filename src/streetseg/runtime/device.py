"""The device of a run: choice, threads, random number generators and seeds."""

import random

import numpy as np
import torch
from torch import Tensor

from streetseg.errors import RequestError
from streetseg.machine import thread_limit
from streetseg.runtime.distributed import ALONE, Ranks

KINDS = ("cpu", "cuda", "mps")


def choose_device(name: str, ranks: Ranks = ALONE) -> torch.device:
    """Return the device of that name; for "auto" CUDA if available, else MPS (the GPU of a Mac), else the CPU.

    This also limits the threads of torch to the CPU quota. If several processes run on a machine, each takes its own
    GPU.

    Raises:
        RequestError: the device is unknown, not available or of a kind that is not supported, or there are fewer GPUs
            than processes.
    """
    follow_quota()
    if name == "auto":
        name = best_kind(ranks)
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = next(iter(str(error).splitlines()), "unknown reason")
        if name.startswith("cuda") and not torch.cuda.is_available():
            reason = "no NVIDIA GPU with a driver was found"
        raise unusable(name, reason) from error
    if device.type not in KINDS:
        raise unusable(name, "streetseg runs on " + ", ".join(KINDS))
    if device.type == "mps" and ranks.world > 1:
        raise unusable(name, f"{ranks.world} processes cannot share the GPU of a Mac")
    if device.type == "cuda" and ranks.local_world > 1:
        require_own_device(device, ranks.local_world)
        return torch.device("cuda", ranks.local_rank)
    return device


def best_kind(ranks: Ranks) -> str:
    """Return the kind of device for "auto". Torch cannot connect processes on MPS; several processes take the CPU."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() and ranks.world == 1 else "cpu"


def follow_quota() -> None:
    """Limit the threads of torch to the CPU quota of a container: more threads would wait for one another."""
    limit = thread_limit()
    if limit is not None and torch.get_num_threads() > limit:
        torch.set_num_threads(limit)


def tune(device: torch.device) -> None:
    """Set the options of cuDNN for training; do nothing on other devices than CUDA.

    Benchmark mode is off: it times all convolutions for each new shape, and a run has several (two crop sizes, a
    smaller last batch, the images of the validation). Without it the choice of cuDNN is also the same each time. TF32
    is off: by default cuDNN rounds the factors of fp32 convolutions to the 10 mantissa bits of TF32.
    """
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.allow_tf32 = False


def finish_work(device: torch.device) -> None:
    """Wait until the device has finished all queued work: calls to a GPU return before the work is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def rng_state(device: torch.device) -> Tensor | None:
    """Return the state of the device's random number generator; None for the CPU, which uses torch's global one."""
    match device.type:
        case "cuda":
            return torch.cuda.get_rng_state(device)
        case "mps":
            return torch.mps.get_rng_state()
    return None


def set_rng_state(device: torch.device, state: Tensor) -> None:
    """Restore a state that `rng_state` returned for a device of the same kind."""
    match device.type:
        case "cuda":
            torch.cuda.set_rng_state(state, device)
        case "mps":
            torch.mps.set_rng_state(state)


def summing_device(device: torch.device) -> torch.device:
    """Return the device for float64 sums of results: `device` itself, but the CPU for MPS, which has no float64."""
    return torch.device("cpu") if device.type == "mps" else device


def require_own_device(device: torch.device, processes: int) -> None:
    """Raise RequestError unless each process on this machine can have its own GPU."""
    if device.index is not None:
        raise unusable(str(device), f"{processes} processes take one GPU each")
    gpus = torch.cuda.device_count()
    if gpus < processes:
        raise RequestError(
            f"{processes} processes need a GPU each (found {gpus})",
            where="train.device",
            hint=f"at most {gpus} processes, or train.device=cpu",
        )


def unusable(name: str, reason: str) -> RequestError:
    """Return the error for a device that cannot be used."""
    return RequestError(
        f"device {name} cannot be used ({reason})",
        where="train.device",
        hint="train.device=auto takes the first of cuda, mps and cpu that is there",
    )


def seed_everything(seed: int) -> None:
    """Seed Python, numpy and torch; this decides random initial weights. Batches have their own generators."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
