"""How long an engine takes, from pictures in memory to labels in memory. The machine's own clock, no torch."""

import time
from typing import Any

import numpy as np

from streetseg.inference.arrays import Array, Size
from streetseg.inference.engines.engine import Engine

WARM_UP = 3  # runs before the clock counts
RUNS = (10, 100)  # fewest and most runs
SECONDS = 5.0  # enough between the two


def measure_latency(engine: Engine, size: Size, *, batch: int = 1) -> dict[str, Any]:
    """Runs the network again and again on noise of a size.

    Args:
        size: height and width of the pictures.
        batch: pictures at a time.

    Returns:
        `size`, `batch`, `engine` and `precision` of the measurement; `latency_ms` of a batch (p50, p95, mean) and the
        number of `runs`; `images_per_second`.
    """
    pictures = engine.take(noise(batch, size))
    times: list[float] = []
    fewest, most = RUNS
    for run in range(-WARM_UP, most):
        if run >= fewest and sum(times) > 1000 * SECONDS:
            break
        start = time.perf_counter()
        engine.labels(pictures)  # they are in main memory when this returns, also from a GPU
        if run >= 0:
            times.append(1000 * (time.perf_counter() - start))
    p50, p95 = np.percentile(times, [50, 95])
    mean = float(np.mean(times))
    return {
        "size": list(size),
        "batch": batch,
        "engine": engine.name,
        "precision": engine.precision,
        "latency_ms": {"p50": float(p50), "p95": float(p95), "mean": mean},
        "runs": len(times),
        "images_per_second": 1000 * batch / mean,
    }


def noise(batch: int, size: Size) -> Array:
    """Pictures uint8 (B, 3, H, W), the same each time."""
    return np.random.default_rng(0).integers(0, 256, (batch, 3, *size), dtype=np.uint8)
