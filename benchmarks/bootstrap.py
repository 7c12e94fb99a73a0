"""Measure time and memory of intervals and comparisons: 2,000 resamples of per-image counts.

    OMP_NUM_THREADS=1 python benchmarks/bootstrap.py [--images 500] [--classes 19] [--json]

Seconds are CPU time of one process, the median of five calls. Memory is the peak that numpy allocates in a call.
"""

import argparse
import json
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np

from streetseg.metrics.bootstrap import RESAMPLES, interval
from streetseg.metrics.difference import compare, compare_classes

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
from simulate_bootstrap import World, draw


def main() -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--classes", type=int, default=19)
    parser.add_argument("--json", action="store_true", help="one machine-readable object on stdout")
    args = parser.parse_args()
    a, b = draw(World(args.images, args.classes, rarest=0.05), np.random.default_rng(0))
    figures = {
        "images": args.images,
        "classes": args.classes,
        "resamples": RESAMPLES,
        "every score of one network": cost(lambda: interval(a)),
        "mean IoU of two networks": cost(lambda: compare([a], [b])),
        "IoU of each class of two networks": cost(lambda: compare_classes([a], [b])),
        "mean IoU of two encoders with three seeds each": cost(lambda: compare([a] * 3, [b] * 3)),
    }
    if args.json:
        print(json.dumps(figures, indent=2))
        return
    print(f"{RESAMPLES} resamples of {args.images} images, {args.classes} classes")
    for name, figure in figures.items():
        if isinstance(figure, dict):
            print(f"    {name:<48} {figure['seconds']:6.3f} s, {figure['mib']:5.0f} MiB")


def cost(work: Callable[[], object]) -> dict[str, float]:
    """Return the median CPU seconds of a call and its peak memory in MiB."""
    seconds = []
    for _ in range(5):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    tracemalloc.start()
    work()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return {"seconds": statistics.median(seconds), "mib": peak / 2**20}


if __name__ == "__main__":
    main()
