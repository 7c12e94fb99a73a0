"""The bundle: a model on disk as weights.safetensors and model.json, never a pickle.

A safetensors file holds numbers and no code.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from streetseg.atomic import atomic_folder, atomic_write_bytes, atomic_write_json, sha256
from streetseg.errors import ModelError, first
from streetseg.models.description import (
    FORMAT,
    NO_PICKLES,
    SIZE_RULE,
    VERSION,
    calibration_of,
    find_bundle,
    read_model_json,
    reading_of,
    require_same_weights,
    size_of,
    space_of,
    to_share,
)
from streetseg.models.encoder import Encoder
from streetseg.models.network import SegmentationNetwork
from streetseg.models.own import NO_MODULES, OwnEncoder, OwnModules, is_own

if TYPE_CHECKING:
    from streetseg.json_files.model import ModelFile, Validation
    from streetseg.json_files.terms import InitialWeights


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file by name.

    Raises:
        ModelError: the file is missing, is no safetensors file, or holds a value that is not a finite number.
    """
    with _readable(path):
        tensors = load(path.read_bytes())  # load_file of safetensors takes UTF-8 paths only
    not_finite = [name for name, tensor in tensors.items() if not torch.isfinite(tensor.float()).all()]
    if not_finite:
        raise ModelError(
            f"{len(not_finite)} of {len(tensors)} tensors hold values that are not finite numbers, "
            f"first {not_finite[0]}",
            where=path,
        )
    return tensors


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn every failure to read a safetensors file into a ModelError."""
    try:
        if not path.exists():
            hint = f"{path.parent} holds no {path.name}; weights are auto, none, a .safetensors file or a run folder"
            raise ModelError("no such weight file", where=path, hint=hint)
        if not path.is_file():  # reading a pipe would block for ever
            raise OSError("no regular file")
        yield
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"not a readable safetensors file ({error})",
            where=path,
            hint=NO_PICKLES,
        ) from error


def contiguous(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors as safetensors requires them: on the CPU, contiguous."""
    return {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}


def save_bundle(
    folder: Path,
    network: SegmentationNetwork,
    *,
    initial_weights: "InitialWeights",
    protocol: Mapping[str, Any],
    scores: Mapping[str, Any],
    validation: Mapping[str, Any] | None = None,
) -> None:
    """Write a bundle atomically, replacing an older one.

    Args:
        folder: the folder of the bundle.
        network: the network; of modules of the caller's own only the weights are written, and a note says so.
        initial_weights: where its initial weights are from (kind, source, text).
        protocol: what `scores` were measured on.
        scores: the scores of these weights, 0..1.
        validation: the counts behind the scores, from `ValidationCounts.pack`; None before they are known.
    """
    space = network.space
    with atomic_folder(folder) as new:
        weights = new / "weights.safetensors"
        atomic_write_bytes(weights, save(contiguous(network.state_dict())))
        content: ModelFile = {
            "format": FORMAT,
            "version": VERSION,
            "encoder": network.encoder_name,
            "decoder": network.decoder_name,
            "channels": network.channels,
            "size": network.size,
            "size_rule": SIZE_RULE,
            "images": {"exif": network.reading.exif, "range": network.reading.range},
            "space": space.name,
            "classes": space.names,
            "colors": space.colors,
            "ignore_index": space.ignore_index,
            "confidence": network.calibration.as_dict() if network.calibration else None,
            "mask_ids": network.mask_ids,
            "normalization": {
                "input": "RGB 0..255",
                "mean": network.mean.flatten().tolist(),
                "std": network.std.flatten().tolist(),
            },
            "initial_weights": cast("InitialWeights", to_share(initial_weights)),
            "protocol": to_share(protocol),
            "scores": scores,
            "validation": cast("Validation | None", validation),
            "sha256": sha256(weights),
        }
        if (note := _note(network)) is not None:
            content["note"] = note
        atomic_write_json(new / "model.json", content)


def load_bundle(path: Path, own: OwnModules = NO_MODULES) -> tuple[SegmentationNetwork, dict[str, Any]]:
    """Return the network in evaluation mode, on the CPU, and the content of model.json.

    Args:
        path: a bundle folder, or a run folder, whose best bundle is meant.
        own: the modules of the caller's own that the network was trained with.

    Raises:
        ModelError: there is no bundle, it is damaged, newer than this program, its tensors do not fit, or a module of
            the caller's own is missing.
    """
    folder = find_bundle(path)
    description = read_model_json(folder)
    weights = folder / "weights.safetensors"
    if weights.is_file():
        hint = "the file is damaged or was exchanged; copy the bundle again"
        require_same_weights(weights, description, hint=hint)
    space, size = space_of(description, folder / "model.json"), size_of(description)
    reading = reading_of(description)

    own_encoder = own_encoder_of(own, description["encoder"])

    def make_network() -> SegmentationNetwork:
        return SegmentationNetwork(
            own_encoder or Encoder(description["encoder"]),
            space,
            decoder=description["decoder"],
            channels=tuple(description["channels"]),
            size=size,
            reading=reading,
            own_decoder=own.decoder,
        )

    # First a network without memory: model.json of an unknown source may ask for far more than its weights have.
    stored = read_safetensors(weights)
    with torch.device("meta"):
        require_same_tensors(stored, make_network().state_dict(), weights)
    network = make_network()
    network.load_state_dict(stored)
    network.calibration = calibration_of(description)
    network.mask_ids = description.get("mask_ids")
    return network.eval(), description


def own_encoder_of(own: OwnModules, name: str) -> OwnEncoder | None:
    """Return the caller's own encoder of that name; None where there is none."""
    return OwnEncoder(own.encoders[name], name) if name in own.encoders else None


def _note(network: SegmentationNetwork) -> str | None:
    """Return a note on the parts of a network whose code the bundle does not hold; None where it holds all."""
    parts = [f"the encoder ({network.encoder_name})"] if is_own(network.encoder_name) else []
    parts += ["the decoder"] if network.decoder_name == "own" else []
    if not parts:
        return None
    words = " and ".join(parts)
    cure = "streetseg.load takes the modules as encoder=, decoder="
    return f"the weights are here, the code of {words} is not: {cure}"


def require_same_tensors(stored: dict[str, Tensor], needed: dict[str, Tensor], path: Path) -> None:
    """Raise ModelError unless the stored tensors are exactly those of the network, with their shapes."""
    incorrect = [
        f"{len(names)} tensors {problem}, first {names[0]}"
        for problem, names in (
            ("are missing", [name for name in needed if name not in stored]),
            ("do not belong to it", [name for name in stored if name not in needed]),
        )
        if names
    ]
    incorrect += [
        f"{name} has shape {tuple(stored[name].shape)}, the network needs {tuple(tensor.shape)}"
        for name, tensor in needed.items()
        if name in stored and stored[name].shape != tensor.shape
    ]
    if incorrect:
        raise ModelError(
            f"the weights do not fit the network of model.json: {'; '.join(first(incorrect, 3))}", where=path
        )
