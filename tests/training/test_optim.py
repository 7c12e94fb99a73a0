"""Optimizer, schedule and averaged weights."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from networks import some_images, tiny_network
from streetseg.recipe.schema import Optim, Train
from streetseg.training.optim import ExponentialAverage, length_of, lr_factor, make_optimizer, set_lr

SETTINGS = Optim(lr=1e-2, encoder_lr_scale=0.1, weight_decay=0.05)
SCHEDULES = ("poly", "one-cycle")


def test_every_parameter_exactly_once() -> None:
    network = tiny_network()

    optimizer = make_optimizer(network, SETTINGS, pretrained=True)

    held = [id(parameter) for group in optimizer.param_groups for parameter in group["params"]]
    assert len(held) == len(set(held))
    assert set(held) == {id(parameter) for parameter in network.parameters()}


@pytest.mark.parametrize(("pretrained", "lr_of_encoder"), [(True, 1e-3), (False, 1e-2)])
def test_a_pretrained_encoder_moves_by_its_factor(pretrained: bool, lr_of_encoder: float) -> None:
    network = tiny_network()

    optimizer = make_optimizer(network, SETTINGS, pretrained=pretrained)

    encoder = {id(parameter) for parameter in network.encoder.parameters()}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            assert group["lr"] == pytest.approx(lr_of_encoder if id(parameter) in encoder else 1e-2)


def test_with_layer_decay_early_layers_move_less_and_the_last_fifth_as_before() -> None:
    network = tiny_network()

    optimizer = make_optimizer(network, Optim(lr=1.0, encoder_lr_scale=0.5, layer_decay=0.5), pretrained=True)

    rates = {id(parameter): group["peak_lr"] for group in optimizer.param_groups for parameter in group["params"]}
    encoder = [rates[id(parameter)] for parameter in network.encoder.parameters()]
    assert sorted(set(encoder)) == [0.03125, 0.0625, 0.125, 0.25, 0.5]
    assert encoder == sorted(encoder)
    assert len(rates) == len(list(network.parameters()))
    assert {rates[id(parameter)] for parameter in network.decoder.parameters()} == {1.0}


def test_layer_decay_is_for_pretrained_encoders() -> None:
    optimizer = make_optimizer(tiny_network(), Optim(lr=1.0, layer_decay=0.5), pretrained=False)

    assert [group["peak_lr"] for group in optimizer.param_groups] == [1.0] * 6


def test_biases_and_norms_do_not_decay() -> None:
    network = tiny_network()

    optimizer = make_optimizer(network, SETTINGS, pretrained=True)

    decay = {id(parameter): group["weight_decay"] for group in optimizer.param_groups for parameter in group["params"]}
    for name, parameter in network.named_parameters():
        vector = name.endswith("bias") or "bn" in name or ".conv1.1." in name or ".conv2.1." in name
        assert decay[id(parameter)] == (0.0 if vector else 0.05), name


def test_the_schedule_scales_each_group_s_own_peak() -> None:
    optimizer = make_optimizer(tiny_network(), SETTINGS, pretrained=True)

    set_lr(optimizer, 0.5)
    set_lr(optimizer, 0.25)

    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([2.5e-4] * 2 + [2.5e-3] * 4)


def test_an_encoder_factor_of_0_keeps_the_encoder_as_it_was() -> None:
    network = tiny_network()
    before = {name: parameter.clone() for name, parameter in network.named_parameters()}
    optimizer = make_optimizer(network, Optim(encoder_lr_scale=0.0, weight_decay=0.5), pretrained=True)

    network(some_images(2, 32, 32)).square().mean().backward()
    optimizer.step()

    for name, parameter in network.named_parameters():
        assert torch.equal(parameter, before[name]) == name.startswith("encoder."), name


def factors(steps: int, **settings: object) -> list[float]:
    return [lr_factor(step, steps, Optim(**settings)) for step in range(steps)]


@given(
    steps=st.integers(1, 300),
    warmup=st.floats(0, 0.99),
    schedule=st.sampled_from(SCHEDULES),
)
def test_up_then_down_within_bounds(steps: int, warmup: float, schedule: str) -> None:
    curve = factors(steps, warmup=warmup, schedule=schedule)

    top = curve.index(max(curve))
    assert all(0 < factor <= 1 for factor in curve)
    assert max(curve) == pytest.approx(1)
    assert curve[: top + 1] == sorted(curve[: top + 1])
    assert curve[top:] == sorted(curve[top:], reverse=True)
    assert top <= math.ceil(warmup * steps)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_without_a_warm_up_it_starts_at_the_peak(schedule: str) -> None:
    assert factors(10, warmup=0.0, schedule=schedule)[0] == 1.0


def test_poly_rises_in_a_line_and_falls_by_its_power() -> None:
    curve = factors(100, warmup=0.1, schedule="poly")

    assert curve[:10] == pytest.approx([(k + 1) / 10 for k in range(10)])
    assert curve[10:] == pytest.approx([(1 - k / 90) ** 0.9 for k in range(90)])


def test_one_cycle_is_two_half_cosines() -> None:
    curve = factors(1000, warmup=0.3, schedule="one-cycle")

    assert curve[0] == pytest.approx(0.04, abs=1e-3)
    assert curve[149] == pytest.approx((0.04 + 1) / 2)  # half way up
    assert curve[299] == curve[300] == 1
    assert curve[650] == pytest.approx((1 + 1e-4) / 2)  # half way down
    assert curve[-1] == pytest.approx(1e-4, abs=1e-4)


def test_a_run_of_one_step() -> None:
    assert [factors(1, schedule=schedule) for schedule in SCHEDULES] == [[1.0], [1.0]]


def test_the_average_follows_its_formula() -> None:
    """average <- d average + (1 - d) weights, d = min(decay, (1 + n) / (10 + n)), statistics of batch norms too."""
    network = tiny_network()
    average = ExponentialAverage(network, decay=0.3)
    expected = {name: tensor.double() for name, tensor in network.state_dict().items() if tensor.is_floating_point()}

    for n in range(8):
        move(network, seed=n)
        average.update()
        d = min(0.3, (1 + n) / (10 + n))
        for name, tensor in floats(network).items():
            expected[name] = d * expected[name] + (1 - d) * tensor.double()

    averaged = floats(average.network)
    assert averaged.keys() == expected.keys()
    assert any(name.endswith("running_mean") for name in averaged)
    for name, tensor in averaged.items():
        torch.testing.assert_close(tensor.double(), expected[name], rtol=1e-5, atol=1e-6)


def test_a_network_that_stands_still_is_its_own_average() -> None:
    network = tiny_network()
    average = ExponentialAverage(network, decay=0.9)

    for _ in range(3):
        average.update()

    for name, tensor in floats(average.network).items():
        torch.testing.assert_close(tensor, floats(network)[name], rtol=1e-6, atol=1e-7)


def test_the_average_is_ready_to_be_scored_and_apart_from_the_network() -> None:
    network = tiny_network()
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
    network = tiny_network()
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
    """Change weights and batch-norm statistics slightly."""
    network(some_images(2, 32, 32, seed=seed))
    generator = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        parameter += 0.1 * torch.randn(parameter.shape, generator=generator)


def floats(network: torch.nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items() if tensor.is_floating_point()}


@pytest.mark.parametrize("decay", [0.5, 0.99])
def test_early_on_the_random_start_is_forgotten_fast(decay: float) -> None:
    network = tiny_network()
    average = ExponentialAverage(network, decay)
    with torch.no_grad():
        network.head.weight.fill_(1.0)

    average.update()

    before = tiny_network().head.weight
    torch.testing.assert_close(average.network.head.weight, (0.1 * before + 0.9).detach())


@pytest.mark.parametrize(
    ("train", "steps", "epochs"),
    [
        (Train(epochs=3), 30, [10, 10, 10]),
        (Train(steps=30), 30, [10, 10, 10]),
        (Train(steps=31), 31, [10, 10, 10, 1]),
        (Train(steps=7, epochs=3), 7, [7]),
    ],
)
def test_epochs_and_their_steps(train: Train, steps: int, epochs: list[int]) -> None:
    length = length_of(train, of_epoch=10)

    assert length.steps == steps
    assert length.epochs == len(epochs)
    assert [length.steps_in(epoch) for epoch in range(1, length.epochs + 1)] == epochs


def test_an_epoch_without_a_step_is_begun_all_the_same() -> None:
    """The epoch begins, so that the reader of batches reports that there are too few images."""
    assert length_of(Train(epochs=3), of_epoch=0).epochs == 3
    assert length_of(Train(steps=3), of_epoch=0).epochs == 3
