"""Measure how well networks generalize to a street that is not in their training data: experiments on CamVid.

    python benchmarks/gpu_accuracy.py pack CAMVID WEIGHTS PIECES            # on the machine with the data
    python benchmarks/gpu_accuracy.py run PIECES OUT --experiments screen   # on the machine with the GPU

- pack: write CamVid as lossless WebP and the initial weights to tar files of at most `--piece-mb`, for a machine that
  accepts no larger files.
- run: train all experiments of a table below, in `--workers` processes that share one GPU. An experiment by video has
  three runs. Each trains on two of the videos and is scored on every third frame of the third, after its last epoch, so
  that no score selects an epoch. OUT gets a summary, and the recipe, curves, scores and network of each run.
"""

import argparse
import csv
import json
import lzma
import os
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean
from typing import Any

from PIL import Image

VIDEOS = ("0001TP", "0006R0", "0016E5")
WEIGHTS = {
    "mobilenetv2_100": "mobilenetv2_100.torchvision_v1.safetensors",
    "resnet50": "resnet50.pqf_large.safetensors",
}


@dataclass(frozen=True)
class Experiment:
    """An experiment, as its differences from the shipped recipe camvid.

    Args:
        name: the name in the summary.
        fields: dotted name -> value of recipe fields.
        encoder: one of WEIGHTS.
        by_video: three runs, one for each video that is held out; otherwise one run on the official split.
    """

    name: str
    fields: Mapping[str, object] = field(default_factory=dict)
    encoder: str = "mobilenetv2_100"
    by_video: bool = True


WHOLE = {"augment.early_crop": None, "train.batch": 8, "optim.ema": 0.995}
STRONG = {
    **WHOLE,
    "augment.scale": [0.5, 2.0],
    "augment.brightness": 0.4,
    "augment.contrast": 0.4,
    "augment.saturation": 0.4,
    "augment.hue": 0.08,
    "augment.blur": 0.2,
}
LONG = {"train.epochs": 60}

EXPERIMENTS: dict[str, tuple[Experiment, ...]] = {
    "screen": (
        Experiment("camvid, 20 epochs"),
        Experiment("whole, 60 epochs", {**WHOLE, **LONG}),
        Experiment("strong, 60 epochs", {**STRONG, **LONG}),
        Experiment("strong, 60 epochs, classic", {**STRONG, **LONG, "model.decoder": "classic"}),
        Experiment("strong, 60 epochs, 540x720", {**STRONG, **LONG, "data.size": [540, 720]}),
        Experiment("strong, 60 epochs, lovasz", {**STRONG, **LONG, "loss.region": "lovasz"}),
    ),
    "try": (Experiment("two tiny epochs", {"train.epochs": 2, "data.size": [64, 96], "augment.early_crop": None}),),
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command `pack` or `run`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("pack")
    packing.add_argument("camvid", type=Path)
    packing.add_argument("weights", type=Path)
    packing.add_argument("pieces", type=Path)
    packing.add_argument("--piece-mb", type=float, default=52)
    running = commands.add_parser("run")
    running.add_argument("pieces", type=Path)
    running.add_argument("out", type=Path)
    running.add_argument("--experiments", choices=list(EXPERIMENTS), default="screen")
    running.add_argument("--workers", type=int, default=8)
    running.add_argument("--device", default="cuda")
    running.add_argument("--seconds", type=float, default=1e9, help="time limit, after which runs are killed")
    requested = parser.parse_args(argv)
    if requested.command == "pack":
        pack(requested.camvid, requested.weights, requested.pieces, int(requested.piece_mb * 1e6))
    else:
        run(requested)


def pack(camvid: Path, weights: Path, pieces: Path, most: int) -> None:
    """Write piece_0.tar, piece_1.tar, ...: images as lossless WebP, masks unchanged, weights compressed.

    Args:
        most: largest size of a piece in bytes.
    """
    pieces.mkdir(parents=True, exist_ok=True)
    members = [(f"weights/{name}.xz", _packed(weights / name)) for name in WEIGHTS.values()]
    for folder in ("train", "val"):
        members += [
            (f"camvid/{folder}annot/{p.name}", p.read_bytes()) for p in sorted((camvid / f"{folder}annot").iterdir())
        ]
        for path in sorted((camvid / folder).iterdir()):
            with Image.open(path) as image:
                image.save(buffer := BytesIO(), "webp", lossless=True, method=4, quality=80)
            members.append((f"camvid/{folder}/{path.stem}.webp", buffer.getvalue()))
    for number, piece in enumerate(in_pieces(members, most)):
        with tarfile.open(pieces / f"piece_{number}.tar", "w") as archive:
            for name, content in piece:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, BytesIO(content))


def in_pieces(members: Sequence[tuple[str, bytes]], most: int) -> Iterator[list[tuple[str, bytes]]]:
    """Yield the members in groups of at most `most` bytes."""
    piece: list[tuple[str, bytes]] = []
    size = 0
    for name, content in members:
        if piece and size + len(content) > most:
            yield piece
            piece, size = [], 0
        piece.append((name, content))
        size += len(content)
    yield piece


