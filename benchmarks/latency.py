"""Measure the latency of one image in each engine and precision, compared with torch as commonly written.

    python benchmarks/latency.py [--json] [--encoder NAME ...] [--decoder classic|fast ...] [--size 384x480]
    python benchmarks/latency.py --bundle RUN --data camvid:DIR [--json]

Every network runs in torch eager (float32, contiguous), in torch channels_last, and exported in ONNX Runtime and
OpenVINO; in float32, int8, and bfloat16 where the processor supports it. The engines take turns, so that other load on
the machine affects all alike. A turn is a pause, one image to warm up, and several measured images. The pause is needed
because ONNX Runtime's threads spin for about 50 ms after an image and would take cores from the next engine.

A time is from an image in memory to its labels in memory. p50 and p95 are over all images; `vs_torch_fp32` is the
median over rounds of the ratio within a round. Without --bundle the weights are random. Times do not depend on weights,
but `label_agreement` with torch eager does; it is then meaningless. With --bundle and --data, int8 is calibrated on
"train", and `mean_iou` of every engine and its change from torch eager are measured on "val".
"""

import argparse
import json
import os
import platform
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from streetseg.arguments import as_size
from streetseg.data.open import open_source
from streetseg.data.source import Source
from streetseg.data.store import Store, default_cache
from streetseg.deploy.calibration import IMAGES
from streetseg.deploy.checks import as_seen, spread
from streetseg.deploy.graph import describe, write_graph
from streetseg.deploy.quantize import quantize
from streetseg.errors import RequestError
from streetseg.evaluation.evaluate import evaluate
from streetseg.inference.engines.engine import Engine
from streetseg.inference.engines.fastest import REST
from streetseg.inference.engines.open import open_engine
from streetseg.inference.engines.torch_engine import TorchEngine
from streetseg.inference.predictor import Predictor
from streetseg.labels.tables import STREET_11
from streetseg.machine import installed_version, program_version
from streetseg.metrics.scores import scores
from streetseg.models.bundle import load_bundle, save_bundle
from streetseg.models.description import EXPORTED
from streetseg.models.initial_weights import build_network
from streetseg.recipe.schema import Data

REFERENCE = "torch fp32"
IN_A_ROW = 3  # measured images in a turn
CPU = torch.device("cpu")
Images = NDArray[np.uint8]


class Plain(TorchEngine):
    """An engine with torch as commonly written: contiguous tensors."""

    def __init__(self, path: Path) -> None:
        network = load_bundle(path)[0]
        super().__init__(network, CPU)
        network.to(memory_format=torch.contiguous_format)
        network.encoder.register_forward_pre_hook(lambda _, inputs: (inputs[0].contiguous(),))


def main() -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", nargs="+", default=["mobilenetv2_100", "resnext50_32x4d"], metavar="NAME")
    parser.add_argument("--decoder", nargs="+", default=["fast", "classic"], choices=["fast", "classic"])
    parser.add_argument("--size", type=as_size, default=(384, 480), metavar="HxW")
    parser.add_argument("--bundle", type=Path, metavar="DIR", help="a trained network instead of random ones")
    parser.add_argument("--data", metavar="DATA", help="with --bundle: calibrate and score on real images")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--json", action="store_true", help="one machine-readable object on stdout")
    args = parser.parse_args()
    source = open_source(Data(source=args.data or "scenes"))
    result: dict[str, Any] = {
        "machine": {"cores": os.cpu_count(), "processor": platform.processor() or platform.machine()},
        "versions": {name: installed_version(name) for name in ("torch", "onnxruntime", "openvino")},
        "size": list(args.size),
        "networks": {},
    }
    with TemporaryDirectory() as scratch:
        if args.bundle:
            bundles = {str(args.bundle): args.bundle}
        else:
            names = [(encoder, decoder) for encoder in args.encoder for decoder in args.decoder]
            bundles = {f"{e} {d}": random_bundle(Path(scratch) / f"{e}-{d}", e, d, args.size) for e, d in names}
        for name, bundle in bundles.items():
            engines = all_engines(bundle, Path(scratch), source)
            figures = measure(engines, image(source, args.size), args.rounds)
            if args.bundle and args.data:
                add_scores(figures, engines, source)
            result["networks"][name] = figures
            if not args.json:
                print_network(name, figures, args.size)
    if args.json:
        print(json.dumps(result, indent=2))


def random_bundle(folder: Path, encoder: str, decoder: Any, size: tuple[int, int]) -> Path:
    """Write a bundle with random weights; return its folder."""
    torch.manual_seed(0)
    network, initial_weights = build_network(encoder, STREET_11, decoder=decoder, size=size, weights="none")
    save_bundle(folder, network, initial_weights=initial_weights.as_dict(), protocol={}, scores={})
    return folder


