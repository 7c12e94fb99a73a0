"""The parts of a network: their sums are the totals of the whole network, whatever encoder and decoder it has."""

import pytest
import torch
from torch import Tensor, nn

from streetseg.inference.cost import count_macs
from streetseg.inference.engines.torch_engine import TorchEngine
from streetseg.inference.parts import count_parts
from streetseg.labels.tables import STREET_11
from streetseg.models.encoder import Encoder
from streetseg.models.network import SegmentationNetwork
from streetseg.models.own import OwnEncoder
from streetseg.recipe.decoders import DecoderName

CPU, SIZE = torch.device("cpu"), (64, 96)
CHANNELS: dict[DecoderName, tuple[int, ...]] = {"classic": (32, 16, 16, 8, 8), "fast": (16, 16, 8)}


def made(encoder: Encoder | OwnEncoder, decoder: DecoderName) -> SegmentationNetwork:
    return SegmentationNetwork(encoder, STREET_11, decoder=decoder, channels=CHANNELS[decoder])


def macs_of(network: SegmentationNetwork) -> int:
    """Return the multiply-accumulates as cost.json states them."""
    return count_macs(TorchEngine(network, CPU), torch.zeros(1, 3, *SIZE, dtype=torch.uint8))


@pytest.mark.parametrize("decoder", ["classic", "fast"])
@pytest.mark.parametrize(
    "encoder", ["resnet18", "mobilenetv2_100", "test_efficientnet", "hrnet_w18_small", "regnety_002"]
)
def test_the_sums_of_the_parts_are_the_totals_that_are_reported(encoder: str, decoder: DecoderName) -> None:
    network = made(Encoder(encoder), decoder)
    parts = count_parts(network, SIZE, CPU)
    assert sum(part["parameters"] for part in parts) == sum(parameter.numel() for parameter in network.parameters())
    assert sum(part["macs"] for part in parts) == macs_of(network)
    encoder_parts = [part for part in parts if part["part"] == "encoder"]
    assert sum(part["parameters"] for part in encoder_parts) == sum(p.numel() for p in network.encoder.parameters())
    assert all(part["parameters"] > 0 and part["macs"] > 0 for part in parts)
    assert [part["shape"][0] for part in encoder_parts] == list(network.encoder.channels)
    assert [part["shape"][1:] for part in encoder_parts] == [(64 // s, 96 // s) for s in (2, 4, 8, 16, 32)]
    blocks = [part for part in parts if part["part"] == "decoder"]
    assert [part["shape"][0] for part in blocks] == list(CHANNELS[decoder])
    assert [part["name"] for part in parts[-1:]] == ["logits"]


def test_each_part_of_a_resnet_is_counted_as_timm_names_it() -> None:
    network = made(Encoder("resnet18"), "classic")
    body = network.encoder.body

    def parameters(*names: str) -> int:
        return sum(parameter.numel() for name in names for parameter in getattr(body, name).parameters())

    found = [part["parameters"] for part in count_parts(network, SIZE, CPU)]
    assert found[:5] == [parameters("conv1", "bn1"), *(parameters(f"layer{k}") for k in (1, 2, 3, 4))]
    assert found[5:10] == [sum(p.numel() for p in block.parameters()) for block in network.decoder.blocks]


class Strange(nn.Module):
    """An encoder whose maps come from functions, one of whose modules returns its input and one of which is not used.

    Its last stage changes a map in place, and adds another branch to it after its last module.
    """

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv2d(a, 4, 3, stride=2, padding=1) for a in (3, 4, 4, 4, 4))
        self.branch = nn.Conv2d(4, 4, 1, stride=2)
        self.same = nn.Identity()
        self.never = nn.Linear(7, 3)

    def forward(self, images: Tensor) -> list[Tensor]:
        maps, x = [], images
        for k, convolution in enumerate(self.convolutions):
            before = self.same(x)
            x = convolution(before)
            if k == 4:
                x += self.branch(before)
            elif k == 1:
                x = torch.relu(x)  # a new tensor, which no module returns
            maps.append(x)
        return maps


def test_the_sums_hold_for_a_module_of_ones_own() -> None:
    network = made(OwnEncoder(Strange(), "python:Strange"), "fast")
    parts = count_parts(network, SIZE, CPU)
    assert sum(part["parameters"] for part in parts) == sum(parameter.numel() for parameter in network.parameters())
    assert sum(part["macs"] for part in parts) == macs_of(network)
    unused = parts[-1]
    assert (unused["name"], unused["parameters"]) == ("not used", 24)
    assert parts[4]["parameters"] == 148 + 20  # the last stage with its branch


def test_a_decoder_of_ones_own_is_one_part() -> None:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Conv2d(64, 6, 1)

        def forward(self, maps: list[Tensor]) -> Tensor:
            scaled: Tensor = self.scale(maps[-1])
            return scaled

    network = SegmentationNetwork(Encoder("test_efficientnet"), STREET_11, decoder="own", own_decoder=Last())
    parts = count_parts(network, SIZE, CPU)
    assert [(part["part"], part["shape"]) for part in parts[5:]] == [("decoder", (6, 2, 3)), ("head", (11, 2, 3))]
    assert sum(part["parameters"] for part in parts) == sum(parameter.numel() for parameter in network.parameters())