def _packed(path: Path) -> bytes:
    return lzma.compress(path.read_bytes(), preset=6)


def unpack(pieces: Path, folder: Path) -> None:
    """Unpack the pieces into the folders camvid and weights in `folder`; images become PNG."""
    for piece in sorted(pieces.glob("piece_*.tar")):
        with tarfile.open(piece) as archive:
            archive.extractall(folder, filter="data")
    for path in (folder / "weights").glob("*.xz"):
        path.with_suffix("").write_bytes(lzma.decompress(path.read_bytes()))
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        list(pool.map(_as_png, sorted((folder / "camvid").rglob("*.webp")), chunksize=16))


def _as_png(path: Path) -> None:
    with Image.open(path) as image:
        image.save(path.with_suffix(".png"), compress_level=1)
    path.unlink()


def split_lists(camvid: Path, folder: Path) -> dict[str, dict[str, str]]:
    """Write lists of training and validation samples for each held-out video; return their paths by video and split."""
    folder.mkdir(exist_ok=True)
    names = sorted(f"{split}/{path.stem}" for split in ("train", "val") for path in (camvid / split).glob("*.png"))
    lists = {}
    for video in VIDEOS:
        parts = {
            "train": [name for name in names if video not in name],
            "val": [name for name in names if video in name][::3],
        }
        for part, chosen in parts.items():
            (folder / f"{video}_{part}.txt").write_text("".join(f"{name}\n" for name in chosen))
        lists[video] = {part: str(folder / f"{video}_{part}.txt") for part in parts}
    return lists


def run(requested: argparse.Namespace) -> None:
    """Unpack the data, train all runs within the time limit, and write the summary."""
    end = time.monotonic() + requested.seconds
    work: Path = requested.out / "work"
    work.mkdir(parents=True)
    unpack(requested.pieces, work)
    lists = split_lists(work / "camvid", work / "lists")
    print(f"unpacked: {requested.seconds - (end - time.monotonic()):.0f} s", file=sys.stderr, flush=True)
    experiments = EXPERIMENTS[requested.experiments]
    context = get_context("spawn")
    pool = ProcessPoolExecutor(requested.workers, mp_context=context)
    runs: dict[Future[float], str] = {}
    for number, experiment in enumerate(experiments):
        fields: dict[str, object] = {
            "train.device": requested.device,
            "train.compile": "off",
            "model.encoder": experiment.encoder,
            "model.weights": str(work / "weights" / WEIGHTS[experiment.encoder]),
            **experiment.fields,
        }
        for video in VIDEOS if experiment.by_video else ("official",):
            splits = {"data.splits": lists[video]} if experiment.by_video else {}
            folder = requested.out / f"{number}_{video}"
            future = pool.submit(train_one, str(work / "camvid"), {**fields, **splits}, folder)
            runs[future] = f"{experiment.name}, {video}"
    try:
        for future in as_completed(runs, timeout=end - time.monotonic()):
            print(f"{runs[future]}: {future.exception() or f'{future.result():.0f} s'}", file=sys.stderr, flush=True)
    except TimeoutError:
        print("time is up", file=sys.stderr)
        for process in pool._processes.values():  # before Python 3.14 no public function ends a worker
            process.kill()
    pool.shutdown(wait=False, cancel_futures=True)
    summary = summarize(experiments, requested.out)
    (requested.out / "summary.json").write_text(json.dumps(summary, indent=1))
    for row in summary:
        print(f"{row['name']}: {row['mean']} at the last epoch, {row['runs']}")
    sys.stdout.flush()
    os._exit(0)  # a normal exit would wait for the killed workers


def train_one(camvid: str, fields: Mapping[str, Any], folder: Path) -> float:
    """Train one run in a worker; return its seconds."""
    import torch

    import streetseg

    torch.set_num_threads(1)
    start = time.perf_counter()
    streetseg.train(f"camvid:{camvid}", out=folder, quiet=True, recipe=fields)
    return time.perf_counter() - start


def summarize(experiments: Sequence[Experiment], out: Path) -> list[dict[str, Any]]:
    """Return for each experiment the validation mean IoU of its runs at the last and the best epoch, in percent."""
    rows = []
    for number, experiment in enumerate(experiments):
        runs = {}
        for folder in sorted(out.glob(f"{number}_*")):
            if not (folder / "results.csv").exists():
                continue
            epochs = list(csv.DictReader((folder / "results.csv").open()))
            scores = [100 * float(row["val_iou"]) for row in epochs]
            runs[folder.name.partition("_")[2]] = {
                "epochs": len(scores),
                "last": round(scores[-1], 2),
                "best": round(max(scores), 2),
            }
        rows.append(
            {
                "name": experiment.name,
                "encoder": experiment.encoder,
                "fields": dict(experiment.fields),
                "mean": round(fmean(row["last"] for row in runs.values()), 2) if runs else None,
                "runs": runs,
            }
        )
    return rows


if __name__ == "__main__":
    main()
