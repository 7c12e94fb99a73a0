"""Measure the throughput of `streetseg predict` by one process, by shards in several processes, and by Ray.

    python benchmarks/scale_out.py [--images 200] [--size 360x480] [--workers 2] [--json]

A MobileNetV2 network with random weights labels drawn scenes on this machine, each way in fresh processes with one
thread, twice: many images, and one. The difference is the time of the images without the start. `images_per_second` is
of the whole command; `images_per_second_started` without the start. All files must be equal, byte for byte.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image


def main() -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--size", default="360x480", help="height x width")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="one machine-readable object on stdout")
    args = parser.parse_args()
    height, width = map(int, args.size.split("x"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = save_network(folder / "model", (height, width))
        many, one = draw(folder / "many", args.images, (height, width)), draw(folder / "one", 1, (height, width))
        shards = [("--shard", f"{k}/{args.workers}") for k in range(1, args.workers + 1)]
        ways = {"one process": [()], f"{args.workers} shards": shards, "ray": [("--ray", "local")]}
        figures = {}
        for way, commands in ways.items():
            start = seconds(model, one, folder / f"{way} one", commands)
            whole = seconds(model, many, folder / way, commands)
            figures[way] = {
                "seconds": round(whole, 1),
                "seconds_of_start": round(start, 1),
                "images_per_second": round(args.images / whole, 2),
                "images_per_second_started": round((args.images - 1) / max(whole - start, 1e-9), 2),
                "equal": contents(folder / way) == contents(folder / "one process"),
            }
            print(way, figures[way], file=sys.stderr, flush=True)
    print(json.dumps({"images": args.images, "size": args.size, "ways": figures}, indent=None if args.json else 2))


def save_network(folder: Path, size: tuple[int, int]) -> Path:
    """Save a network with random weights. Return the folder of its bundle."""
    from streetseg.labels.tables import STREET_11
    from streetseg.models.bundle import save_bundle
    from streetseg.models.encoder import Encoder
    from streetseg.models.network import SegmentationNetwork

    network = SegmentationNetwork(Encoder("mobilenetv2_100"), STREET_11, decoder="fast", size=size).eval()
    initial = {"kind": "random", "source": "", "text": "random weights"}
    save_bundle(folder, network, initial_weights=initial, protocol={}, scores={})
    return folder


def draw(folder: Path, images: int, size: tuple[int, int]) -> Path:
    """Write scenes. Return their folder."""
    from streetseg.scenes.render import render

    folder.mkdir()
    for index in range(images):
        Image.fromarray(render(0, index % 20, size)[0]).save(folder / f"{index:04}.jpg", quality=90)
    return folder


def seconds(model: Path, images: Path, out: Path, commands: list[tuple[str, ...]]) -> float:
    """Return the wall time in which all commands, started at once, label the images."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "streetseg", "predict", str(model), str(images), "--out", str(out), "--json"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen([*command, *flags], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for flags in commands
    ]
    if any(process.wait() for process in running):
        raise SystemExit("a command failed")
    return time.perf_counter() - start


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all results."""
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name[0] != "."}


if __name__ == "__main__":
    main()
