"""What can stop a run in its steps, in words that say where it was and what to do."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch

from streetseg.errors import TrainingError
from streetseg.recipe.schema import Recipe, Size
from streetseg.runtime.memory import available_bytes, is_out_of_memory, requested_bytes
from streetseg.training.meters import StepNumbers

_FEWEST = 2  # images a step; batch norm cannot train on one
_MULTIPLE = 32  # the deepest stride of the encoders


def not_finite(numbers: StepNumbers, values: Mapping[str, float], images: Sequence[str]) -> TrainingError:
    """The error for a loss or gradient that is NaN or infinite.

    Args:
        values: of `numbers`.
        images: of the whole batch.
    """
    what = "gradient" if math.isfinite(values["loss"]) else "loss"
    terms = ", ".join(f"{name} {values[name]:.4g}" for name in numbers.names if name not in ("loss", "gradient_norm"))
    return TrainingError(
        f"the {what} is not a finite number at step {numbers.step} (lr {numbers.lr:.3g}, loss terms: {terms})",
        where=images,
        hint="the last checkpoint is kept; go on from it with --resume --force and a lower optim.lr "
        "or train.precision=fp32",
    )


@contextmanager
def explained(recipe: Recipe, crop: Size, device: torch.device) -> Iterator[None]:
    """What the machine refuses inside, in words of the run. As `memory_explained` and `compilation_explained`."""
    with memory_explained(recipe, crop, device), compilation_explained():
        yield


@contextmanager
def memory_explained(recipe: Recipe, crop: Size, device: torch.device) -> Iterator[None]:
    """Turns an allocation that fails inside into an error that says how much was asked for, and what needs less.

    Args:
        recipe: of the run.
        crop: height and width of the training crop.
        device: where the run is.

    Raises:
        TrainingError
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        requested, batch = requested_bytes(error), recipe.train.batch
        needed = "" if requested is None else f"{requested:,} bytes were asked for, "
        raise TrainingError(
            f"out of memory on {device}: {needed}{available_bytes(device):,} bytes are available; a step trains on "
            f"{batch} crops of {crop[0]}x{crop[1]}",
            hint=f"nothing is lost: go on with --resume --force and {' or '.join(smaller_steps(batch, crop))}",
        ) from error


@contextmanager
def compilation_explained() -> Iterator[None]:
    """Turns a network that cannot be compiled, which shows in its first step, into an error that says how to go on.

    Raises:
        TrainingError
    """
    try:
        yield
    except RuntimeError as error:
        compiler = type(error).__module__.startswith(("torch._dynamo", "torch._inductor"))
        if not compiler or is_out_of_memory(error):
            raise
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason given")
        raise TrainingError(
            f"the network cannot be compiled ({reason})", hint="go on without with --resume train.compile=off"
        ) from error


def smaller_steps(batch: int, crop: Size) -> list[str]:
    """Overrides that about halve what a step needs."""
    height, width = (max(_MULTIPLE, round(side * 0.7) // _MULTIPLE * _MULTIPLE) for side in crop)
    requested = [f"train.batch={batch // 2}"] if batch // 2 >= _FEWEST else []
    return [*requested, f"augment.crop={height}x{width}"]
