"""Measure a network on this machine: parameters, multiply-accumulates, latency, throughput, memory."""

from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from streetseg.arrays import Size
from streetseg.inference.engines.torch_engine import TorchEngine
from streetseg.inference.latency import measure_latency, noise
from streetseg.inference.predictor import Predictor
from streetseg.models.network import SegmentationNetwork


def measure_cost(
    network: SegmentationNetwork, size: Size, device: torch.device, precision: str = "fp32", *, batch: int = 1
) -> dict[str, Any]:
    """Measure a network, from images in memory to labels in memory.

    Args:
        network: is moved to `device` and put into evaluation mode.
        size: height and width of the images; the network sees them at the size that `input_size` gives.
        precision: "fp32" or "bf16".
        batch: images per call.

    Returns:
        The result of `measure_latency`, and `parameters`; `macs` (multiply-accumulates of convolutions and matrix
        products for one image); `device` and `threads`; `peak_memory_mb` (MiB): on CUDA the largest allocation by
        torch, elsewhere the weights and all live tensors without the workspace of the kernels.
    """
    engine = TorchEngine(network, device, precision)
    predictor = Predictor(engine)
    measured = measure_latency(predictor, size, batch=batch)
    images = engine.take(noise(batch, predictor.seen_size(size)))
    return measured | {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "macs": count_macs(engine, images[:1]),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "threads": torch.get_num_threads(),
        "peak_memory_mb": peak_memory(engine, images) / 2**20,
    }


def count_macs(engine: TorchEngine, images: Tensor) -> int:
    """Return the multiply-accumulates of a forward pass over uint8 images (B, 3, H, W)."""
    with FlopCounterMode(display=False) as counter:
        engine.logits(images)
    return int(counter.get_total_flops()) // 2  # torch counts a multiply-accumulate as two operations


def peak_memory(engine: TorchEngine, images: Tensor) -> int:
    """Return the largest memory in bytes during a forward pass over uint8 images (B, 3, H, W), weights included."""
    if engine.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(engine.device)
        engine.logits(images)
        return int(torch.cuda.max_memory_allocated(engine.device))
    with _LiveTensors() as tensors:
        engine.logits(images)
    weights = sum(tensor.numel() * tensor.element_size() for tensor in engine.network.state_dict().values())
    return int(tensors.peak + weights)


class _LiveTensors(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves these untyped
    """Sum the memory of the tensors that were created in this context and still exist; `peak` is its maximum, bytes."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live: dict[int, tuple[StorageWeakRef, int]] = {}
        self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.live = {
            key: (ref, size)
            for key, (ref, size) in self.live.items()
            if not ref.expired()  # type: ignore[no-untyped-call]
        }
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                storage = tensor.untyped_storage()
                ref = StorageWeakRef(storage)  # type: ignore[no-untyped-call]
                self.live[storage._cdata] = (ref, storage.nbytes())
        self.peak = max(self.peak, sum(size for _, size in self.live.values()))
        return result
