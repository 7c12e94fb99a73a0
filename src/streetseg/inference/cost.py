"""What a network costs on this machine: parameters, multiply-accumulates, latency, throughput, memory."""

import time
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from streetseg.inference.predict import Size
from streetseg.inference.predictor import Predictor
from streetseg.models.segmenter import Segmenter

WARM_UP = 3  # runs before the clock counts
RUNS = (10, 100)  # fewest and most runs
SECONDS = 5.0  # enough between the two


def measure_cost(
    segmenter: Segmenter, size: Size, device: torch.device, precision: str = "fp32", *, batch: int = 1
) -> dict[str, Any]:
    """Measures a network, from pictures in memory to labels in memory.

    Args:
        segmenter: is moved to `device` and put into evaluation mode.
        size: height and width of the pictures.
        precision: "fp32" or "bf16".
        batch: pictures at a time.

    Returns:
        `parameters`; `macs` (multiply-accumulates of convolutions and matrix products for one picture); `size`,
        `batch`, `device`, `threads` and `precision` of the measurement; `latency_ms` of a batch (p50, p95, mean) and
        the number of `runs`; `images_per_second`; `peak_memory_mb` (MiB): on CUDA what torch allocated at most, on a
        CPU weights and living tensors, without the kernels' own workspace.
    """
    predictor = Predictor(segmenter, device, precision)
    pictures = torch.randint(0, 256, (batch, 3, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    latency = _latency(predictor, pictures)
    p50, p95 = np.percentile(latency, [50, 95])
    return {
        "parameters": sum(parameter.numel() for parameter in segmenter.parameters()),
        "macs": count_macs(predictor, pictures[:1]),
        "size": list(size),
        "batch": batch,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "precision": precision,
        "latency_ms": {"p50": float(p50), "p95": float(p95), "mean": float(latency.mean())},
        "runs": len(latency),
        "images_per_second": float(1000 * batch / latency.mean()),
        "peak_memory_mb": peak_memory(predictor, pictures) / 2**20,
    }


def count_macs(predictor: Predictor, pictures: Tensor) -> int:
    """Multiply-accumulates of a pass over uint8 pictures (B, 3, H, W)."""
    with FlopCounterMode(display=False) as counter:
        predictor.logits(pictures)
    return int(counter.get_total_flops()) // 2  # torch counts a multiplication and an addition as two


def peak_memory(predictor: Predictor, pictures: Tensor) -> int:
    """Most bytes held at once during a pass over uint8 pictures (B, 3, H, W), weights included."""
    if predictor.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(predictor.device)
        predictor.logits(pictures)
        return int(torch.cuda.max_memory_allocated(predictor.device))
    with _LivingTensors() as tensors:
        predictor.logits(pictures)
    weights = sum(tensor.numel() * tensor.element_size() for tensor in predictor.segmenter.state_dict().values())
    return int(tensors.peak + weights)


def _latency(predictor: Predictor, pictures: Tensor) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Milliseconds of each run."""
    fewest, most = RUNS
    times: list[float] = []
    for run in range(-WARM_UP, most):
        if run >= fewest and sum(times) > 1000 * SECONDS:
            break
        start = time.perf_counter()
        predictor.logits(pictures).argmax(1).to(torch.uint8).cpu()  # on CUDA, the copy waits for the work
        if run >= 0:
            times.append(1000 * (time.perf_counter() - start))
    return np.array(times)


class _LivingTensors(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves these untyped
    """Adds up the memory of all tensors made under it, for as long as they live."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.living: dict[int, tuple[StorageWeakRef, int]] = {}
        self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.living = {
            key: (ref, size)
            for key, (ref, size) in self.living.items()
            if not ref.expired()  # type: ignore[no-untyped-call]
        }
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                storage = tensor.untyped_storage()
                ref = StorageWeakRef(storage)  # type: ignore[no-untyped-call]
                self.living[storage._cdata] = (ref, storage.nbytes())
        self.peak = max(self.peak, sum(size for _, size in self.living.values()))
        return result
