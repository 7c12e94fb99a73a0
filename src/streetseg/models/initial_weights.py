"""Initial weights of a network: where they are from, and how they are loaded."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from streetseg.atomic import sha256
from streetseg.errors import ModelError
from streetseg.labels.space import LabelSpace
from streetseg.models.bundle import load_bundle, own_encoder_of, read_safetensors
from streetseg.models.encoder import Encoder
from streetseg.models.hub import is_box
from streetseg.models.network import SegmentationNetwork
from streetseg.models.own import NO_MODULES, OwnEncoder, OwnModules
from streetseg.pretrained.networks import BOX, box_bundle, card_of
from streetseg.recipe.decoders import DecoderName
from streetseg.recipe.reading import AS_USUAL, ImageReading

if TYPE_CHECKING:
    from streetseg.json_files.terms import InitialWeights as InitialWeightsJson

NOT_FILES = ("auto", "auto-or-random", "none")  # what `weights` can be besides a path


@dataclass(frozen=True)
class InitialWeights:
    """Where the initial weights are from.

    Args:
        kind: "timm-pretrained", "file", "bundle", "module" or "random".
        source: model name, or the name of the file, folder or module; empty for random.
        text: one sentence for people, with the digest of a file.
    """

    kind: str
    source: str
    text: str

    @property
    def pretrained(self) -> bool:
        """Whether the encoder was trained before."""
        return self.kind != "random"

    def as_dict(self) -> "InitialWeightsJson":
        """Return the content for model.json."""
        return {"kind": self.kind, "source": self.source, "text": self.text}


def build_network(
    encoder_name: str,
    space: LabelSpace,
    *,
    decoder: DecoderName,
    channels: tuple[int, ...] | None = None,
    size: tuple[int, int] | None,
    weights: str,
    reading: ImageReading = AS_USUAL,
    own: OwnModules = NO_MODULES,
) -> tuple[SegmentationNetwork, InitialWeights]:
    """Return a network ready to train, and its initial weights.

    Args:
        weights: "auto" (timm's pretrained), "auto-or-random" (or random where they are not available), "none"
            (random), "scenes" (the network in the box), a .safetensors file in timm's naming, or a bundle or run
            folder. An encoder of the caller's own keeps the weights that it has with the first three; "none" says that
            they are untrained.
        reading: how the image files become 8-bit RGB.
        own: modules of the caller's own; their encoder is meant where `encoder_name` is its name.

    Raises:
        ModelError: the encoder is unknown, or the weights are not available or do not fit.
    """

    def make_network(*, pretrained: bool = False) -> SegmentationNetwork:
        return SegmentationNetwork(
            own_encoder or Encoder(encoder_name, pretrained=pretrained),
            space,
            decoder=decoder,
            channels=channels,
            size=size,
            reading=reading,
            own_decoder=own.decoder,
        )

    own_encoder = own_encoder_of(own, encoder_name)
    match weights:
        case "none" | "auto" | "auto-or-random" if own_encoder is not None:
            return make_network(), given_by_caller(encoder_name, untrained=weights == "none")
        case "none":
            return make_network(), InitialWeights("random", "", "random weights")
        case "auto":
            return make_network(pretrained=True), pretrained_by_timm(encoder_name)
        case "auto-or-random":
            try:
                return make_network(pretrained=True), pretrained_by_timm(encoder_name)
            except ModelError as error:
                reason = f"random weights, because {error.problem}"
                return make_network(), InitialWeights("random", "", reason)
        case _ if weights.endswith(".safetensors"):
            network = make_network()
            load_encoder_file(network.encoder, Path(weights))
            digest = sha256(Path(weights))[:12]
            return network, InitialWeights(
                "file", Path(weights).name, f"encoder from {Path(weights).name} (SHA-256 {digest}…)"
            )
        case _ if is_box(weights):
            built = make_network()
            return built, from_box(built)
        case _ if not Path(weights).exists():
            hint = "auto (timm's pretrained), none (random), scenes, or a .safetensors file, bundle or run folder"
            raise ModelError("there are no such initial weights", where=weights, hint=hint)
        case _:
            built = make_network()
            return built, transfer(built, Path(weights), own)


def pretrained_by_timm(encoder_name: str) -> InitialWeights:
    """Return the facts of weights that timm publishes."""
    return InitialWeights("timm-pretrained", encoder_name, f"encoder from timm's pretrained {encoder_name}")


def given_by_caller(encoder_name: str, *, untrained: bool) -> InitialWeights:
    """Return the facts of weights that a module of the caller's own came with."""
    if untrained:
        return InitialWeights("random", "", f"the untrained weights that {encoder_name} came with")
    return InitialWeights("module", encoder_name, f"encoder with the weights that {encoder_name} came with")


def load_encoder_file(encoder: Encoder | OwnEncoder, path: Path) -> None:
    """Load a safetensors file in timm's naming into `encoder`; other tensors of the file (the classifier) are ignored.

    Raises:
        ModelError: the file cannot be read, or a tensor of the encoder is missing or has another shape.
    """
    stored = {flattened(name): tensor for name, tensor in read_safetensors(path).items()}
    own = encoder.body.state_dict()
    missing = [name for name in own if flattened(name) not in stored and not name.endswith("num_batches_tracked")]
    if missing:
        raise ModelError(
            f"{len(missing)} of {len(own)} tensors of {encoder.name} are missing, first {missing[0]}",
            where=path,
            hint=f"are these weights of {encoder.name}, in timm's naming?",
        )
    copy_tensors(own, {name: stored[flattened(name)] for name in own if flattened(name) in stored}, path)


def transfer(network: SegmentationNetwork, path: Path, own: OwnModules = NO_MODULES) -> InitialWeights:
    """Copy the weights of a trained bundle, as `copy_network` does, and return the facts of them."""
    description, shared = copy_network(network, path, own)
    data = description.get("protocol", {}).get("dataset", "unknown data")
    before = f"SHA-256 {description['sha256'][:12]}…, which began from {description['initial_weights']['text']}"
    return InitialWeights("bundle", path.name, f"whole network from a run on {data} ({before}); {shared}")


def copy_network(network: SegmentationNetwork, path: Path, own: OwnModules = NO_MODULES) -> tuple[dict[str, Any], str]:
    """Copy the weights of a trained bundle with the same encoder and decoder: both whole, the head by class name.

    Returns:
        The description of the bundle, and in words how many classes were copied.

    Raises:
        ModelError: the bundle has another encoder, decoder or channels.
    """
    trained, description = load_bundle(path, own)
    if shape_of(trained) != shape_of(network):
        channels = ",".join(map(str, trained.channels))
        raise ModelError(
            f"the bundle's network is {shape_of(trained)}, the recipe asks for {shape_of(network)}",
            where=path,
            hint=f"take --encoder {trained.encoder_name} model.decoder={trained.decoder_name} "
            f"model.channels=[{channels}], or another bundle",
        )
    network.encoder.load_state_dict(trained.encoder.state_dict())
    network.decoder.load_state_dict(trained.decoder.state_dict())
    network.mean.copy_(trained.mean)
    network.std.copy_(trained.std)
    shared = [name for name in network.space.names if name in trained.space.names]
    with torch.no_grad():
        for name in shared:
            here, there = network.space.names.index(name), trained.space.names.index(name)
            for mine, other in zip(network.head.parameters(), trained.head.parameters(), strict=True):
                mine[here] = other[there]
    return description, f"{len(shared)} of {network.space.num_classes} classes of the head kept by name"


def from_box(network: SegmentationNetwork) -> InitialWeights:
    """Copy the weights of the network in the box. Raise ModelError if encoder, decoder or channels are not its own."""
    card = card_of(BOX)
    if network.encoder_name != card["encoder"]:
        problem = f"the network in the box has the encoder {card['encoder']}, the recipe {network.encoder_name}"
        hint = f"--encoder {card['encoder']}, or --weights auto for another encoder"
        raise ModelError(problem, where=f"--weights {BOX}", hint=hint)
    description, shared = copy_network(network, box_bundle())
    about = f"SHA-256 {description['sha256'][:12]}…, trained on {card['trained_on']}"
    return InitialWeights("bundle", BOX, f"the network in the box, {BOX} ({about}); {shared}")


def shape_of(network: SegmentationNetwork) -> str:
    """Return the facts that two networks must share for the weights of one to fit the other; the head aside."""
    return f"{network.encoder_name} with the {network.decoder_name} decoder of channels {network.channels}"


def flattened(name: str) -> str:
    """Return a tensor name with "_" for dots: timm joins the first two parts with "_" in a feature network."""
    return name.replace(".", "_")


def copy_tensors(own: dict[str, Tensor], stored: dict[str, Tensor], path: Path) -> None:
    """Copy tensors by name, in place. Raise ModelError where shapes differ."""
    for name, tensor in stored.items():
        if tensor.shape != own[name].shape:
            raise ModelError(
                f"{name} has shape {tuple(tensor.shape)}, the network needs {tuple(own[name].shape)}", where=path
            )
        own[name].copy_(tensor)
