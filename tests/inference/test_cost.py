"""Cost of a network: multiply-accumulates, memory and latency, compared with counts by hand."""

import pytest
import torch

from streetseg.inference import latency
from streetseg.inference.cost import count_macs, measure_cost, peak_memory
from streetseg.inference.engines.torch_engine import TorchEngine
from streetseg.labels.tables import STREET_11
from streetseg.models.encoder import Encoder
from streetseg.models.network import SegmentationNetwork

CPU = torch.device("cpu")


def network() -> SegmentationNetwork:
    return SegmentationNetwork(Encoder("test_efficientnet"), STREET_11, decoder="classic", channels=(32, 16, 16, 8, 8))


def macs_by_hooks(network: SegmentationNetwork, size: tuple[int, int]) -> int:
    """Count the multiply-accumulates of every convolution from the shapes of its input and output."""
    total = 0

    def count(layer: torch.nn.Conv2d, _: object, output: torch.Tensor) -> None:
        nonlocal total
        total += output.shape[-2] * output.shape[-1] * layer.weight.numel()

    handles = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    network(torch.zeros(1, 3, *size))
    for handle in handles:
        handle.remove()
    return total


def test_macs_are_those_of_the_convolutions() -> None:
    tested = network().eval()
    images = torch.zeros(1, 3, 96, 64, dtype=torch.uint8)
    assert count_macs(TorchEngine(tested, CPU), images) == macs_by_hooks(tested, (96, 64))


def test_memory_holds_the_weights_and_grows_with_the_image() -> None:
    engine = TorchEngine(network(), CPU)
    weights = 4 * sum(parameter.numel() for parameter in engine.network.parameters())
    small, large = (peak_memory(engine, torch.zeros(1, 3, s, s, dtype=torch.uint8)) for s in (64, 256))
    assert weights < small < large
    assert 8 < (large - weights) / (small - weights) < 20  # sixteen times the pixels


def test_the_measurement_says_what_was_measured(latency_runs: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "RUNS", latency_runs)
    cost = measure_cost(network(), (33, 47), CPU, batch=2)
    assert cost["size"] == [33, 47]
    assert (cost["batch"], cost["device"], cost["precision"]) == (2, "cpu", "fp32")
    assert cost["threads"] == torch.get_num_threads()
    assert cost["parameters"] == sum(parameter.numel() for parameter in network().parameters())
    assert 0 < cost["latency_ms"]["p50"] <= cost["latency_ms"]["p95"]
    assert cost["runs"] >= 10
    assert cost["images_per_second"] > 0
