"""Everything to be measured on a GPU: training throughput against a peer, starvation, synchronizations, a whole study.

    python benchmarks/gpu.py [--device cuda] [--encoders A,B] [--data DATA] [--json]

- throughput: images a second of a training step on a batch that is there (forward, loss, backward, optimizer), for
  each encoder and decoder, against segmentation_models.pytorch's Unet with its own Dice loss and torch's cross-entropy.
  Both in bf16 and channels_last, compiled, with a fused AdamW; the peer's images are floats already, ours uint8. They
  take turns, `vs_smp_best` is the median over the rounds.
- epoch: the same for whole epochs, with images on the device and with images fetched from main memory: their cost
  against bare steps, and which share of the time the step waits for data.
- synchronizations: how often a step of such an epoch makes the host wait for the GPU, as torch's own check counts them;
  the reading of the numbers of the step before is not among them.
- study: seconds of a whole study with evaluation and report, decoder by decoder.

On a CPU, where it is only tried out, nothing is compiled and all is fp32.
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
from typing import Any, get_args

import segmentation_models_pytorch as smp
import torch
from peer import smp_step
from trainer import Trainer, scenes_store, seconds

from streetseg.cli.options import parse_size
from streetseg.data.store import Store
from streetseg.grid import run_study
from streetseg.recipe.decoders import DecoderName
from streetseg.recipe.schema import Data, Model, Recipe, Train
from streetseg.runtime.device import choose_device

DECODERS: tuple[DecoderName, ...] = get_args(DecoderName)


def main(words: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--encoders", default="mobilenetv2_100,resnext50_32x4d")
    parser.add_argument("--decoders", default=",".join(DECODERS))
    parser.add_argument("--size", type=parse_size, default="384x480", help="of the images and crops")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--images", type=int, default=368, help="scenes in an epoch; CamVid has 367")
    parser.add_argument("--steps", type=int, default=50, help="bare steps in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", default="scenes", help="of the study")
    parser.add_argument("--recipe", type=json.loads, default={}, help="of the study, sections of the recipe as JSON")
    parser.add_argument("--epochs", type=int, default=20, help="of the study")
    parser.add_argument("--json", action="store_true", help="one machine-readable object on stdout")
    requested = parser.parse_args(words)
    requested.encoders, requested.decoders = requested.encoders.split(","), requested.decoders.split(",")
    device = choose_device(requested.device)
    with TemporaryDirectory(prefix="streetseg-") as folder:
        store = scenes_store(requested.images, requested.size, Path(folder))
        figures = describe(device, requested) | {
            "training": {
                encoder: {
                    decoder: trained(encoder, decoder, requested, store, device) for decoder in requested.decoders
                }
                for encoder in requested.encoders
            },
            "study": {decoder: studied(decoder, requested, Path(folder)) for decoder in requested.decoders},
        }
    print(json.dumps(figures, indent=2) if requested.json else as_text(figures))


def describe(device: torch.device, requested: argparse.Namespace) -> dict[str, Any]:
    """The machine, the versions and the sizes."""
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


def trained(
    encoder: str, decoder: str, requested: argparse.Namespace, store: Store, device: torch.device
) -> dict[str, Any]:
    """All that is measured of one network's training."""
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
    with TemporaryDirectory(prefix="streetseg-") as place:
        device_cache, fetched = (
            Trainer(recipe, store, device, Path(place) / name, device_cache=name == "device_cache")
            for name in made(Path(place), "device_cache", "fetched")
        )
        found: dict[str, Any] = {
            "step": throughput(device_cache, encoder, requested),
            "epoch": {"device_cache": epochs(device_cache, requested), "fetched": epochs(fetched, requested)},
            "synchronizations_per_step": synchronizations(device_cache) if on_gpu else None,
        }
    print(encoder, decoder, json.dumps(found), file=sys.stderr, flush=True)  # a run that is cut off has said it
    return found


def made(place: Path, *names: str) -> Sequence[str]:
    """Folders of these names."""
    for name in names:
        (place / name).mkdir()
    return names


def throughput(trainer: Trainer, encoder: str, requested: argparse.Namespace) -> dict[str, float]:
    """Bare steps of both in turns, after some to compile and warm up."""
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
    """Epochs and as many bare steps in turns; and of a profiled epoch the share in which the step waits for data."""
    whole, bare = trainer.epochs_and_steps(requested.rounds)
    parts = trainer.profiled_epoch()
    return {
        "images_per_second": 1 / statistics.median(whole),
        "vs_bare_steps": statistics.median(epoch / step for epoch, step in zip(whole, bare, strict=True)),
        "data_share": parts["data"] / sum(parts.values()),
        "ms_per_image": parts,
    }


def synchronizations(trainer: Trainer) -> float:
    """How often a step of an epoch makes the host wait for the GPU."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        trainer.epoch()
        torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(warning.message) for warning in caught) / len(trainer.batches)


def studied(decoder: str, requested: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """A whole study: every encoder trained, evaluated and reported."""
    sections = {name: dict(section) for name, section in requested.recipe.items()}
    data = Data(source=requested.data, **sections.pop("data", {}))
    model = Model(decoder=decoder, **sections.pop("model", {}))
    train = Train(epochs=requested.epochs, device=requested.device, **sections.pop("train", {}))
    recipe = Recipe.model_validate(
        {"data": data.model_dump(), "model": model.model_dump(), "train": train.model_dump(), **sections}
    )
    start = time.perf_counter()
    result = run_study(recipe, dict.fromkeys(requested.encoders, "auto-or-random"), 1, folder / decoder, quiet=True)
    took = time.perf_counter() - start
    print(f"study, {decoder}: {took:.1f} s", file=sys.stderr, flush=True)
    return {"seconds": took, "verdict": result.comparison.verdict}


def as_text(figures: dict[str, Any]) -> str:
    """For people."""
    lines = [f"{figures['gpu'] or figures['device']}, torch {figures['torch']}, batch {figures['batch']}"]
    for encoder, decoders in figures["training"].items():
        for decoder, found in decoders.items():
            step, epoch = found["step"], found["epoch"]
            lines.append(
                f"{encoder}, {decoder}: {step['images_per_second']:.0f} images a second, "
                f"{step['vs_smp_best']:.2f} times segmentation_models.pytorch at its best"
            )
            lines += [
                f"    epoch, {where}: {of['images_per_second']:.0f} images a second, {of['vs_bare_steps']:.3f} "
                f"times its bare steps, waits for data {100 * of['data_share']:.1f} % of the time"
                for where, of in epoch.items()
            ]
    lines += [f"study, {decoder}: {found['seconds']:.0f} s" for decoder, found in figures["study"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
