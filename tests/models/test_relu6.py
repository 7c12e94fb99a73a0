"""ReLU6 in place, with its gradient computed from its output."""

import copy

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from streetseg.models.encoder import Encoder
from streetseg.models.relu6 import InPlaceReLU6, relu6_without_copy


def network() -> nn.Sequential:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(8)
    nn.init.constant_(norm.weight, 5.0)  # so that much is above 6
    layers = nn.Conv2d(3, 8, 3), norm, nn.ReLU6(inplace=True), nn.Conv2d(8, 4, 1), nn.ReLU6(inplace=True)
    return nn.Sequential(*layers)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_values_and_gradients_are_torch_s_own_to_the_last_bit(dtype: torch.dtype) -> None:
    theirs = network()
    ours = copy.deepcopy(theirs)
    relu6_without_copy(ours)
    images = torch.randn(2, 3, 12, 16)

    results = []
    for net in (ours, theirs):
        with torch.autocast("cpu", dtype, enabled=dtype is torch.bfloat16):
            out = net(images)
        out.float().square().sum().backward()
        results.append([out.detach(), *(parameter.grad for parameter in net.parameters())])

    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))
    assert (theirs[:3](images) == 6).float().mean() > 0.1


def test_at_0_and_6_the_gradient_is_0_as_torch_s_is() -> None:
    def gradient(relu6: nn.Module) -> torch.Tensor:
        x = torch.tensor([-1.0, 0.0, 1e-9, 5.9, 6.0, 7.0], requires_grad=True)
        relu6(x * 1).sum().backward()
        assert x.grad is not None
        return x.grad

    assert torch.equal(gradient(InPlaceReLU6()), gradient(nn.ReLU6()))


def test_a_mobilenet_makes_no_copies() -> None:
    encoder = Encoder("mobilenetv2_100").train()
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        encoder(torch.randn(2, 3, 32, 32))

    assert sum(isinstance(module, nn.ReLU6) for module in encoder.modules()) > 30
    assert "aten::clone" not in {event.key for event in profiled.key_averages()}
