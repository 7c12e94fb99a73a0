"""Measure the latency of a predictor, from images in memory to labels in memory, without torch."""

import time
from typing import Any

import numpy as np

from streetseg.arrays import Array, Size
from streetseg.inference.predictor import Predictor

WARM_UP = 3  # runs that are not measured
RUNS = (10, 100)  # fewest and most measured runs
SECONDS = 5.0  # time after which no further run starts, once the fewest are done


def measure_latency(predictor: Predictor, size: Size, *, batch: int = 1) -> dict[str, Any]:
    """Predict random images of a size several times, as `predict` does for images of that size.

    Args:
        size: height and width of the images.
        batch: images per call.

    Returns:
        `size` of the images and `network_size` at which the network sees them; `batch`, `engine` and `precision`;
        `latency_ms` of a batch (p50, p95, mean) and the number of `runs`; `images_per_second`.
    """
    images = noise(batch, size)
    times: list[float] = []
    fewest, most = RUNS
    for run in range(-WARM_UP, most):
        if run >= fewest and sum(times) > 1000 * SECONDS:
            break
        start = time.perf_counter()
        predictor.labels(images)  # returns when the labels are in main memory, also from a GPU
        if run >= 0:
            times.append(1000 * (time.perf_counter() - start))
    p50, p95 = np.percentile(times, [50, 95])
    mean = float(np.mean(times))
    return {
        "size": list(size),
        "network_size": list(predictor.seen_size(size)),
        "batch": batch,
        "engine": predictor.engine.name,
        "precision": predictor.engine.precision,
        "latency_ms": {"p50": float(p50), "p95": float(p95), "mean": mean},
        "runs": len(times),
        "images_per_second": 1000 * batch / mean,
    }


def noise(batch: int, size: Size) -> Array:
    """Return random images uint8 (B, 3, H, W), the same on each call."""
    return np.random.default_rng(0).integers(0, 256, (batch, 3, *size), dtype=np.uint8)