def all_engines(bundle: Path, scratch: Path, source: Source) -> dict[str, Engine]:
    """Return every engine in every precision of this machine, the reference first."""
    network, description = load_bundle(bundle)
    about = description | {"format": EXPORTED, "streetseg": program_version(), "calibration": None}
    plain, int8 = scratch / "plain.onnx", scratch / "int8.onnx"
    write_graph(plain, network)
    samples = spread(source.splits["train"], IMAGES)
    quantize(plain, int8, (seen for _, seen in as_seen(source, samples, network.size, None)))
    describe(plain, about | {"precision": "fp32"})
    describe(int8, about | {"precision": "int8"})
    engines: dict[str, Engine] = {
        REFERENCE: Plain(bundle),
        "torch fp32 channels_last": TorchEngine(network, CPU),
        "onnxruntime fp32": open_engine(plain, "onnxruntime"),
        "openvino fp32": open_engine(plain, "openvino"),
        "onnxruntime int8": open_engine(int8, "onnxruntime"),
        "openvino int8": open_engine(int8, "openvino"),
    }
    try:
        engines["openvino bf16"] = open_engine(plain, "openvino", precision="bf16")
        engines["torch bf16 channels_last"] = TorchEngine(load_bundle(bundle)[0], CPU, "bf16")
    except RequestError:  # this processor does not compute in bf16
        pass
    return engines


def image(source: Source, size: tuple[int, int]) -> Images:
    """Return the first validation image, resized to uint8 (1, 3, H, W)."""
    from streetseg.inference.backend_numpy import resize_images

    first = source.read_image(source.splits["val"][0]).transpose(2, 0, 1)[None]
    return resize_images(np.ascontiguousarray(first), size)


def measure(engines: dict[str, Engine], seen: Images, rounds: int) -> dict[str, dict[str, Any]]:
    """Return the latency and the label agreement of each engine, measured in turns."""
    labels = {name: engine.labels(engine.take(seen)) for name, engine in engines.items()}
    turns: dict[str, list[list[float]]] = {name: [] for name in engines}
    for _ in range(rounds):
        for name, engine in engines.items():
            turns[name].append(turn(engine, seen))
    medians = {name: [median(turn_times) for turn_times in times] for name, times in turns.items()}
    return {
        name: {
            "p50_ms": float(np.percentile(milliseconds, 50)),
            "p95_ms": float(np.percentile(milliseconds, 95)),
            "fastest_ms": float(np.min(milliseconds)),
            "vs_torch_fp32": median(r / own for r, own in zip(medians[REFERENCE], medians[name], strict=True)),
            "label_agreement": float((labels[name] == labels[REFERENCE]).mean()),
        }
        for name, milliseconds in turns.items()
    }


def turn(engine: Engine, seen: Images) -> list[float]:
    """Return the milliseconds of each measured image of a turn."""
    time.sleep(REST)
    milliseconds = []
    for _ in range(1 + IN_A_ROW):
        start = time.perf_counter()
        engine.labels(engine.take(seen))
        milliseconds.append(1000 * (time.perf_counter() - start))
    return milliseconds[1:]


def add_scores(figures: dict[str, dict[str, Any]], engines: dict[str, Engine], source: Source) -> None:
    """Add the mean IoU (0..100) of each engine on the validation split, and its change from the reference."""
    store = Store.open(source, "val", size=engines[REFERENCE].size, resize_labels=False, cache=default_cache())
    for name, engine in engines.items():
        evaluation = evaluate(Predictor(engine), store, details=False)
        figures[name]["mean_iou"] = 100 * scores(evaluation.counts.total).mean["iou"]
        figures[name]["mean_iou_change"] = figures[name]["mean_iou"] - figures[REFERENCE]["mean_iou"]


def print_network(name: str, figures: dict[str, dict[str, Any]], size: tuple[int, int]) -> None:
    """Print the figures of each engine as a table."""
    print(f"{name}, one image of {size[0]}x{size[1]}")
    for engine, cost in figures.items():
        line = f"    {engine:<26} p50 {cost['p50_ms']:7.1f} ms  p95 {cost['p95_ms']:7.1f} ms  "
        line += f"{cost['vs_torch_fp32']:5.2f}x  labels {100 * cost['label_agreement']:6.2f} %"
        if "mean_iou" in cost:
            line += f"  mean IoU {cost['mean_iou']:.2f} ({cost['mean_iou_change']:+.2f})"
        print(line)


if __name__ == "__main__":
    main()
