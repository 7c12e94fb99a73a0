"""Whether the memory of an evaluation grows with the number of pictures.

    python benchmarks/memory.py [--pictures 100 1000] [--size 128x256] [--json]

A tiny network is evaluated, all details included, on a store of so many pictures, each number in a process of its own
with one thread; the pictures are noise, stored beforehand. MiB at the peak (ru_maxrss, mapped pages of the store
included); the ratio is that of the most pictures to the fewest. Required: at most 1.05.
"""

import argparse
import json
import resource
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
from streetseg.models.encoder import Encoder
from streetseg.models.network import Segmenter

LIMIT = 1.05
Array = NDArray[np.uint8]


@dataclass(frozen=True)
class Noise:
    """What a store asks of a source."""

    pictures: int
    size: tuple[int, int]
    spec: str = "noise"
    space: LabelSpace = CITYSCAPES_19

    @property
    def splits(self) -> Mapping[str, tuple[Sample, ...]]:
        """All in one."""
        return {"val": tuple(Sample(f"val/{i}", str(i), str(i)) for i in range(self.pictures))}

    def read_picture(self, sample: Sample) -> Array:
        """uint8 (H, W, 3)."""
        return np.random.default_rng(int(sample.picture)).integers(0, 256, (*self.size, 3), dtype=np.uint8)

    def read_label(self, sample: Sample) -> Array:
        """uint8 (H, W)."""
        return self.read_picture(sample)[..., 0] % self.space.num_classes

    def stamp(self, sample: Sample) -> str:
        """Noise does not change."""
        return ""


def main() -> None:
    """Measure and print; or, with --peak-of, be the process that is measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--size", default="128x256", help="height x width")
    parser.add_argument("--json", action="store_true", help="one machine-readable object on stdout")
    parser.add_argument("--peak-of", type=Path, help=argparse.SUPPRESS)  # the cache in which the store lies
    asked = parser.parse_args()
    height, width = map(int, asked.size.split("x"))
    if asked.peak_of:
        torch.set_num_threads(1)
        evaluate(tiny_predictor(), noise(asked.pictures[0], (height, width), asked.peak_of))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    peaks = {pictures: peak(pictures, (height, width)) for pictures in asked.pictures}
    figures = {
        "size": asked.size,
        "peak_mib": peaks,
        "ratio": peaks[max(peaks)] / peaks[min(peaks)],
        "limit": LIMIT,
    }
    if asked.json:
        print(json.dumps(figures, indent=2))
        return
    for pictures, mib in peaks.items():
        print(f"{pictures:>7,} pictures of {asked.size}: {mib:7.1f} MiB at the peak")
    print(f"ratio {figures['ratio']:.3f}")


def peak(pictures: int, size: tuple[int, int]) -> float:
    """MiB of a process that evaluates so many."""
    with tempfile.TemporaryDirectory() as cache:
        noise(pictures, size, Path(cache))
        command = [sys.executable, __file__, "--pictures", str(pictures), "--size", f"{size[0]}x{size[1]}"]
        measured = subprocess.run([*command, "--peak-of", cache], check=True, stdout=subprocess.PIPE, text=True)
    return float(measured.stdout)


def noise(pictures: int, size: tuple[int, int], cache: Path) -> Store:
    """A store of so many, which is built only once."""
    return Store.open(Noise(pictures, size), "val", size=None, resize_labels=False, cache=cache)


def tiny_predictor() -> Predictor:
    """A network of 0.1 M parameters."""
    torch.manual_seed(0)
    segmenter = Segmenter(Encoder("test_efficientnet"), CITYSCAPES_19, decoder="classic", channels=(16, 12, 8, 8, 8))
    return Predictor(TorchEngine(segmenter, torch.device("cpu")))


if __name__ == "__main__":
    main()
