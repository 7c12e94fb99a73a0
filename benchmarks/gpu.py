"""Measure on a GPU: training throughput compared with a peer, waiting for data, synchronizations, a whole study.

    python benchmarks/gpu.py [--device cuda] [--encoders A,B] [--data DATA] [--out FILE] [--seconds S]

- epoch: whole epochs of each encoder and decoder as training runs them by itself, with images in the memory of the
  device and with images fetched from main memory: images per second, cost relative to bare steps, and the share of the
  time in which a step waits for data.
- synchronizations: how often a step of an epoch makes the host wait for the GPU, counted by torch's own check. Reading
  the figures of the step before is not counted.
- study: seconds of a whole study with evaluation and report, for each decoder.
- step: images per second of a training step on a batch in memory (forward, loss, backward, optimizer), compared with
  segmentation_models.pytorch's Unet with its own Dice loss and torch's cross-entropy. Both run in bf16 and
  channels_last, compiled, with a fused AdamW. The peer's images are already floats, ours are uint8. The two alternate;
  `vs_smp_best` is the median over rounds.

FILE gets each figure as soon as it is measured, and what is in it is not measured again: the program can be killed, and
ends by itself after `--seconds`. A measurement that fails is named, and the others go on; the exit code is then 1.

A CPU is only for testing this script: nothing is compiled, and the precision is fp32. All that is printed says so.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import segmentation_models_pytorch as smp
import torch
from gpu_train import describe_device
from kept import Kept
from peer import smp_step
from trainer import Trainer, scenes_store, seconds
from workers import one_line

from streetseg.arguments import as_size
from streetseg.data.store import Store
from streetseg.errors import StreetsegError
from streetseg.grid import run_study
from streetseg.recipe.decoders import DECODERS
from streetseg.recipe.schema import Data, Model, Recipe, Train
from streetseg.runtime.device import choose_device

BY_NAME = [name for name, facts in DECODERS.items() if facts.channels]  # all but one's own


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print the figures; return the exit code."""
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
    parser.add_argument("--out", type=Path, default=Path("gpu.json"), help="file of the figures")
    parser.add_argument("--seconds", type=float, default=threading.TIMEOUT_MAX, help="for everything")
    requested = parser.parse_args(argv)
    requested.encoders, requested.decoders = requested.encoders.split(","), requested.decoders.split(",")
    limit = threading.Timer(requested.seconds, end_in_time)
    limit.daemon = True
    limit.start()
    try:
        return measure_all(requested)
    except StreetsegError as error:
        say(f"error: {one_line(error)}")
        return error.exit_code
    except OSError as error:  # a full disk
        say(f"error: {error}; what was measured is kept")
        return 1


def say(text: str) -> None:
    """Print a line at once."""
    print(text, file=sys.stderr, flush=True)


def end_in_time() -> None:
    """End the program, whatever it measures; a compilation cannot be interrupted otherwise."""
    say("time is up: the same command goes on with what is not measured")
    os._exit(0)


def measure_all(requested: argparse.Namespace) -> int:
    """Measure what is not measured yet, and print all figures; return the exit code."""
    device = choose_device(requested.device)
    facts = describe(device, requested)
    say(f"runs on {facts['gpu']}, torch {facts['torch']}")
    figures = Figures(requested.out, facts)
    with TemporaryDirectory(prefix="streetseg-") as folder:
        store = scenes_store(requested.images, requested.size, Path(folder))
        networks = [(encoder, decoder) for encoder in requested.encoders for decoder in requested.decoders]
        for network in networks:
            measure_epochs(*network, requested, store, device, figures)
        for decoder in requested.decoders:
            figures.keep(("study", decoder), lambda name=decoder: time_study(name, requested, Path(folder)))
        for network in networks:  # last, as compilation takes a minute for each
            measure_steps(*network, requested, store, device, figures)
    print(as_text(figures.values))
    return 1 if figures.failed else 0


