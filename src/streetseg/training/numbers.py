"""The numbers of a step, on their way from the device to the journal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class StepNumbers:
    """What there is to say of a step; read late, as a GPU is still at work on it when the next one is handed over.

    Args:
        epoch: counted from 1.
        step: of the run, counted from 1.
        lr: learning rate of the decoder and the head.
        pictures: paths of this rank's pictures.
        names: of the numbers.
        values: float32 (numbers,) in main memory, to be read when they have arrived.
        arrival: happens on the GPU when they have; None: they are there.
    """

    epoch: int
    step: int
    lr: float
    pictures: Sequence[str]
    names: tuple[str, ...]
    values: Tensor
    arrival: torch.cuda.Event | None

    @classmethod
    def send(
        cls, epoch: int, step: int, lr: float, pictures: Sequence[str], numbers: Mapping[str, Tensor]
    ) -> "StepNumbers":
        """Set `numbers`, 0-dimensional and on one device, off to main memory. Nobody waits for them here."""
        values = torch.stack(list(numbers.values())).float()
        device, arrival = values.device, None
        if device.type == "cuda":
            there = torch.empty(values.shape, pin_memory=True)
            values = there.copy_(values, non_blocking=True)
            arrival = torch.cuda.Event()  # type: ignore[no-untyped-call]
            arrival.record(torch.cuda.current_stream(device))  # else that of cuda:0, wherever the numbers are
        return cls(epoch, step, lr, pictures, tuple(numbers), values, arrival)

    def read(self) -> dict[str, float]:
        """The numbers by name; waits until they are there."""
        if self.arrival is not None:
            self.arrival.synchronize()
        return dict(zip(self.names, self.values.tolist(), strict=True))
