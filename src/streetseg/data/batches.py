"""Training batches: which samples, in which order, read and augmented on the device."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from streetseg.data.augment.augment import augment
from streetseg.data.augment.rng import draw, shuffled
from streetseg.data.reader import Raw, Reader
from streetseg.data.resident import Resident
from streetseg.data.store import Store
from streetseg.errors import DataError
from streetseg.profiler import Phases
from streetseg.recipe.schema import Augment, Size

FEWEST = 2  # batch norm cannot train on one picture


class Batch(NamedTuple):
    """Pictures uint8 (B, 3, h, w) and labels uint8 (B, h, w) on the device, and which samples of the store they are."""

    pictures: Tensor
    labels: Tensor
    indices: tuple[int, ...]


def steps_of_epoch(pictures: int, batch: int, world: int) -> int:
    """How many steps an epoch over so many pictures has, of `batch` pictures on all `world` ranks together."""
    full, left = divmod(pictures, batch)
    return full + (left // world >= FEWEST)


@dataclass(frozen=True)
class TrainBatches:
    """The training batches of one epoch, each time the same: everything random derives from (seed, epoch, index).

    The order is shuffled anew each epoch and cut into steps of `batch` pictures; each of `world` ranks takes every
    world-th picture of a step. So a step holds the same pictures, changed in the same way, however many ranks share it,
    and all ranks make the same number of steps. The last step is smaller where the count does not divide, and left out
    only where a rank would get fewer than two pictures, because batch norm cannot train on one. With one rank every
    picture is met once an epoch, but for one where exactly one is left over.

    Args:
        store: a split whose labels have their pictures' size.
        batch: pictures a step on all ranks together, at least two for each of them.
        seed: of the run.
        epoch: counted by the caller.
        device: where batches go and are augmented.
        settings: of the augmentation.
        crop: height and width of what comes out.
        start_step: the first step to make, when an epoch is taken up in its middle.
        end_step: the step before which the epoch ends early; none: it goes on to its last.
        rank: this process, 0..world-1.
        world: processes that train together.
        resident: the store's pictures where they lie on the device already; none: they are read ahead.
        phases: is told how long "data" is waited for, and what "augment" takes.
    """

    store: Store
    batch: int
    seed: int
    epoch: int
    device: torch.device
    settings: Augment
    crop: Size
    start_step: int = 0
    end_step: int | None = None
    rank: int = 0
    world: int = 1
    resident: Resident | None = None
    phases: Phases = field(default_factory=Phases)

    def __len__(self) -> int:
        """Steps of the whole epoch, whatever `start_step` and `end_step`."""
        return steps_of_epoch(len(self.store), self.batch, self.world)

    def steps(self) -> list[tuple[int, ...]]:
        """The sample indices of each step of this rank, from the first step of the epoch on."""
        order = shuffled(self.seed, self.epoch, len(self.store)).tolist()
        starts = range(0, len(self) * self.batch, self.batch)
        return [tuple(order[start : start + self.batch][self.rank :: self.world]) for start in starts]

    def __iter__(self) -> Generator[Batch, None, None]:
        """Yields what is left of the epoch.

        Raises:
            DataError: there are too few pictures for a single step, or labels have another size than their pictures.
            TrainingError: a sample cannot be read, or the reader has stopped delivering.
        """
        steps = self.steps()
        if not steps:
            raise DataError(
                f"split {self.store.split!r} has too few pictures to train on (found {len(self.store)}, "
                f"expected at least {FEWEST * self.world})"
            )
        steps = steps[self.start_step : self.end_step]
        # The sampling of MPS knows no border of edge pixels: what it gets is augmented by the CPU.
        place = torch.device("cpu") if self.device.type == "mps" else self.device
        with closing(self._raw(steps, place)) as batches:
            for indices in steps:
                with self.phases("data"):
                    raw = next(batches)
                with self.phases("augment"):
                    numbers = draw(self.seed, self.epoch, indices)
                    pictures, labels = augment(raw.pictures, raw.labels, self.settings, self.crop, numbers, raw.sizes)
                yield Batch(pictures.to(self.device), labels.to(self.device), indices)

    def _raw(self, steps: list[tuple[int, ...]], place: torch.device) -> Generator[Raw, None, None]:
        """The samples of each step as they lie in the store, on the device `place`."""
        if self.resident is not None:
            yield from map(self.resident.batch, steps)
            return
        with Reader(self.store, steps, pin=place.type == "cuda") as reader:
            for indices in steps:
                pictures, labels, sizes = reader.next(indices)
                yield Raw(pictures.to(place, non_blocking=True), labels.to(place, non_blocking=True), sizes)