class Figures(Kept):
    """The figures, and whether one of them could not be measured."""

    failed = False

    def keep(self, place: Sequence[str], measured: Callable[[], Any]) -> None:
        """Measure a figure unless it is there, and write it down. Name it if that fails, and go on."""
        if self.get(*place) is not None:
            return
        try:
            value = measured()
        except (StreetsegError, RuntimeError) as error:
            self.failed = True
            say(f"{', '.join(place)} FAILED: {one_line(error)}")
            return
        self.put(value, *place)
        say(f"{', '.join(place)}: {json.dumps(value)}")


def describe(device: torch.device, requested: argparse.Namespace) -> dict[str, Any]:
    """Return the machine, the versions and the sizes."""
    named = describe_device(requested.device)
    return {
        "device": str(device),
        "gpu": named["device"],
        "torch": named["torch"],
        "cuda": torch.version.cuda,
        "smp": smp.__version__,
        "python": platform.python_version(),
        "size": requested.size,
        "batch": requested.batch,
        "images": requested.images,
    }


def measure_epochs(
    encoder: str, decoder: str, requested: argparse.Namespace, store: Store, device: torch.device, figures: Figures
) -> None:
    """Measure epochs of one network as training runs them by itself, and on a GPU synchronizations."""
    place = ("training", encoder, decoder)
    with trainers(recipe_of(encoder, decoder, requested, device), store, device) as trainer:
        for name in ("device_cache", "fetched"):
            figures.keep((*place, "epoch", name), lambda name=name: epochs(trainer(name), requested))
        if device.type == "cuda":
            figures.keep((*place, "synchronizations_per_step"), lambda: synchronizations(trainer("device_cache")))


def measure_steps(
    encoder: str, decoder: str, requested: argparse.Namespace, store: Store, device: torch.device, figures: Figures
) -> None:
    """Measure bare steps of one network against the peer, both compiled on a GPU."""
    compiled = recipe_of(encoder, decoder, requested, device, compile="on" if device.type == "cuda" else "off")
    with trainers(compiled, store, device) as trainer:
        place = ("training", encoder, decoder, "step")
        figures.keep(place, lambda: throughput(trainer("device_cache"), encoder, requested))


def recipe_of(
    encoder: str, decoder: str, requested: argparse.Namespace, device: torch.device, compile: str = "auto"
) -> Recipe:
    """Return what is trained."""
    return Recipe(
        model=Model(encoder=encoder, decoder=decoder, weights="none"),
        train=Train(
            batch=requested.batch,
            precision="bf16" if device.type == "cuda" else "fp32",
            compile=compile,
            device=str(device),
            epochs=10_000,
        ),
    )


@contextmanager
def trainers(recipe: Recipe, store: Store, device: torch.device) -> Iterator[Callable[[str], Trainer]]:
    """Yield a function that returns the trainer "device_cache" or "fetched", each made when it is first asked for."""
    with TemporaryDirectory(prefix="streetseg-") as folder:

        @cache
        def trainer(name: str) -> Trainer:
            place = Path(folder) / name
            place.mkdir()
            return Trainer(recipe, store, device, place, device_cache=name == "device_cache")

        yield trainer


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
        trainer.epoch()  # the first records graphs
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
    return {"seconds": elapsed, "verdict": result.comparison.verdict}


def as_text(figures: dict[str, Any]) -> str:
    """Return the figures as text for a terminal."""
    lines = [f"{figures['gpu']}, torch {figures['torch']}, batch {figures['batch']}"]
    for encoder, decoders in figures.get("training", {}).items():
        for decoder, training in decoders.items():
            if step := training.get("step"):
                lines.append(
                    f"{encoder}, {decoder}: {step['images_per_second']:.0f} images a second, "
                    f"{step['vs_smp_best']:.2f} times segmentation_models.pytorch at its best"
                )
            lines += [
                f"{encoder}, {decoder}, epoch, {images}: {cost['images_per_second']:.0f} images a second, "
                f"{cost['vs_bare_steps']:.3f} times its bare steps, waits for data {100 * cost['data_share']:.1f} % of "
                "the time"
                for images, cost in training.get("epoch", {}).items()
            ]
    lines += [f"study, {decoder}: {study['seconds']:.0f} s" for decoder, study in figures.get("study", {}).items()]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
