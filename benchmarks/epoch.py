"""Measure the cost of an epoch relative to its bare steps.

    python benchmarks/epoch.py [--encoder NAME] [--decoder NAME] [--size 384x480] [--images N] [--json]

An epoch includes everything between two validations: reading the store, augmentation, forward, loss, backward,
clipping, optimizer, averaged weights, scoring, journal. A bare step is forward, loss, backward and optimizer on a batch
in memory. Epochs and bare steps alternate. The ratio is the time of an epoch to the time of as many bare steps, the
median over rounds. A last epoch is profiled: milliseconds per image of each part.
"""

import argparse
import json
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from trainer import Trainer, scenes_store

from streetseg.arguments import as_size
from streetseg.recipe.schema import Model, Recipe, Train
from streetseg.runtime.device import choose_device

TARGET = 1.10  # largest accepted ratio


def main() -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", default="mobilenetv2_100")
    parser.add_argument("--decoder", default=Model().decoder)
    parser.add_argument("--size", type=as_size, default="384x480", help="size of the images and crops")
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", choices=["auto", "fp32", "bf16"], default="auto")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", action="store_true", help="one machine-readable object on stdout")
    args = parser.parse_args()
    recipe = Recipe(
        model=Model(encoder=args.encoder, decoder=args.decoder, weights="none"),
        train=Train(batch=args.batch, precision=args.precision, device=args.device, epochs=10_000),
    )
    with TemporaryDirectory(prefix="streetseg-") as folder:
        store = scenes_store(args.images, args.size, Path(folder))
        figures = measure(Trainer(recipe, store, choose_device(args.device), Path(folder)), args.rounds)
    figures = {"encoder": args.encoder, "decoder": args.decoder, "batch": args.batch} | figures
    if args.json:
        print(json.dumps(figures, indent=2))
        return
    print(
        f"{args.encoder}, {args.decoder}, {figures['precision']} on {figures['device']}: an epoch costs "
        f"{figures['ratio']:.3f} times its bare steps (target {TARGET})"
    )
    for name, milliseconds in figures["ms_per_image"].items():
        print(f"    {name:<12} {milliseconds:8.2f} ms an image")
    for name, milliseconds in figures["parts"].items():
        print(f"        {name:<12} {milliseconds:8.2f}")


def measure(trainer: Trainer, rounds: int) -> dict[str, Any]:
    """Return the times of alternating epochs and bare steps, their ratio, and the parts of an epoch."""
    epochs, bare = trainer.epochs_and_steps(rounds)
    ratios = [epoch / step for epoch, step in zip(epochs, bare, strict=True)]
    return {
        "device": str(trainer.device),
        "threads": torch.get_num_threads(),
        "precision": trainer.train_state.precision.name,
        "crop": trainer.crop,
        "images": sum(map(len, trainer.batches.steps())),
        "ms_per_image": {
            "bare step": 1000 * statistics.median(bare),
            "epoch": 1000 * statistics.median(epochs),
        },
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "parts": trainer.profiled_epoch(),
    }


if __name__ == "__main__":
    main()
