"""Several processes in one run: torch.distributed, as torchrun sets it up. A single process needs none of it.

There are two timeouts. Within a step all ranks compute the same amount, so the timeout is short. Elsewhere it is long,
because rank 0 may be reading a data set for the first time or writing a checkpoint to a slow disk. If a rank ends, the
others notice it at once in both cases, because its connections close.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

from streetseg.errors import LostPeerError, RequestError

STEP_TIMEOUT = timedelta(seconds=40)  # within a step: how long a rank waits for a slower one
TIMEOUT = timedelta(hours=2)  # elsewhere: how long the ranks wait while one of them works alone

T = TypeVar("T")
Number = TypeVar("Number", np.uint8, np.int64, np.float64)


@dataclass(frozen=True)
class Ranks:
    """This process and its rank among the processes of a run; by default a single process.

    Args:
        rank: 0..world-1; rank 0 writes all files and prints all messages.
        world: number of processes on all machines.
        local_rank: rank among the processes of this machine, from 0; also the index of its GPU.
        local_world: number of processes on this machine.
        slow: group of all ranks with the long timeout; `joined` sets it.

    All ranks must call the methods in the same order, inside `joined`. In a single process they return at once: a sum
    is the value itself, and so on.
    """

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    local_world: int = 1
    slow: dist.ProcessGroup | None = field(default=None, repr=False, compare=False)

    @classmethod
    def from_environment(cls) -> "Ranks":
        """Return the ranks that torchrun wrote into the environment; a single process where it wrote none.

        Raises:
            RequestError: WORLD_SIZE names several processes, but the other variables of torchrun are not valid.
        """
        if os.environ.get("WORLD_SIZE", "1") == "1":
            return cls()
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
        missing = [name for name in (*names, "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
        if missing or not all(os.environ[name].isdecimal() for name in names):
            reason = f"it lacks {', '.join(missing)}" if missing else "a rank or a size is not a number"
            raise RequestError(
                f"the environment describes several processes, but not as torchrun does ({reason})",
                where=[f"{name}={os.environ[name]}" for name in names if name in os.environ],
                hint="start with torchrun or --devices, or unset WORLD_SIZE",
            )
        rank, world, local_rank, local_world = (int(os.environ[name]) for name in names)
        return cls(rank, world, local_rank, local_world)

    @property
    def is_main(self) -> bool:
        """Whether this process writes all files and prints all messages."""
        return self.rank == 0

    @contextmanager
    def joined(self, device: torch.device) -> Iterator["Ranks"]:
        """Connect the ranks for the block: gloo for tensors in main memory, NCCL for tensors on a GPU.

        Raises:
            LostPeerError: another rank has ended, or does not answer in time.
        """
        if self.world == 1:
            yield self
            return
        if device.type == "cuda":
            torch.cuda.set_device(device.index or 0)
        try:
            store, rank, world = next(rendezvous("env://", timeout=TIMEOUT))
            store.set(f"started/{rank}", "")
            store.wait(
                [f"started/{other}" for other in range(world)], TIMEOUT
            )  # imports from a slow disk take a long time
            backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
            dist.init_process_group(backend, store=store, rank=rank, world_size=world, timeout=STEP_TIMEOUT)
            connected = replace(self, slow=slow_group())
            yield connected
            connected.wait()  # no rank may leave while another still expects a message
        except RuntimeError as error:
            if not isinstance(error, dist.DistError) and "gloo" not in str(error):
                raise
            raise LostPeerError(
                f"process {self.rank} has lost the others ({connection_error(error)})",
                hint="another process has failed or hangs; its own message says more",
            ) from error
        # A process that fails does not get here: its connections must not close before its error report is written.
        dist.destroy_process_group()

    def wait(self) -> None:
        """Wait until all ranks call this."""
        if self.world > 1:
            dist.barrier(group=self.slow)

    @contextmanager
    def one_first(self) -> Iterator[None]:
        """Run the block first on local rank 0 of each machine, then on the others, which can use its cache files."""
        if self.local_rank > 0:
            self.wait()
        yield
        if self.local_rank == 0:
            self.wait()

    def all_reduce_sum(self, values: Tensor) -> Tensor:
        """Return the sum over ranks of a tensor within a step; any device, the same shape on each rank.

        The gradient is summed over ranks, too. Each rank computes the same loss from the sums, and
        DistributedDataParallel averages the gradients of the weights over ranks; the average is then the gradient of
        that loss.
        """
        if self.world == 1:
            return values
        return all_reduce_sum(values)

    def sum(self, array: NDArray[Number]) -> NDArray[Number]:
        """Return the sum over ranks of an array that has the same shape on each rank. Exact for integers."""
        if self.world == 1:
            return array
        total = torch.from_numpy(array.copy())
        dist.all_reduce(total, group=self.slow)
        summed: NDArray[Number] = total.numpy()
        return summed

    def all_reduce_max(self, number: int) -> int:
        """Return the largest of the numbers of all ranks."""
        if self.world == 1:
            return number
        largest = torch.tensor([number])
        dist.all_reduce(largest, op=dist.ReduceOp.MAX, group=self.slow)
        return int(largest)

    def gather(self, value: T) -> list[T]:
        """Return the values of all ranks, ordered by rank. They are sent as JSON: numbers, text, None, lists, dicts."""
        if self.world == 1:
            return [value]
        message = json.dumps(value).encode()
        return [json.loads(text) for text in self.fill([message if i == self.rank else b"" for i in range(self.world)])]

    def fill(self, parts: Sequence[bytes]) -> list[bytes]:
        """Return at each place the bytes of the one rank that has some there; the parts of the others are empty."""
        if self.world == 1:
            return list(parts)
        ends = self.sum(np.array([len(part) for part in parts], dtype=np.int64)).cumsum()
        joined = np.zeros(ends[-1], dtype=np.uint8)
        for part, end in zip(parts, ends, strict=True):
            joined[end - len(part) : end] = np.frombuffer(part, dtype=np.uint8)
        return [part.tobytes() for part in np.split(self.sum(joined), ends[:-1])]

    def broadcast(self, value: T) -> T:
        """Return rank 0's value, sent as JSON; the values of the other ranks are ignored."""
        return self.gather(value)[0]

    def broadcast_network(self, network: nn.Module) -> None:
        """Overwrite the parameters and buffers of a network with those of rank 0."""
        if self.world == 1:
            return
        self.wait()
        with torch.no_grad():
            for tensor in network.state_dict().values():
                dist.broadcast(tensor, src=0)

    def averaging_gradients(self, network: nn.Module) -> nn.Module:
        """Return the network with gradients that the backward pass averages over ranks; buffers come from rank 0.

        All ranks must call this before their first step.
        """
        if self.world == 1:
            return network
        device = next(network.parameters()).device
        return DistributedDataParallel(network, device_ids=[device] if device.type == "cuda" else None)

    def require_equal(self, facts: Mapping[str, object]) -> None:
        """Raise RequestError on every rank unless all ranks have equal facts: numbers, text, None, lists, dicts."""
        gathered = self.gather(dict(facts))
        different = [name for name in facts if any(own[name] != gathered[0][name] for own in gathered)]
        if different:
            raise RequestError(
                "the processes do not agree on what is to be done",
                where=[f"{name}: process {i} has {own[name]}" for name in different for i, own in enumerate(gathered)],
                hint="all machines need the same program, data and recipe, and a run folder that all of them see",
            )


ALONE = Ranks()


def slow_group() -> dist.ProcessGroup:
    """Return a group of all ranks with the long timeout."""
    group = dist.new_group(backend="gloo", timeout=TIMEOUT)
    assert isinstance(group, dist.ProcessGroup)  # torch returns a number only to ranks outside the group
    return group


def all_reduce_sum(values: Tensor) -> Tensor:
    """Return `Ranks.all_reduce_sum` of a tensor, for code without a Ranks object. Needs more than one rank."""
    total: Tensor = _Total.apply(values)
    return total


def connection_error(error: Exception) -> str:
    """Return the first line of an error of gloo or NCCL, without its source location and its advice."""
    return re.sub(r"^\[[^]]*\] |\.? This is typically.*", "", next(iter(str(error).splitlines()), "no reason given"))


class _Total(torch.autograd.Function):
    """Sum over ranks in the forward and in the backward pass."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total
