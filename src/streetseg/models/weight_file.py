"""A file of weights: safetensors, which can hold numbers and nothing that runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from streetseg.errors import ModelError
from streetseg.models.description import NO_PICKLES


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file.

    Raises:
        ModelError: if it is missing, is no such file, or a value in it is not a finite number.
    """
    with _readable(path):
        tensors = load(path.read_bytes())  # its load_file takes no path that is no UTF-8
    strange = [name for name, tensor in tensors.items() if not torch.isfinite(tensor.float()).all()]
    if strange:
        raise ModelError(
            f"{len(strange)} of {len(tensors)} tensors hold values that are not finite numbers, first {strange[0]}",
            where=path,
        )
    return tensors


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Whatever is wrong with a safetensors file, as ModelError."""
    try:
        if not path.exists():
            hint = f"{path.parent} holds no {path.name}; weights are auto, none, a .safetensors file or a run folder"
            raise ModelError("no such weight file", where=path, hint=hint)
        if not path.is_file():  # a pipe would wait for ever
            raise OSError("no regular file")
        yield
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"not a readable safetensors file ({error})",
            where=path,
            hint=NO_PICKLES,
        ) from error


def contiguous(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors as safetensors wants them: on the CPU, in plain memory order."""
    return {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
