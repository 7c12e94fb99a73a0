"""Measure a training step, compared with segmentation_models.pytorch, for each encoder and decoder.

    python benchmarks/training_step.py [--encoder NAME ...] [--decoder NAME ...] [--size 384x480] [--batch 4] [--json]

A step is forward, loss, backward and optimizer on a batch in memory. Each round runs one step of every network in turn.
A ratio is the median over rounds of the ratio within a round:

- vs_smp_plain: segmentation_models.pytorch's Unet as commonly written: float32, torch's default memory format, its
  DiceLoss + torch's cross-entropy, AdamW, clipped gradients;
- vs_smp_best: the same network and loss in the fastest form on this machine: channels_last, bf16 where
  `train.precision=auto` chooses it, the fused optimizer.

The loss of both is cross-entropy + Dice on all labeled pixels. Our step also updates the averaged weights.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from peer import smp_step
from torch import Tensor

from streetseg.arguments import as_size
from streetseg.data.batches import Batch as TrainBatch
from streetseg.labels.space import IGNORE_INDEX
from streetseg.labels.tables import STREET_11
from streetseg.models.initial_weights import build_network
from streetseg.recipe.decoders import DecoderName
from streetseg.recipe.schema import Model, Recipe, Train
from streetseg.runtime.memory import keep_freed_memory
from streetseg.runtime.precision import Precision, choose_precision
from streetseg.training.fit import step
from streetseg.training.objective import Objective
from streetseg.training.optim import ExponentialAverage, make_optimizer
from streetseg.training.train_state import TrainState

Step = Callable[[], object]
Batch = tuple[Tensor, Tensor]
CPU = torch.device("cpu")
CLASSES = STREET_11.num_classes


def main() -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", nargs="+", default=["mobilenetv2_100", "resnext50_32x4d"])
    parser.add_argument("--decoder", nargs="+", choices=["classic", "fast"], default=["classic", "fast"])
    parser.add_argument("--size", type=as_size, default="384x480")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="one machine-readable object on stdout")
    args = parser.parse_args()
    height, width = args.size
    keep_freed_memory()
    batch = random_batch(args.batch, height, width)
    figures = {encoder: compare(encoder, args.decoder, batch, args.rounds) for encoder in args.encoder}
    if args.json:
        print(json.dumps(figures, indent=2))
        return
    print(f"{height}x{width}, {args.batch} images a step, {torch.get_num_threads()} threads, {args.rounds} rounds")
    for encoder, times in figures.items():
        print(f"{encoder}, {times['precision']}")
        print(f"    smp plain {times['smp_plain_ms']:6.0f} ms an image, at its best {times['smp_best_ms']:6.0f}")
        for decoder in args.decoder:
            ours = times[decoder]
            print(
                f"    {decoder:<9} {ours['ms_per_image']:6.0f} ms an image, "
                f"{ours['vs_smp_plain']:.2f} times as fast as plain, {ours['vs_smp_best']:.2f} as its best"
            )


def random_batch(count: int, height: int, width: int) -> Batch:
    """Return images uint8 (B, 3, H, W) and labels uint8 (B, H, W) in patches of 8x8, one in twelve ignored."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, height, width), dtype=torch.uint8, generator=generator)
    patches = torch.randint(0, CLASSES + 1, (count, -(-height // 8), -(-width // 8)), generator=generator)
    patches[patches == CLASSES] = IGNORE_INDEX
    labels = patches.repeat_interleave(8, 1).repeat_interleave(8, 2)[:, :height, :width]
    return images, labels.to(torch.uint8).contiguous()


def compare(encoder: str, decoders: list[str], batch: Batch, rounds: int) -> dict[str, Any]:
    """Return the milliseconds per image of every network and the ratios between them."""
    precision = choose_precision("auto", CPU)
    plain = Precision("fp32", "as commonly written")
    steps: dict[str, Step] = {
        "smp_plain": smp_step(encoder, *batch, CLASSES, plain, at_its_best=False, clip=1.0),
        "smp_best": smp_step(encoder, *batch, CLASSES, precision, at_its_best=True, clip=1.0),
    } | {decoder: our_step(encoder, decoder, batch, precision) for decoder in decoders}
    for run_step in steps.values():
        run_step()  # the first step allocates memory
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, run_step in steps.items():
            start = time.perf_counter()
            run_step()
            times[name].append(1000 * (time.perf_counter() - start) / len(batch[0]))
    return {
        "precision": precision.name,
        "smp_plain_ms": statistics.median(times["smp_plain"]),
        "smp_best_ms": statistics.median(times["smp_best"]),
    } | {
        decoder: {
            "ms_per_image": statistics.median(times[decoder]),
            "vs_smp_plain": ratio(times["smp_plain"], times[decoder]),
            "vs_smp_best": ratio(times["smp_best"], times[decoder]),
        }
        for decoder in decoders
    }


def ratio(theirs: list[float], ours: list[float]) -> float:
    """Return the median over rounds of their time divided by ours."""
    return statistics.median(their / our for their, our in zip(theirs, ours, strict=True))


def our_step(encoder: str, decoder: DecoderName, batch: Batch, precision: Precision) -> Step:
    """Return a step of training/fit.py, which includes the averaged weights."""
    recipe = Recipe(model=Model(encoder=encoder, decoder=decoder, weights="none"), train=Train(batch=len(batch[0])))
    torch.manual_seed(0)
    network, _ = build_network(encoder, STREET_11, decoder=decoder, size=None, weights="none")
    network.train().to(memory_format=torch.channels_last)
    train_state = TrainState(
        recipe,
        network,
        ExponentialAverage(network, 0.99),
        make_optimizer(network, recipe.optim, pretrained=False),
        Objective(recipe.loss, [1] * CLASSES, IGNORE_INDEX),
        CPU,
        precision,
    )
    train_batch = TrainBatch(*batch, indices=tuple(range(len(batch[0]))))
    return lambda: step(train_state, train_batch)


if __name__ == "__main__":
    main()
