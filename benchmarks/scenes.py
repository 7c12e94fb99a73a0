"""Measure the built-in scenes: rendering speed, share of each class, and mean IoU from color alone.

    python benchmarks/scenes.py [--json]

Images per second are those of one process on one core at 256x512; set OMP_NUM_THREADS=1. The color baseline is a
decision tree on the RGB values of a pixel, fitted to 20 training scenes and scored on 10 validation scenes.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np

from streetseg.data.sources.scenes import VAL_START
from streetseg.labels.tables import STREET_11
from streetseg.scenes.render import render

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))
from color_baseline import color_iou

SIZE = (256, 512)
TRAIN, VAL = range(20), range(VAL_START, VAL_START + 10)


def main() -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one machine-readable object on stdout")
    args = parser.parse_args()
    seconds = []
    scenes = []
    render(0, 0, SIZE)  # computes the noise fields, once per process
    for index in (*TRAIN, *VAL):
        start = time.process_time()
        scenes.append(render(0, index, SIZE))
        seconds.append(time.process_time() - start)
    train, val = scenes[: len(TRAIN)], scenes[len(TRAIN) :]
    counts = sum(np.bincount(label.reshape(-1), minlength=256) for _, label in scenes)
    figures = {
        "images_per_second": len(seconds) / sum(seconds),
        "milliseconds": {"median": 1e3 * statistics.median(seconds), "max": 1e3 * max(seconds)},
        "shares": {name: counts[k] / counts.sum() for k, name in enumerate(STREET_11.names)},
        "color_miou": color_iou(train, val, STREET_11.num_classes).mean(),
        "color_miou_balanced": color_iou(train, val, STREET_11.num_classes, balanced=True).mean(),
    }
    if args.json:
        print(json.dumps(figures, indent=2))
        return
    print(f"{figures['images_per_second']:.1f} images a second and core at {SIZE[0]}x{SIZE[1]}")
    print(f"{figures['milliseconds']['median']:.0f} ms median, {figures['milliseconds']['max']:.0f} ms at most")
    for name, share in figures["shares"].items():
        print(f"    {name:<12} {100 * share:5.2f} % of the pixels")
    print(
        f"mean IoU from color alone {figures['color_miou']:.3f}, "
        f"with equal weights {figures['color_miou_balanced']:.3f}"
    )


if __name__ == "__main__":
    main()
