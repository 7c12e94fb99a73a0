"""Averaged weights."""

import pytest
import torch
from torch import Tensor

from networks import some_pictures, tiny_segmenter
from streetseg.training.ema import ExponentialAverage


def test_the_average_follows_its_formula() -> None:
    """average <- d average + (1 - d) weights, d = min(decay, (1 + n) / (10 + n)), statistics of batch norms too."""
    network = tiny_segmenter()
    average = ExponentialAverage(network, decay=0.3)
    expected = {name: tensor.double() for name, tensor in network.state_dict().items() if tensor.is_floating_point()}

    for n in range(8):
        move(network, seed=n)
        average.update()
        d = min(0.3, (1 + n) / (10 + n))
        for name, tensor in floats(network).items():
            expected[name] = d * expected[name] + (1 - d) * tensor.double()

    found = floats(average.network)
    assert found.keys() == expected.keys()
    assert any(name.endswith("running_mean") for name in found)
    for name, tensor in found.items():
        torch.testing.assert_close(tensor.double(), expected[name], rtol=1e-5, atol=1e-6)


def test_a_network_that_stands_still_is_its_own_average() -> None:
    network = tiny_segmenter()
    average = ExponentialAverage(network, decay=0.9)

    for _ in range(3):
        average.update()

    for name, tensor in floats(average.network).items():
        torch.testing.assert_close(tensor, floats(network)[name], rtol=1e-6, atol=1e-7)


def test_the_average_is_ready_to_be_scored_and_apart_from_the_network() -> None:
    network = tiny_segmenter()
    average = ExponentialAverage(network, decay=0.9)

    assert network.training
    assert not average.network.training
    assert not any(parameter.requires_grad for parameter in average.network.parameters())
    before = floats(network)
    with torch.no_grad():
        for parameter in average.network.parameters():
            parameter.zero_()
    assert all(torch.equal(tensor, before[name]) for name, tensor in floats(network).items())


def test_an_average_taken_up_again_goes_on_bit_for_bit() -> None:
    network = tiny_segmenter()
    whole, first = ExponentialAverage(network, decay=0.9), ExponentialAverage(network, decay=0.9)
    states = []
    for n in range(6):
        move(network, seed=n)
        states.append({name: tensor.clone() for name, tensor in network.state_dict().items()})

    def follow(average: ExponentialAverage, part: slice) -> None:
        for state in states[part]:
            network.load_state_dict(state)
            average.update()

    follow(whole, slice(0, 6))
    follow(first, slice(0, 3))
    second = ExponentialAverage(network, decay=0.9)
    second.load_state_dict(first.state_dict())
    follow(second, slice(3, 6))

    assert second.updates == whole.updates == 6
    assert all(
        torch.equal(tensor, whole.network.state_dict()[name]) for name, tensor in second.network.state_dict().items()
    )


@torch.no_grad()
def move(network: torch.nn.Module, *, seed: int) -> None:
    """Change weights and batch-norm statistics a little."""
    network(some_pictures(2, 32, 32, seed=seed))
    generator = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        parameter += 0.1 * torch.randn(parameter.shape, generator=generator)


def floats(network: torch.nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items() if tensor.is_floating_point()}


@pytest.mark.parametrize("decay", [0.5, 0.99])
def test_early_on_the_random_start_is_forgotten_fast(decay: float) -> None:
    network = tiny_segmenter()
    average = ExponentialAverage(network, decay)
    with torch.no_grad():
        network.head.weight.fill_(1.0)

    average.update()

    before = tiny_segmenter().head.weight
    torch.testing.assert_close(average.network.head.weight, (0.1 * before + 0.9).detach())
