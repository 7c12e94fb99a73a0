"""Measure on a GPU: training throughput compared with a peer, waiting for data, synchronizations, a whole study.

    python benchmarks/gpu.py [--device cuda] [--encoders A,B] [--data DATA] [--json]

- step: images per second of a training step on a batch in memory (forward, loss, backward, optimizer), for each encoder
  and decoder, compared with segmentation_models.pytorch's Unet with its own Dice loss and torch's cross-entropy. Both
  run in bf16 and channels_last, compiled, with a fused AdamW. The peer's images are already floats, ours are uint8. The
  two alternate; `vs_smp_best` is the median over rounds.
- epoch: whole epochs, with images in the memory of the device and with images fetched from main memory: images per
  second, cost relative to bare steps, and the share of the time in which a step waits for data.
- synchronizations: how often a step of an epoch makes the host wait for the GPU, counted by torch's own check. Reading
  the figures of the step before is not counted.
- study: seconds of a whole study with evaluation and report, for each decoder.

A CPU is only for testing this script: nothing is compiled, and the precision is fp32.
"""

import argparse
import json
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import segmentation_models_pytorch as smp
import torch
from peer import smp_step
from trainer import Trainer, scenes_store, seconds

from streetseg.arguments import as_size
from streetseg.data.store import Store
from streetseg.grid import run_study
from streetseg.recipe.decoders import DECODERS
from streetseg.recipe.schema import Data, Model, Recipe, Train
from streetseg.runtime.device import choose_device

BY_NAME = [name for name, facts in DECODERS.items() if facts.channels]  # all but one's own


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--encoders", default="mobilenetv2_100,resnext50_32x4d")
    parser.add_argument("--decoders", default=",".join(BY_NAME))
    parser.add_argument("--size", type=as_size, default="384x480", help="size of the images and crops")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--images", type=int, default=368, help="scenes in an epoch; CamVid has 367")
    parser.add_argument("--steps", type=int, default=50, help="bare steps in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", default="scenes", help="data of the study")
    parser.add_argument("--recipe", type=json.loads, default={}, help="recipe of the study, its sections as JSON")
    parser.add_argument("--epochs", type=int, default=20, help="epochs of the study")
    parser.add_argument("--json", action="store_true", help="one machine-readable object on stdout")
    requested = parser.parse_args(argv)
    requested.encoders, requested.decoders = requested.encoders.split(","), requested.decoders.split(",")
    device = choose_device(requested.device)
    with TemporaryDirectory(prefix="streetseg-") as folder:
        store = scenes_store(requested.images, requested.size, Path(folder))
        figures = describe(device, requested) | {
            "training": {
                encoder: {
                    decoder: measure(encoder, decoder, requested, store, device) for decoder in requested.decoders
                }
                for encoder in requested.encoders
            },
            "study": {decoder: time_study(decoder, requested, Path(folder)) for decoder in requested.decoders},
        }
    print(json.dumps(figures, indent=2) if requested.json else as_text(figures))


def describe(device: torch.device, requested: argparse.Namespace) -> dict[str, Any]:
    """Return the machine, the versions and the sizes."""
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {
        "device": str(device),
        "gpu": gpu,
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "smp": smp.__version__,
        "python": platform.python_version(),
        "size": requested.size,
        "batch": requested.batch,
        "images": requested.images,
    }


def measure(
    encoder: str, decoder: str, requested: argparse.Namespace, store: Store, device: torch.device
) -> dict[str, Any]:
    """Return the figures of training one network."""
    on_gpu = device.type == "cuda"
    recipe = Recipe(
        model=Model(encoder=encoder, decoder=decoder, weights="none"),
        train=Train(
            batch=requested.batch,
            precision="bf16" if on_gpu else "fp32",
            compile="on" if on_gpu else "off",
            device=str(device),
            epochs=10_000,
        ),
    )
    with TemporaryDirectory(prefix="streetseg-") as folder:
        device_cache, fetched = (
            Trainer(recipe, store, device, new_folder(Path(folder) / name), device_cache=name == "device_cache")
            for name in ("device_cache", "fetched")
        )
        figures: dict[str, Any] = {
            "step": throughput(device_cache, encoder, requested),
            "epoch": {"device_cache": epochs(device_cache, requested), "fetched": epochs(fetched, requested)},
            "synchronizations_per_step": synchronizations(device_cache) if on_gpu else None,
        }
    print(encoder, decoder, json.dumps(figures), file=sys.stderr, flush=True)  # kept if a later measurement is killed
    return figures


