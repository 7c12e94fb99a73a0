"""Measure the memory of `streetseg predict` for one large image, and what windows change in its labels.

    python benchmarks/windows_memory.py [--size 4000x6000] [--classes 11 150] [--save ids,color,overlay] [--json]
    python benchmarks/windows_memory.py --agreement MODEL --images FOLDER [--across 4] [--tiles 320 768]

The first form draws a street, saves MobileNetV2 networks with random weights, and runs the command in a fresh process
for each: networks that see the image at its own size, in windows, and networks that see it at 384x480; by torch and,
exported, by ONNX Runtime. Memory is the peak in MiB (VmHWM, which starts anew with a new program; ru_maxrss would keep
that of the process that started it). Required of ONNX Runtime: less than 1,000. PyTorch and
timm alone need 700.

The second form puts images of one size side by side into mosaics, labels these with a trained network at their own
size, once whole and once in windows, and prints the share of pixels that get the same class.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

LIMIT = 1000.0  # MiB


def main() -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="4000x6000", help="height x width")
    parser.add_argument("--classes", type=int, nargs="+", default=[11, 150])
    parser.add_argument("--save", default="ids,color,overlay")
    parser.add_argument("--agreement", type=Path, metavar="MODEL", help="a trained bundle or run folder")
    parser.add_argument("--images", type=Path, help="a folder of images")
    parser.add_argument("--across", type=int, default=4, help="images side by side and below each other in one mosaic")
    parser.add_argument("--tiles", type=int, nargs="+", default=[320, 768])
    parser.add_argument("--json", action="store_true", help="one machine-readable object on stdout")
    args = parser.parse_args()
    if args.agreement:
        figures = agreement(args.agreement, args.images, args.across, args.tiles)
    else:
        height, width = map(int, args.size.split("x"))
        figures = {"size": args.size, "save": args.save, "limit": LIMIT, "peak_mib": {}}
        with tempfile.TemporaryDirectory() as folder:
            image = draw(Path(folder) / "large.jpg", height, width)
            for classes in args.classes:
                for seen, size in (("at its own size", None), ("at 384x480", (384, 480))):
                    model = save_network(Path(folder) / f"{classes} {seen}", classes, size)
                    for engine, path in (("torch", model), ("onnxruntime", export_network(model))):
                        case = f"{classes} classes, seen {seen}, {engine}"
                        figures["peak_mib"][case] = peak(path, image, args.save, engine)
                        print(f"{case}: {figures['peak_mib'][case]} MiB", file=sys.stderr, flush=True)
    print(json.dumps(figures, indent=None if args.json else 2))


def draw(path: Path, height: int, width: int) -> Path:
    """Write a street scene, enlarged to a size. Return the path."""
    from streetseg.scenes.render import render

    Image.fromarray(render(0, 0, (384, 576))[0]).resize((width, height), Image.Resampling.BICUBIC).save(
        path, quality=90
    )
    return path


def save_network(folder: Path, classes: int, size: tuple[int, int] | None) -> Path:
    """Save a network with random weights. Return the folder of its bundle."""
    from streetseg.labels.space import LabelSpace
    from streetseg.models.bundle import save_bundle
    from streetseg.models.encoder import Encoder
    from streetseg.models.network import SegmentationNetwork

    colors = tuple((k, 255 - k, k * 7 % 256) for k in range(classes))
    space = LabelSpace(f"classes-{classes}", tuple(f"class {k}" for k in range(classes)), colors)
    network = SegmentationNetwork(
        Encoder("mobilenetv2_100"), space, decoder="fast", channels=(128, 64, 32), size=size
    ).eval()
    initial = {"kind": "random", "source": "", "text": "random weights"}
    save_bundle(folder, network, initial_weights=initial, protocol={}, scores={})
    return folder


def export_network(bundle: Path) -> Path:
    """Export a bundle to ONNX. Return the file."""
    from streetseg.data.sources.scenes import ScenesSource
    from streetseg.deploy.export import export

    target = bundle / "model.onnx"
    export(bundle, target, "onnx", ScenesSource(train=1, val=1, size=(48, 64)))
    return target


# Runs the command of sys.argv and then prints the peak of its own memory in KiB as the last line.
MEASURED = """
import atexit
from streetseg.cli.main import main
from streetseg.machine import peak_memory
atexit.register(lambda: print(peak_memory()))
main()
"""


def peak(model: Path, image: Path, save: str, engine: str) -> float:
    """Return the peak memory in MiB of a fresh process that labels the image."""
    with tempfile.TemporaryDirectory() as out:
        arguments = ["predict", str(model), str(image), "--out", out, "--save", save, "--engine", engine]
        command = [sys.executable, "-c", MEASURED, *arguments]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return round(float(done.stdout.split()[-1]) / 1024, 1)


def agreement(model: Path, folder: Path, across: int, tiles: Sequence[int]) -> dict[str, Any]:
    """Return the share of pixels that get the same class whole and in windows of several sides."""
    from streetseg.inference.logits import predict_logits
    from streetseg.inference.predictor import Predictor

    engine = Predictor.load(model, "cpu").engine
    files = sorted(folder.iterdir())
    same, pixels = dict.fromkeys(tiles, 0), 0
    for first in range(0, len(files) - across**2 + 1, across**2):
        images = [np.array(Image.open(path).convert("RGB")) for path in files[first : first + across**2]]
        mosaic = np.vstack([np.hstack(images[row : row + across]) for row in range(0, across**2, across)])
        batch = engine.take(mosaic.transpose(2, 0, 1)[None])
        whole = predict_logits(engine.logits, batch).argmax(1)
        pixels += whole.numel()
        for tile in tiles:
            same[tile] += int((whole == predict_logits(engine.logits, batch, tile=tile).argmax(1)).sum())
    return {"size": mosaic.shape[:2], "same_class": {tile: count / pixels for tile, count in same.items()}}


if __name__ == "__main__":
    main()
