"""Measure how the memory of an evaluation grows with the number of images.

    python benchmarks/memory.py [--images 100 1000] [--size 128x256] [--json]

A tiny network is evaluated, with all details, on stores of several sizes, each in its own process with one thread. The
images are noise; the store is built before. Memory is the peak in MiB (VmHWM, which includes mapped pages of the
store). The ratio compares the largest store with the smallest. Required: at most 1.05.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from streetseg.data.source import Sample
from streetseg.data.store import Store
from streetseg.evaluation.evaluate import evaluate
from streetseg.inference.engines.torch_engine import TorchEngine
from streetseg.inference.predictor import Predictor
from streetseg.labels.space import LabelSpace
from streetseg.labels.tables import CITYSCAPES_19
from streetseg.machine import peak_memory
from streetseg.models.encoder import Encoder
from streetseg.models.network import SegmentationNetwork

LIMIT = 1.05  # largest accepted ratio
Array = NDArray[np.uint8]


@dataclass(frozen=True)
class Noise:
    """A data source of random images."""

    images: int
    size: tuple[int, int]
    spec: str = "noise"
    space: LabelSpace = CITYSCAPES_19

    @property
    def splits(self) -> Mapping[str, tuple[Sample, ...]]:
        """One split, "val", with all images."""
        return {"val": tuple(Sample(f"val/{i}", str(i), str(i)) for i in range(self.images))}

    def read_image(self, sample: Sample) -> Array:
        """Return random values uint8 (H, W, 3), the same for the same sample."""
        return np.random.default_rng(int(sample.image)).integers(0, 256, (*self.size, 3), dtype=np.uint8)

    def read_mask(self, sample: Sample) -> Array:
        """Return labels uint8 (H, W)."""
        return self.read_image(sample)[..., 0] % self.space.num_classes

    def stamp(self, sample: Sample) -> str:
        """Return a constant, because the images never change."""
        return ""


def main() -> None:
    """Measure and print the figures. With --peak-of this is the measured process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--size", default="128x256", help="height x width")
    parser.add_argument("--json", action="store_true", help="one machine-readable object on stdout")
    parser.add_argument("--peak-of", type=Path, help=argparse.SUPPRESS)  # the cache folder of the store
    args = parser.parse_args()
    height, width = map(int, args.size.split("x"))
    if args.peak_of:
        torch.set_num_threads(1)
        evaluate(tiny_predictor(), noise(args.images[0], (height, width), args.peak_of))
        print(peak_memory() / 1024)
        return
    peaks = {images: peak(images, (height, width)) for images in args.images}
    figures = {
        "size": args.size,
        "peak_mib": peaks,
        "ratio": peaks[max(peaks)] / peaks[min(peaks)],
        "limit": LIMIT,
    }
    if args.json:
        print(json.dumps(figures, indent=2))
        return
    for images, mib in peaks.items():
        print(f"{images:>7,} images of {args.size}: {mib:7.1f} MiB at the peak")
    print(f"ratio {figures['ratio']:.3f}")


def peak(images: int, size: tuple[int, int]) -> float:
    """Return the peak memory in MiB of a process that evaluates `images` images."""
    with tempfile.TemporaryDirectory() as cache:
        noise(images, size, Path(cache))
        command = [sys.executable, __file__, "--images", str(images), "--size", f"{size[0]}x{size[1]}"]
        measured = subprocess.run([*command, "--peak-of", cache], check=True, stdout=subprocess.PIPE, text=True)
    return float(measured.stdout)


def noise(images: int, size: tuple[int, int], cache: Path) -> Store:
    """Open a store of random images; the first call builds it."""
    return Store.open(Noise(images, size), "val", size=None, resize_labels=False, cache=cache)


def tiny_predictor() -> Predictor:
    """Return a network of 0.1 M parameters with random weights."""
    torch.manual_seed(0)
    network = SegmentationNetwork(
        Encoder("test_efficientnet"), CITYSCAPES_19, decoder="classic", channels=(16, 12, 8, 8, 8)
    )
    return Predictor(TorchEngine(network, torch.device("cpu")))


if __name__ == "__main__":
    main()