def new_folder(path: Path) -> Path:
    """Create a folder and return it."""
    path.mkdir()
    return path


def throughput(trainer: Trainer, encoder: str, requested: argparse.Namespace) -> dict[str, float]:
    """Return images per second of bare steps of ours and of the peer, in turns after compilation and warm-up."""
    batch, classes = trainer.batch, trainer.train_state.network.space.num_classes
    peer = smp_step(
        encoder, batch.images, batch.labels, classes, trainer.train_state.precision, at_its_best=True, clip=None
    )
    trainer.bare_steps(5)
    seconds(peer, 5, trainer.device)
    ours, theirs = [], []
    for _ in range(requested.rounds):
        ours.append(trainer.bare_steps(requested.steps))
        theirs.append(seconds(peer, requested.steps, trainer.device))
    images = requested.steps * len(batch.indices)
    return {
        "images_per_second": images / statistics.median(ours),
        "smp_images_per_second": images / statistics.median(theirs),
        "vs_smp_best": statistics.median(them / us for us, them in zip(ours, theirs, strict=True)),
    }


def epochs(trainer: Trainer, requested: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of epochs and as many bare steps in turns, and the parts of a profiled epoch."""
    whole, bare = trainer.epochs_and_steps(requested.rounds)
    parts = trainer.profiled_epoch()
    return {
        "images_per_second": 1 / statistics.median(whole),
        "vs_bare_steps": statistics.median(epoch / step for epoch, step in zip(whole, bare, strict=True)),
        "data_share": parts["data"] / sum(parts.values()),
        "ms_per_image": parts,
    }


def synchronizations(trainer: Trainer) -> float:
    """Return how often a step of an epoch makes the host wait for the GPU."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        trainer.epoch()
        torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(warning.message) for warning in caught) / len(trainer.batches)


def time_study(decoder: str, requested: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run a whole study of all encoders, with evaluation and report; return its seconds and verdict."""
    sections = {name: dict(section) for name, section in requested.recipe.items()}
    data = Data(source=requested.data, **sections.pop("data", {}))
    model = Model(decoder=decoder, **sections.pop("model", {}))
    train = Train(epochs=requested.epochs, device=requested.device, **sections.pop("train", {}))
    recipe = Recipe.model_validate(
        {"data": data.model_dump(), "model": model.model_dump(), "train": train.model_dump(), **sections}
    )
    start = time.perf_counter()
    result = run_study(recipe, dict.fromkeys(requested.encoders, "auto-or-random"), 1, folder / decoder, quiet=True)
    elapsed = time.perf_counter() - start
    print(f"study, {decoder}: {elapsed:.1f} s", file=sys.stderr, flush=True)
    return {"seconds": elapsed, "verdict": result.comparison.verdict}


def as_text(figures: dict[str, Any]) -> str:
    """Return the figures as text for a terminal."""
    lines = [f"{figures['gpu'] or figures['device']}, torch {figures['torch']}, batch {figures['batch']}"]
    for encoder, decoders in figures["training"].items():
        for decoder, training in decoders.items():
            step, epoch = training["step"], training["epoch"]
            lines.append(
                f"{encoder}, {decoder}: {step['images_per_second']:.0f} images a second, "
                f"{step['vs_smp_best']:.2f} times segmentation_models.pytorch at its best"
            )
            lines += [
                f"    epoch, {images}: {cost['images_per_second']:.0f} images a second, {cost['vs_bare_steps']:.3f} "
                f"times its bare steps, waits for data {100 * cost['data_share']:.1f} % of the time"
                for images, cost in epoch.items()
            ]
    lines += [f"study, {decoder}: {study['seconds']:.0f} s" for decoder, study in figures["study"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
