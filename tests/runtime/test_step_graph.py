"""Steps as CUDA graphs: which steps are replayed, whose gradients the parameters have, and what a failure leaves."""

import copy
from contextlib import nullcontext

import pytest
import torch
from torch import nn

from gpus import CUDA, needs_cuda
from rerun import Refusing, Rerun
from streetseg.runtime.step_graph import EAGER_STEPS, Recorder, Results, StepGraphs

TOLERANCE = {"cpu": {"rtol": 0, "atol": 0}, "cuda": {"rtol": 1e-2, "atol": 1e-3}}  # bf16; sums in any order on a GPU
SIZES = [(8, 8)] * 6 + [(12, 8)] * 6 + [(8, 8), (12, 8)] * 2


def network_on(device: str) -> nn.Module:
    """Return a small network with batch norm; on a GPU with dropout, too: the stand-in draws again in a replay."""
    torch.manual_seed(0)
    drop = nn.Identity() if device == "cpu" else nn.Dropout(0.2)
    layers = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), drop, nn.Conv2d(4, 5, 1)
    return nn.Sequential(*layers).to(device).to(memory_format=torch.channels_last)


def batch_of(size: tuple[int, int], number: int, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(number)
    images = torch.randint(0, 256, (2, 3, *size), generator=generator, dtype=torch.uint8)
    labels = torch.randint(0, 5, (2, *size), generator=generator, dtype=torch.uint8)
    return images.to(device), labels.to(device)


class Steps:
    """Training steps of a network by plain gradient descent.

    Args:
        network: is trained.
        graphs: replay them; None: all steps are eager.
        waiting: the loss makes the processor wait.
    """

    def __init__(self, network: nn.Module, graphs: StepGraphs | None, *, waiting: bool = False) -> None:
        self.network, self.graphs, self.waiting = network, graphs, waiting
        self.optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
        self.losses: list[float] = []
        self.replayed: list[bool] = []

    def compute(self, images: torch.Tensor, labels: torch.Tensor) -> Results:
        with torch.autocast(images.device.type, torch.bfloat16, enabled=images.is_cuda):
            logits = self.network(images.float() / 255).float()
        loss = -(logits.log_softmax(1) * nn.functional.one_hot(labels.long(), 5).movedim(3, 1)).sum(1).mean()
        if self.waiting:
            loss = loss * float(loss.detach() > -1)
        loss.backward()
        return logits.detach(), loss.detach(), {}

    def take(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        self.optimizer.zero_grad()
        results = None if self.graphs is None else self.graphs.replay(self.compute, images, labels)
        self.replayed.append(results is not None)
        _, loss, _ = self.compute(images, labels) if results is None else results
        self.optimizer.step()
        self.losses.append(float(loss))


def recorder_on(device: str, network: nn.Module) -> Rerun | Recorder:
    return Recorder(torch.device(device)) if device == "cuda" else Rerun(lambda: network)


@pytest.mark.parametrize("device", ["cpu", CUDA])
def test_graphs_learn_what_eager_steps_learn(device: str) -> None:
    network = network_on(device)
    eager, graph = Steps(network, None), Steps(copy.deepcopy(network), None)
    graph.graphs = StepGraphs(graph.network.parameters(), recorder_on(device, graph.network))  # type: ignore[arg-type]
    for steps in (eager, graph):
        torch.manual_seed(1)
        for number, size in enumerate(SIZES):
            steps.take(*batch_of(size, number, device))

    assert graph.replayed == ([False] * EAGER_STEPS + [True] * (6 - EAGER_STEPS)) * 2 + [True] * 4
    assert graph.losses == pytest.approx(eager.losses, rel=1e-3)
    for one, other in zip(graph.network.state_dict().values(), eager.network.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other, **TOLERANCE[device])


@pytest.mark.parametrize("device", ["cpu", CUDA])
def test_each_parameter_gets_the_gradient_of_the_graph_that_ran(device: str) -> None:
    network = network_on(device)
    network[0].bias.requires_grad_(False)
    steps = Steps(network, StepGraphs(network.parameters(), recorder_on(device, network)))  # type: ignore[arg-type]
    gradients = {}
    for number, size in enumerate(SIZES):
        steps.take(*batch_of(size, number, device))
        if steps.replayed[-1]:
            found = [parameter.grad for parameter in network.parameters()]
            assert all(a is b for a, b in zip(gradients.setdefault(size, found), found, strict=True))
    assert network[0].bias.grad is None
    assert gradients[8, 8][0] is not gradients[12, 8][0]

    network.zero_grad()
    steps.compute(*batch_of((8, 8), 99, device))  # an eager step of a smaller batch
    assert network[0].weight.grad is not gradients[8, 8][0]


@pytest.mark.parametrize("device", ["cpu", CUDA])
def test_a_step_that_cannot_be_recorded_goes_on_without(device: str, caplog: pytest.LogCaptureFixture) -> None:
    network = network_on(device)
    recorder = recorder_on(device, network) if device == "cuda" else Refusing(lambda: network)
    graphs = StepGraphs(network.parameters(), recorder)  # type: ignore[arg-type]
    eager = Steps(copy.deepcopy(network), None, waiting=True)
    steps = Steps(network, graphs, waiting=True)
    for number in range(8):
        for each in (eager, steps):
            torch.manual_seed(number)
            each.take(*batch_of((8, 8), number, device))

    assert not any(steps.replayed)
    assert steps.losses == pytest.approx(eager.losses, rel=1e-3)
    assert [record.message for record in caplog.records if "recorded" in record.message] == [caplog.messages[0]]
    assert caplog.messages[0].startswith("training steps cannot be recorded as CUDA graphs and go on without")
    assert "\n" not in caplog.messages[0]
    if isinstance(recorder, Refusing):
        assert recorder.recovered == 1
        assert "(not permitted)" in caplog.messages[0]


@needs_cuda
def test_after_a_failure_the_memory_is_free_and_others_are_recorded() -> None:
    def failing() -> Results:
        loss = torch.ones(2**26, device="cuda").sum()
        float(loss)
        return loss, loss, {}

    recorder = Recorder(torch.device("cuda"))
    torch.cuda.empty_cache()
    stream, reserved = torch.cuda.current_stream(), torch.cuda.memory_reserved()
    with pytest.raises(RuntimeError):
        recorder.record(failing)
    recorder.recover()

    assert torch.cuda.current_stream() == stream
    assert torch.cuda.memory_reserved() <= reserved + 2**22
    assert torch.rand(3, device="cuda").isfinite().all()
    network = network_on("cuda")
    steps = Steps(network, StepGraphs(network.parameters(), Recorder(torch.device("cuda"))))
    for number in range(EAGER_STEPS + 2):
        steps.take(*batch_of((8, 8), number, "cuda"))
    assert steps.replayed[-2:] == [True, True]


def test_memory_of_what_the_process_did_before_is_not_taken_for_that_of_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    peak = {0: 10**12}
    for name, function in {
        "device": lambda device: nullcontext(),
        "current_device": lambda: 0,
        "graph_pool_handle": lambda: None,
        "empty_cache": lambda: None,
        "memory_allocated": lambda device: 10,
        "max_memory_allocated": lambda device: peak[device],
        "reset_peak_memory_stats": lambda device: peak.update({device: 10}),
        "mem_get_info": lambda device: (1000, 1000),
    }.items():
        monkeypatch.setattr(torch.cuda, name, function)

    recorder = Recorder(torch.device("cuda"))
    recorder._require_memory()
    peak[0] = 10 + 501
    with pytest.raises(RuntimeError, match="1,002 bytes are needed, 1,000 are available"):
        recorder._require_memory()
