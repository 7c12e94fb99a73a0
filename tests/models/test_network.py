"""The whole network: images of any size, logits at that size."""

import pytest
import torch

from gpus import CUDA
from networks import some_images, tiny_network
from streetseg.errors import RequestError
from streetseg.labels.tables import STREET_11
from streetseg.models.encoder import Encoder
from streetseg.models.network import SegmentationNetwork


@pytest.fixture(scope="module")
def network() -> SegmentationNetwork:
    return tiny_network().eval()


@pytest.fixture(scope="module", params=["test_efficientnet", "test_resnet", "test_byobnet"])
def any_network(request: pytest.FixtureRequest) -> SegmentationNetwork:
    return tiny_network(request.param).eval()


@pytest.mark.parametrize("size", [(1, 1), (1, 333), (31, 2), (32, 32), (33, 64), (101, 333)])
def test_logits_at_the_image_s_own_size(any_network: SegmentationNetwork, size: tuple[int, int]) -> None:
    with torch.no_grad():
        logits = any_network(some_images(1, *size))

    assert (logits.dtype, logits.shape) == (torch.float32, (1, STREET_11.num_classes, *size))
    assert logits.isfinite().all()


def test_other_sizes_are_extended_at_the_bottom_and_right_with_the_mean_color(network: SegmentationNetwork) -> None:
    image = some_images(1, 40, 50)
    extended = network.mean.expand(1, 3, 64, 64).clone()
    extended[..., :40, :50] = image

    with torch.no_grad():
        assert torch.equal(network(image), network(extended)[..., :40, :50])


def test_floats_count_as_bytes_do(network: SegmentationNetwork) -> None:
    """A resized image may be float, in the range 0..255."""
    image = some_images(1, 32, 64)

    with torch.no_grad():
        assert torch.equal(network(image), network(image.float()))


def test_normalization_is_the_encoder_s_own_and_travels_with_the_weights(network: SegmentationNetwork) -> None:
    encoder = network.encoder
    seen: list[torch.Tensor] = []
    handle = encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))

    with torch.no_grad():
        network(torch.full((1, 3, 32, 32), 255, dtype=torch.uint8))
    handle.remove()

    expected = (1.0 - torch.tensor(encoder.mean)) / torch.tensor(encoder.std)
    torch.testing.assert_close(seen[0][0, :, 0, 0], expected)
    assert {"mean", "std"} <= network.state_dict().keys()


def test_in_evaluation_an_image_s_neighbors_change_nothing(network: SegmentationNetwork) -> None:
    images = some_images(3, 64, 64)

    with torch.no_grad():
        together = network(images)
        alone = torch.cat([network(image.unsqueeze(0)) for image in images])

    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


def test_the_same_seed_gives_the_same_weights() -> None:
    one, same, other = (tiny_network(seed=seed).state_dict() for seed in (0, 0, 1))

    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["head.weight"], other["head.weight"])


def test_a_decoder_needs_a_width_for_each_of_its_five_blocks() -> None:
    with pytest.raises(RequestError, match="5 blocks, 4 channel counts") as refused:
        SegmentationNetwork(Encoder("test_resnet"), STREET_11, decoder="classic", channels=(64, 32, 16, 8))
    assert refused.value.where == ("model.channels",)


def test_frozen_statistics_stay_and_are_used_while_the_weights_learn() -> None:
    network = tiny_network()
    network.freeze_statistics()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}

    features = network.train().encoder(network.mean.expand(2, 3, 32, 64) / 255)
    expected = network.eval().encoder(network.mean.expand(2, 3, 32, 64) / 255)
    network.train()(some_images(2, 32, 64)).square().mean().backward()

    assert all(torch.equal(one, other) for one, other in zip(features, expected, strict=True))
    moved = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert any(name.startswith("decoder.") for name in moved)
    assert not any(name.startswith("encoder.") for name in moved)
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_depthwise_convolutions_are_contiguous_on_cuda_alone() -> None:
    """cuDNN compiles those in channels_last for each new shape."""
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    mixed, plain = tiny_network("test_efficientnet"), tiny_network("test_resnet")
    assert (mixed.has_depthwise, plain.has_depthwise) == (True, False)
    assert mixed.layout(cuda) is torch.contiguous_format
    assert {plain.layout(cuda), plain.layout(cpu), mixed.layout(cpu)} == {torch.channels_last}


@pytest.mark.parametrize("device", ["cpu", CUDA])
def test_a_network_is_placed_in_the_layout_of_its_device(device: str) -> None:
    network = tiny_network()
    network.place(torch.device(device))
    weights = [weight for weight in network.parameters() if weight.ndim == 4 and min(weight.shape) > 1]
    assert weights
    for weight in weights:
        assert weight.is_contiguous(memory_format=network.layout(weight.device)) and weight.device.type == device
