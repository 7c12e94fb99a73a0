"""The model on disk: weights.safetensors and model.json, never a pickle."""

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from streetseg.atomic import atomic_folder, atomic_write_bytes, atomic_write_json, sha256
from streetseg.errors import ModelError
from streetseg.labels.space import LabelSpace
from streetseg.models.description import FORMAT, VERSION, find_bundle, read_model_json
from streetseg.models.encoder import Encoder
from streetseg.models.segmenter import Segmenter


def save_bundle(
    folder: Path,
    segmenter: Segmenter,
    *,
    initial_weights: dict[str, str],
    protocol: dict[str, Any],
    scores: dict[str, Any],
) -> None:
    """Write the bundle in one step, replacing an older one.

    Args:
        folder: the bundle's folder.
        initial_weights: what the network started from (kind, source, text).
        protocol: what `scores` were measured on.
        scores: the scores of these very weights, 0..1.
    """
    space = segmenter.space
    with atomic_folder(folder) as new:
        weights = new / "weights.safetensors"
        atomic_write_bytes(weights, save(contiguous(segmenter.state_dict())))
        atomic_write_json(
            new / "model.json",
            {
                "format": FORMAT,
                "version": VERSION,
                "encoder": segmenter.encoder_name,
                "decoder": "classic",
                "channels": segmenter.channels,
                "size": segmenter.size,
                "space": space.name,
                "classes": space.names,
                "colors": space.colors,
                "ignore_index": space.ignore_index,
                "normalisation": {
                    "input": "RGB 0..255",
                    "mean": segmenter.mean.flatten().tolist(),
                    "std": segmenter.std.flatten().tolist(),
                },
                "initial_weights": initial_weights,
                "protocol": protocol,
                "scores": scores,
                "sha256": sha256(weights),
            },
        )


def load_bundle(path: Path) -> tuple[Segmenter, dict[str, Any]]:
    """The network in evaluation mode, on the CPU, and its model.json.

    Args:
        path: a bundle folder, or a run folder, whose best bundle is meant.

    Raises:
        ModelError: if there is no bundle, it is damaged, newer than this program, or its tensors do not fit.
    """
    folder = find_bundle(path)
    description = read_model_json(folder)
    weights = folder / "weights.safetensors"
    if weights.is_file() and sha256(weights) != description["sha256"]:
        raise ModelError(
            "the weights are not the ones model.json was written for (SHA-256 differs)",
            where=weights,
            hint="the file is damaged or was exchanged; copy the bundle again",
        )
    tensors = read_safetensors(weights)
    try:
        space = LabelSpace(
            description["space"],
            tuple(description["classes"]),
            tuple((r, g, b) for r, g, b in description["colors"]),
            description["ignore_index"],
        )
    except ValueError as error:
        raise ModelError(f"the classes of model.json are not sound: {error}", where=folder / "model.json") from error
    size = description["size"]
    segmenter = Segmenter(
        Encoder(description["encoder"]),
        space,
        channels=tuple(description["channels"]),
        size=(size[0], size[1]) if size else None,
    )
    try:
        segmenter.load_state_dict(tensors)
    except RuntimeError as error:
        detail = str(error).splitlines()[-1].strip()
        raise ModelError(f"the weights do not fit the network of model.json: {detail}", where=weights) from error
    return segmenter.eval(), description


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file. Raises ModelError if it is missing or is no such file."""
    try:
        return load_file(path)
    except FileNotFoundError as error:
        hint = f"{path.parent} holds no {path.name}; weights are auto, none, a .safetensors file or a run folder"
        raise ModelError("no such weight file", where=path, hint=hint) from error
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"not a readable safetensors file ({error})",
            where=path,
            hint="pickle files (.pt, .pth, .bin) are never opened, they can run code; convert them to .safetensors",
        ) from error


def contiguous(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors as safetensors wants them: on the CPU, in plain memory order."""
    return {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
