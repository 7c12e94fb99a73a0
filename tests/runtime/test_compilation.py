"""Compilation: by request, or automatically where it pays off; and which function is then called."""

from typing import Any

import pytest
import torch
from torch import nn

from streetseg.runtime import compilation
from streetseg.runtime.compilation import MIN_STEPS, Compilation, choose_compilation

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize("requested", ["on", "off"])
@pytest.mark.parametrize("device", [CPU, GPU])
def test_what_was_asked_for(requested: str, device: torch.device) -> None:
    assert choose_compilation(requested, device, 1) == Compilation(requested == "on", "asked for")


@pytest.mark.parametrize(
    ("device", "steps", "triton", "on", "why"),
    [
        (CPU, 10 * MIN_STEPS, True, False, "on a CPU"),
        (GPU, MIN_STEPS - 1, True, False, "too few"),
        (GPU, MIN_STEPS, False, False, "Triton"),
        (GPU, MIN_STEPS, True, True, "repay"),
    ],
)
def test_auto(
    device: torch.device, steps: int, triton: bool, on: bool, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compilation, "has_triton", lambda: triton)
    chosen = choose_compilation("auto", device, steps)
    assert chosen.on is on
    assert why in chosen.why


@pytest.mark.parametrize(("graphs", "mode"), [(True, "reduce-overhead"), (False, "default")])
def test_a_network_is_compiled_as_chosen(graphs: bool, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network, options = nn.Linear(2, 2), {}

    def compiled(module: nn.Module, **how: Any) -> nn.Module:
        options.update(how)
        return nn.Sequential(module)

    monkeypatch.setattr(torch, "compile", compiled)
    assert Compilation(False, "").of(network, graphs=graphs) is network
    assert options == {}
    found = Compilation(True, "").of(network, graphs=graphs)
    assert options == {"dynamic": False, "mode": mode}
    assert next(found.parameters()) is network.weight
