"""Build a network with its initial weights, and describe where the weights come from."""

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from streetseg.atomic import sha256
from streetseg.errors import ModelError
from streetseg.labels.space import LabelSpace
from streetseg.models.bundle import load_bundle, read_safetensors
from streetseg.models.encoder import Encoder
from streetseg.models.network import SegmentationNetwork
from streetseg.recipe.decoders import DecoderName
from streetseg.recipe.reading import AS_USUAL, ImageReading

NOT_FILES = ("auto", "auto-or-random", "none")  # what `weights` can be besides a path


@dataclass(frozen=True)
class InitialWeights:
    """The origin of the initial weights.

    Args:
        kind: "timm-pretrained", "file", "bundle" or "random".
        source: model name, or the name of the file or folder; empty for random weights.
        text: one phrase for people, with the SHA-256 of a file.
    """

    kind: str
    source: str
    text: str

    @property
    def pretrained(self) -> bool:
        """Whether the encoder was trained before."""
        return self.kind != "random"

    def as_dict(self) -> dict[str, str]:
        """Return the fields for model.json."""
        return asdict(self)


def build_network(
    encoder_name: str,
    space: LabelSpace,
    *,
    decoder: DecoderName,
    channels: tuple[int, ...] | None = None,
    size: tuple[int, int] | None,
    weights: str,
    reading: ImageReading = AS_USUAL,
) -> tuple[SegmentationNetwork, InitialWeights]:
    """Return a network to train, and the origin of its weights.

    Args:
        encoder_name: timm model name.
        space: the classes.
        channels: decoder channels, deep to shallow; None for the decoder's default.
        size: (height, width) at which the network is trained; None for the images' own.
        weights: "auto" (timm's pretrained weights), "auto-or-random" (the same, but random if they are unavailable),
            "none" (random), a .safetensors file in timm's naming, or a bundle or run folder.
        reading: how the image files become 8-bit RGB.

    Raises:
        ModelError: the encoder is unknown, or the weights are unavailable or do not fit.
    """

    def make_network(*, pretrained: bool = False) -> SegmentationNetwork:
        encoder = Encoder(encoder_name, pretrained=pretrained)
        return SegmentationNetwork(encoder, space, decoder=decoder, channels=channels, size=size, reading=reading)

    match weights:
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
        case _:
            network = make_network()
            return network, transfer(network, Path(weights))


def pretrained_by_timm(encoder_name: str) -> InitialWeights:
    """Return the origin of timm's pretrained weights."""
    return InitialWeights("timm-pretrained", encoder_name, f"encoder from timm's pretrained {encoder_name}")


def load_encoder_file(encoder: Encoder, path: Path) -> None:
    """Load a safetensors file in timm's naming into `encoder`; tensors that it does not have (classifier) are skipped.

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


def transfer(network: SegmentationNetwork, path: Path) -> InitialWeights:
    """Copy the weights of a trained bundle: encoder and decoder completely, the head for classes of the same name.

    Raises:
        ModelError: the bundle has another encoder, decoder or channels.
    """
    trained, description = load_bundle(path)
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
            to, from_ = network.space.names.index(name), trained.space.names.index(name)
            for own, other in zip(network.head.parameters(), trained.head.parameters(), strict=True):
                own[to] = other[from_]
    data = description.get("protocol", {}).get("dataset", "unknown data")
    before = description["initial_weights"]["text"]
    return InitialWeights(
        "bundle",
        path.name,
        f"whole network from a run on {data} (SHA-256 {description['sha256'][:12]}…, which began from {before}); "
        f"{len(shared)} of {network.space.num_classes} classes of the head kept by name",
    )


def shape_of(network: SegmentationNetwork) -> str:
    """Return encoder, decoder and channels as text. Weights fit another network, except the head, if it is equal."""
    return f"{network.encoder_name} with the {network.decoder_name} decoder of channels {network.channels}"


def flattened(name: str) -> str:
    """Return a tensor name with "_" for ".". timm joins the first two parts of a name with "_" in a feature pyramid."""
    return name.replace(".", "_")


def copy_tensors(own: dict[str, Tensor], stored: dict[str, Tensor], path: Path) -> None:
    """Copy the `stored` tensors into `own` by name, in place. Raise ModelError where shapes differ."""
    for name, tensor in stored.items():
        if tensor.shape != own[name].shape:
            raise ModelError(
                f"{name} has shape {tuple(tensor.shape)}, the network needs {tuple(own[name].shape)}", where=path
            )
        own[name].copy_(tensor)
