"""The device of a run, and the one seed of everything random on it."""

import random

import numpy as np
import torch
from torch import Tensor

from streetseg.errors import RequestError
from streetseg.machine import thread_limit
from streetseg.runtime.distributed import ALONE, Ranks

KINDS = ("cpu", "cuda", "mps")


def choose_device(name: str, ranks: Ranks = ALONE) -> torch.device:
    """The device of that name; for "auto" CUDA where there is one, else MPS (the GPU of a Mac), else the CPU.

    Torch's threads follow the CPU quota from here on. Each of several processes on a machine takes a GPU of its own.

    Raises:
        RequestError: if the device is unknown, not there, of a kind nobody has tried, or not enough for the processes.
    """
    follow_quota()
    if name == "auto":
        name = best_kind(ranks)
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise unusable(name, next(iter(str(error).splitlines()), "unknown reason")) from error
    if device.type not in KINDS:
        raise unusable(name, "streetseg runs on " + ", ".join(KINDS))
    if device.type == "mps" and ranks.world > 1:
        raise unusable(name, f"{ranks.world} processes cannot share the GPU of a Mac")
    if device.type == "cuda" and ranks.local_world > 1:
        require_own_device(device, ranks.local_world)
        return torch.device("cuda", ranks.local_rank)
    return device


def best_kind(ranks: Ranks) -> str:
    """The kind of device that "auto" stands for. Torch connects no processes on MPS: several take the CPU."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() and ranks.world == 1 else "cpu"


def follow_quota() -> None:
    """Let torch use no more threads than a container's CPU quota has room for: more would wait for one another."""
    limit = thread_limit()
    if limit is not None and torch.get_num_threads() > limit:
        torch.set_num_threads(limit)


def tune(device: torch.device) -> None:
    """Let a GPU try which of its convolutions is the fastest for each shape: training meets few shapes, and often.

    And let fp32 be fp32: left alone, cuDNN rounds the factors of convolutions to the ten bits of TF32.
    """
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.backends.cudnn.allow_tf32 = False


def finish_work(device: torch.device) -> None:
    """Until the device has done all it was told: a GPU works on after the call that asked it to."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def rng_state(device: torch.device) -> Tensor | None:
    """The state of the device's own random numbers; None for a CPU, which has torch's."""
    match device.type:
        case "cuda":
            return torch.cuda.get_rng_state(device)
        case "mps":
            return torch.mps.get_rng_state()
    return None


def set_rng_state(device: torch.device, state: Tensor) -> None:
    """Put back what `rng_state` returned for a device of that kind."""
    match device.type:
        case "cuda":
            torch.cuda.set_rng_state(state, device)
        case "mps":
            torch.mps.set_rng_state(state)


def summing_device(device: torch.device) -> torch.device:
    """Where sums of results are kept: on the device itself, but for MPS, which has no float64, in main memory."""
    return torch.device("cpu") if device.type == "mps" else device


def require_own_device(device: torch.device, processes: int) -> None:
    """Raises RequestError unless each of the processes on this machine can have a GPU of its own."""
    if device.index is not None:
        raise unusable(str(device), f"{processes} processes take one GPU each")
    found = torch.cuda.device_count()
    if found < processes:
        raise RequestError(
            f"{processes} processes need a GPU each (found {found})",
            where="train.device",
            hint=f"at most {found} processes, or train.device=cpu",
        )


def unusable(name: str, reason: str) -> RequestError:
    return RequestError(f"device {name} cannot be used ({reason})", where="train.device", hint="auto, cpu, cuda or mps")


def seed_everything(seed: int) -> None:
    """Seed Python, numpy and torch; from here the initial weights follow. Batches draw from their own generators."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
