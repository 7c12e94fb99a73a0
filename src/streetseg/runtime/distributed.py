"""Processes that work together: torch.distributed, as torchrun sets it up. A process alone needs none of it.

Two kinds of waiting are kept apart. In the middle of a step all ranks compute the same amount, so one that does not
answer is given up soon. Everything else is patient, because rank 0 may be reading a data set for the first time or
writing a checkpoint to a slow disk. A rank that dies, however, is noticed at once in both: its connections close.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
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

STEP_TIMEOUT = timedelta(seconds=40)  # within a step: how long a rank may compute more than another
TIMEOUT = timedelta(hours=2)  # elsewhere: how long the others wait while one rank works alone

T = TypeVar("T")
Number = TypeVar("Number", np.int64, np.float64)


@dataclass(frozen=True)
class Ranks:
    """This process among those that work together; by default alone.

    Args:
        rank: 0..world-1; rank 0 writes and speaks for all.
        world: how many processes there are, on all machines.
        local_rank: 0.. among the processes of this machine; the index of its GPU.
        local_world: processes on this machine.

    The methods are called by all ranks alike, each at the same place of its work, between `joined` and its end. Alone,
    each is the obvious thing and costs nothing.
    """

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    local_world: int = 1
    slow: dist.ProcessGroup | None = field(default=None, repr=False, compare=False)

    @classmethod
    def from_environment(cls) -> "Ranks":
        """What torchrun says in the environment; alone where it says nothing.

        Raises:
            RequestError: the environment speaks of several processes, but not as torchrun does.
        """
        if os.environ.get("WORLD_SIZE", "1") == "1":
            return cls()
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
        missing = [name for name in (*names, "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
        if missing or not all(os.environ[name].isdecimal() for name in names):
            found = f"it lacks {', '.join(missing)}" if missing else "a rank or a size is not a number"
            raise RequestError(
                f"the environment speaks of several processes, but not as torchrun does ({found})",
                where=[f"{name}={os.environ[name]}" for name in names if name in os.environ],
                hint="start with torchrun or --devices, or unset WORLD_SIZE",
            )
        rank, world, local_rank, local_world = (int(os.environ[name]) for name in names)
        return cls(rank, world, local_rank, local_world)

    @property
    def is_main(self) -> bool:
        """Whether this process writes and speaks for all."""
        return self.rank == 0

    @contextmanager
    def joined(self, device: torch.device) -> Iterator["Ranks"]:
        """Connects the ranks: gloo for what lies in memory, NCCL for what lies on a GPU.

        Raises:
            LostPeerError: another rank is gone, or does not answer in time.
        """
        if self.world == 1:
            yield self
            return
        if device.type == "cuda":
            torch.cuda.set_device(device.index or 0)
        try:
            store, rank, world = next(rendezvous("env://", timeout=TIMEOUT))
            store.set(f"started/{rank}", "")
            store.wait([f"started/{other}" for other in range(world)], TIMEOUT)  # imports from a slow disk take long
            backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
            dist.init_process_group(backend, store=store, rank=rank, world_size=world, timeout=STEP_TIMEOUT)
            together = replace(self, slow=slow_group())
            yield together
            together.wait()  # nobody leaves while another still listens
        except RuntimeError as error:
            if not isinstance(error, dist.DistError) and "gloo" not in str(error):
                raise
            raise LostPeerError(
                f"process {self.rank} has lost the others ({reason(error)})",
                hint="another process has failed or hangs; its own message says more",
            ) from error
        # After a failure the process ends without this: its connections must not close before its message is written.
        dist.destroy_process_group()

    def wait(self) -> None:
        """Until all ranks are here."""
        if self.world > 1:
            dist.barrier(group=self.slow)

    @contextmanager
    def one_first(self) -> Iterator[None]:
        """The first rank of each machine alone, then the others: what it leaves in a cache they find there."""
        if self.local_rank > 0:
            self.wait()
        yield
        if self.local_rank == 0:
            self.wait()

    def all_reduce_sum(self, values: Tensor) -> Tensor:
        """The sum over ranks of a tensor in the middle of a step, on any device, of the same shape on each.

        Its gradient is the sum over ranks, too: where each rank derives the same loss from totals and the gradients of
        the weights are averaged over ranks, as DistributedDataParallel does, the average is the gradient of that loss.
        """
        if self.world == 1:
            return values
        return all_reduce_sum(values)

    def sum(self, array: NDArray[Number]) -> NDArray[Number]:
        """The sum over ranks of an array of the same shape on each. Exact for integers."""
        if self.world == 1:
            return array
        total = torch.from_numpy(array.copy())
        dist.all_reduce(total, group=self.slow)
        summed: NDArray[Number] = total.numpy()
        return summed

    def all_reduce_max(self, number: int) -> int:
        """The largest of the ranks' numbers."""
        if self.world == 1:
            return number
        largest = torch.tensor([number])
        dist.all_reduce(largest, op=dist.ReduceOp.MAX, group=self.slow)
        return int(largest)

    def gather(self, value: T) -> list[T]:
        """What each rank has to say, by rank, as JSON brings it over: numbers, text, None, lists and dicts of them."""
        if self.world == 1:
            return [value]
        message = np.frombuffer(json.dumps(value).encode(), dtype=np.uint8)
        lengths = np.zeros(self.world, dtype=np.int64)
        lengths[self.rank] = len(message)
        lengths = self.sum(lengths)
        messages = np.zeros((self.world, lengths.max()), dtype=np.int64)
        messages[self.rank, : len(message)] = message
        rows = self.sum(messages).astype(np.uint8)
        return [json.loads(row[:length].tobytes()) for row, length in zip(rows, lengths, strict=True)]

    def broadcast(self, value: T) -> T:
        """Rank 0's value, as JSON brings it over; what the others give is not looked at."""
        return self.gather(value)[0]

    def broadcast_network(self, network: nn.Module) -> None:
        """Overwrite parameters and buffers with rank 0's."""
        if self.world == 1:
            return
        self.wait()
        with torch.no_grad():
            for tensor in network.state_dict().values():
                dist.broadcast(tensor, src=0)

    def averaging_gradients(self, network: nn.Module) -> nn.Module:
        """The network as one whose gradients are averaged over ranks in the backward pass; rank 0's buffers go to all.

        Called alike on all ranks, before their first step.
        """
        if self.world == 1:
            return network
        device = next(network.parameters()).device
        return DistributedDataParallel(network, device_ids=[device] if device.type == "cuda" else None)

    def require_equal(self, facts: Mapping[str, object]) -> None:
        """Raises RequestError on every rank unless they agree on all facts: numbers, text, None, lists and dicts."""
        found = self.gather(dict(facts))
        different = [name for name in facts if any(of_one[name] != found[0][name] for of_one in found)]
        if different:
            raise RequestError(
                "the processes do not agree on what is to be done",
                where=[
                    f"{name}: process {i} has {of_one[name]}" for name in different for i, of_one in enumerate(found)
                ],
                hint="all machines need the same program, data and recipe, and a run folder that all of them see",
            )


ALONE = Ranks()


def slow_group() -> dist.ProcessGroup:
    """All ranks, for what may take long."""
    group = dist.new_group(backend="gloo", timeout=TIMEOUT)
    assert isinstance(group, dist.ProcessGroup)  # a number stands only for ranks outside a group
    return group


def all_reduce_sum(values: Tensor) -> Tensor:
    """`Ranks.all_reduce_sum` where there are several, for whoever does not know them."""
    total: Tensor = _Total.apply(values)
    return total


def reason(error: Exception) -> str:
    """What gloo or NCCL has to say, without the place in its source and its advice."""
    return re.sub(r"^\[[^]]*\] |\.? This is typically.*", "", next(iter(str(error).splitlines()), "no reason given"))


class _Total(torch.autograd.Function):
    """Sum over ranks in both directions."""

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
