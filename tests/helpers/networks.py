"""Tiny networks from a seed, made in milliseconds, without a download."""

import torch

from streetseg.labels.space import LabelSpace
from streetseg.labels.tables import STREET_11
from streetseg.models.encoder import Encoder
from streetseg.models.network import SegmentationNetwork

CHANNELS = (16, 12, 8, 8, 8)


def tiny_network(
    encoder: str = "test_efficientnet",
    space: LabelSpace = STREET_11,
    *,
    seed: int = 0,
    size: tuple[int, int] | None = None,
) -> SegmentationNetwork:
    """Return a network of 0.1 M parameters in training mode, with batch-norm statistics of a few random images."""
    torch.manual_seed(seed)
    network = SegmentationNetwork(Encoder(encoder), space, decoder="classic", channels=CHANNELS, size=size)
    with torch.no_grad():
        for _ in range(3):
            network(some_images(4, 32, 64, seed=seed))
    return network


def some_images(count: int, height: int, width: int, *, seed: int = 0) -> torch.Tensor:
    """Return uint8 (count, 3, height, width): noise on a horizontal gradient of brightness."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randint(0, 128, (count, 3, height, width), generator=generator)
    return (noise + torch.linspace(0, 127, width).long()).to(torch.uint8)
