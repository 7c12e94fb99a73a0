"""The fast decoder: a skip at every scale down to its last block; logits at that stride in training, and at the image's
size in evaluation."""

import pytest
import torch
from timm.utils.model import reparameterize_model
from torch import nn

from networks import some_images
from streetseg.errors import RequestError
from streetseg.labels.tables import STREET_11
from streetseg.models.encoder import STRIDES, Encoder
from streetseg.models.fast_unet import FastDecoder
from streetseg.models.network import SegmentationNetwork
from streetseg.recipe.decoders import DecoderName

STRIDE = {(16, 12, 8): 4, (16, 12, 8, 8): 2}  # of the logits, by the decoder's channels
DECODERS = [("fast", (16, 12, 8)), ("fast", (16, 12, 8, 8)), ("fast-half", (16, 12, 8, 8))]


@pytest.fixture(scope="module", params=DECODERS, ids=str)
def network(request: pytest.FixtureRequest) -> SegmentationNetwork:
    torch.manual_seed(0)
    decoder, channels = request.param
    return SegmentationNetwork(Encoder("test_efficientnet"), STREET_11, decoder=decoder, channels=channels)


@pytest.mark.parametrize("size", [(1, 1), (33, 64), (101, 333)])
def test_logits_at_the_image_s_own_size(network: SegmentationNetwork, size: tuple[int, int]) -> None:
    with torch.no_grad():
        logits = network.eval()(some_images(1, *size))

    assert (logits.dtype, logits.shape) == (torch.float32, (1, STREET_11.num_classes, *size))


def test_logits_at_the_decoder_s_stride_in_training_where_nothing_is_padded(network: SegmentationNetwork) -> None:
    stride = STRIDE[network.channels]
    network.train()

    assert network(some_images(2, 64, 96)).shape[-2:] == (64 // stride, 96 // stride)
    assert network(some_images(2, 64, 90)).shape[-2:] == (64, 90)


def test_both_are_the_same_logits(network: SegmentationNetwork) -> None:
    """Batch norm is in evaluation mode, so that the mode changes only the size of the logits."""
    images = some_images(1, 64, 96)
    with torch.no_grad():
        network.eval()
        whole = network(images)
        network.training = True
        coarse = network(images)

    torch.testing.assert_close(nn.functional.interpolate(coarse, images.shape[-2:], mode="bilinear"), whole)


@pytest.mark.parametrize("level", range(len(STRIDES)))
def test_every_scale_down_to_the_last_step_counts(network: SegmentationNetwork, level: int) -> None:
    pyramid = [torch.zeros(1, c, 64 // s, 64 // s) for c, s in zip(network.encoder.channels, STRIDES, strict=True)]
    decoder = network.eval().decoder
    with torch.no_grad():
        before = decoder(pyramid)
        pyramid[level] = torch.ones_like(pyramid[level])
        after = decoder(pyramid)

    stride = STRIDE[network.channels]
    assert before.shape == (1, 8, 64 // stride, 64 // stride)
    counts = bool((after - before).abs().max() > 1e-4)
    assert counts == (STRIDES[level] >= stride)


@pytest.mark.parametrize("decoder", ["fast-pool", "fast-gate"])
def test_the_context_of_the_image_reaches_every_place(decoder: DecoderName) -> None:
    torch.manual_seed(0)
    network = SegmentationNetwork(Encoder("test_efficientnet"), STREET_11, decoder=decoder, channels=(16, 12, 8)).eval()
    body = network.decoder
    assert isinstance(body, FastDecoder) and body.context is not None
    pyramid = [torch.rand(2, c, 256 // s, 256 // s) for c, s in zip(network.encoder.channels, STRIDES, strict=True)]
    with torch.no_grad():
        at_first = body(pyramid)
        context, body.context = body.context, None
        without = body(pyramid)
        body.context = context
        nn.init.normal_(context.expand.weight)
        before = body(pyramid)
        pyramid[-1][..., -1, -1] += 9  # no convolution takes this change to the other end of the map
        after = body(pyramid)

    torch.testing.assert_close(at_first, without)
    assert (after - before)[..., :16, :16].abs().max() > 1e-4
    body.train()(pyramid).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in context.parameters())


@pytest.mark.parametrize("channels", [(16, 12, 8, 8, 8), (16, 12), ()])
def test_other_block_counts_are_refused(channels: tuple[int, ...]) -> None:
    with pytest.raises(RequestError, match=f"has 3 or 4 blocks, {len(channels)} channel counts were given"):
        SegmentationNetwork(Encoder("test_efficientnet"), STREET_11, decoder="fast", channels=channels)


def test_folded_for_inference_it_is_the_same_function(network: SegmentationNetwork) -> None:
    images = some_images(2, 64, 96)
    with torch.no_grad():
        network.train()(images)  # statistics of its own
        expected = network.eval()(images)
        folded = reparameterize_model(network)

    norms = [sum(isinstance(m, nn.BatchNorm2d) for m in network.decoder.modules()) for network in (network, folded)]
    assert norms[1] == norms[0] - len(network.channels)
    torch.testing.assert_close(folded(images), expected, rtol=1e-4, atol=1e-5)
