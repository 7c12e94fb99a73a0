"""The classic U-Net computes the same function as segmentation_models.pytorch's with the same weights."""

import pytest
import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn

from networks import some_images
from streetseg.labels.tables import STREET_11
from streetseg.models.encoder import Encoder
from streetseg.models.network import SegmentationNetwork

PARTS = {"encoder.model.": "encoder.body.", "decoder.blocks.": "decoder.blocks.", "segmentation_head.0.": "head."}
SIZE = (32, 64)


@pytest.fixture(scope="module", params=["mobilenetv2_100", "resnext50_32x4d"])
def both(request: pytest.FixtureRequest) -> tuple[SegmentationNetwork, nn.Module]:
    """Return our network with the other library's weights, and the other library's network; both in channels_last."""
    torch.manual_seed(0)
    theirs = smp.Unet(f"tu-{request.param}", encoder_weights=None, classes=STREET_11.num_classes)
    ours = SegmentationNetwork(Encoder(request.param), STREET_11, decoder="classic", channels=(256, 128, 64, 32, 16))
    theirs.to(memory_format=torch.channels_last)
    ours.to(memory_format=torch.channels_last)
    take_statistics(theirs, normalized(ours, some_images(4, *SIZE, seed=1)))
    ours.load_state_dict({"mean": ours.mean, "std": ours.std} | in_our_names(theirs.state_dict()))
    return ours, theirs


@pytest.mark.parametrize("size", [SIZE, (96, 64)])
def test_same_logits(both: tuple[SegmentationNetwork, nn.Module], size: tuple[int, int]) -> None:
    ours, theirs = both[0].eval(), both[1].eval()
    images = some_images(2, *size)

    with torch.no_grad():
        expected = theirs(normalized(ours, images))
        logits = ours(images)

    assert 0.1 < expected.std() < 10  # a difference below 1e-5 says something only where logits are of order 1
    assert (logits - expected).abs().max() < 1e-5


def test_same_gradients(both: tuple[SegmentationNetwork, nn.Module]) -> None:
    ours, theirs = both[0].train(), both[1].train()
    images = some_images(2, *SIZE, seed=3)
    direction = torch.randn(2, STREET_11.num_classes, *SIZE, generator=torch.Generator().manual_seed(0))

    (ours(images) * direction).mean().backward()
    (theirs(normalized(ours, images)) * direction).mean().backward()

    expected = in_our_names({name: parameter.grad for name, parameter in theirs.named_parameters()})
    gradients = {name: parameter.grad for name, parameter in ours.named_parameters()}
    assert gradients.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(
            gradients[name], gradient, rtol=1e-4, atol=1e-5 * float(gradient.abs().max()), msg=name
        )


def normalized(ours: SegmentationNetwork, images: Tensor) -> Tensor:
    """Normalize images as our network does; the other library leaves that to the caller."""
    return ((images.float() - ours.mean) / ours.std).contiguous(memory_format=torch.channels_last)


def take_statistics(network: nn.Module, images: Tensor) -> None:
    """Let every batch norm take its statistics from these images, so that deep activations stay of order 1."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    usual = norms[0].momentum
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        network.train()(images)
    for norm in norms:
        norm.momentum = usual


def in_our_names(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Translate the other library's tensor names into ours."""
    renamed = {}
    for name, tensor in tensors.items():
        theirs = next(part for part in PARTS if name.startswith(part))
        renamed[PARTS[theirs] + name.removeprefix(theirs)] = tensor
    return renamed
