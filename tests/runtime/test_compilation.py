"""Compilation: by request, or automatically where it pays off; graphs elsewhere; and which function is then called."""

import re
from typing import Any

import pytest
import torch
from torch import nn

from streetseg.runtime import compilation
from streetseg.runtime.compilation import MIN_STEPS, Compilation, choose_compilation

CPU, GPU, MPS = torch.device("cpu"), torch.device("cuda"), torch.device("mps")


@pytest.mark.parametrize(("requested", "how"), [("on", "compiled"), ("off", "eager")])
@pytest.mark.parametrize("device", [CPU, GPU])
def test_what_was_asked_for(requested: str, how: Any, device: torch.device) -> None:
    assert choose_compilation(requested, device, 1, None) == Compilation(how, "asked for")


@pytest.mark.parametrize(
    ("device", "steps", "triton", "obstacle", "how", "why"),
    [
        (CPU, 10 * MIN_STEPS, True, None, "eager", "on a CPU"),
        (MPS, 10 * MIN_STEPS, True, None, "eager", "on CUDA alone"),
        (GPU, MIN_STEPS - 1, True, None, "graph", "too few"),
        (GPU, MIN_STEPS - 1, True, "it waits", "eager", "too few .* no CUDA graphs: it waits"),
        (GPU, MIN_STEPS, False, None, "graph", "Triton"),
        (GPU, MIN_STEPS, False, "it waits", "eager", "Triton.* no CUDA graphs: it waits"),
        (GPU, MIN_STEPS, True, None, "compiled", "repay"),
        (GPU, MIN_STEPS, True, "it waits", "compiled", "repay"),
    ],
)
def test_auto(
    device: torch.device,
    steps: int,
    triton: bool,
    obstacle: str | None,
    how: str,
    why: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compilation, "has_triton", lambda: triton)
    chosen = choose_compilation("auto", device, steps, obstacle)
    assert chosen.how == how
    assert re.search(why, chosen.why)


@pytest.mark.parametrize(("graphs", "mode"), [(True, "reduce-overhead"), (False, "default")])
def test_a_network_is_compiled_as_chosen(graphs: bool, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network, options = nn.Linear(2, 2), {}

    def compiled(module: nn.Module, **how: Any) -> nn.Module:
        options.update(how)
        return nn.Sequential(module)

    monkeypatch.setattr(torch, "compile", compiled)
    assert Compilation("eager", "").of(network, graphs=graphs) is network
    assert Compilation("graph", "").of(network, graphs=graphs) is network
    assert options == {}
    found = Compilation("compiled", "").of(network, graphs=graphs)
    assert options == {"dynamic": False, "mode": mode}
    assert next(found.parameters()) is network.weight
