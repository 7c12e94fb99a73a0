"""Failures of training steps: errors that say at which step, on which images, and what to do."""

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
    """Return the error for a loss or gradient that is NaN or infinite.

    Args:
        numbers: of the step.
        values: the numbers by name.
        images: paths of the images of the whole batch.
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
    """Turn failures of memory and compiler inside into errors that say what to do."""
    with memory_explained(recipe, crop, device), compilation_explained():
        yield


@contextmanager
def memory_explained(recipe: Recipe, crop: Size, device: torch.device) -> Iterator[None]:
    """Turn a failed allocation inside into an error that says how much was requested, and which settings need less.

    Args:
        recipe: the recipe of the run.
        crop: height and width of the training crop.
        device: where the run trains.

    Raises:
        TrainingError: out of memory.
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
    """Turn a failed compilation, which shows in the first step, into an error that says how to go on.

    Raises:
        TrainingError: the network cannot be compiled.
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
    """Return recipe overrides that about halve the memory of a step."""
    height, width = (max(_MULTIPLE, round(side * 0.7) // _MULTIPLE * _MULTIPLE) for side in crop)
    requested = [f"train.batch={batch // 2}"] if batch // 2 >= _FEWEST else []
    return [*requested, f"augment.crop={height}x{width}"]
