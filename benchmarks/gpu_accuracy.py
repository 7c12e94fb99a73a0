"""Train the winning recipes for three encoders on a GPU, by video and on the official split of CamVid.

    python benchmarks/gpu_accuracy.py pack CAMVID WEIGHTS PIECES     # on the machine with the data
    python benchmarks/gpu_accuracy.py run PIECES OUT --seconds 840   # on the machine with the GPU
    python benchmarks/gpu_accuracy.py join OUT FOLDER                # at home: the run folders, from the files in OUT

- pack: write CamVid as lossless WebP and the initial weights to files of at most `--piece-mb`, for a machine that
  accepts no larger ones. WEIGHTS has a file ENCODER.*.safetensors, or a bundle folder ENCODER (of a run on the built-in
  scenes, say), for each encoder. An encoder without either begins from random weights, and all that is printed says so.
- run: first train each network for a moment, with `--workers` processes that share the GPU, to know how long a run
  takes and which share of a step waits for data. Then train the experiments of a table below that fit into
  `--seconds`, the first seed of all before the second; what is dropped or shortened is printed. An experiment by video
  has three runs: each trains on two of the videos and is scored on the third, after its last epoch, so that no score
  selects an epoch. OUT gets summary.json, and files of at most `--result-mb` with the journals, scores and counts of
  all runs, and the bundles of the first seed on the official split.
"""

import argparse
import json
import lzma
import os
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from heapq import heapreplace
from io import BytesIO
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from PIL import Image

ENCODERS = ("mobilenetv2_100", "resnet50", "resnext50_32x4d")
FOLDS = 3  # CamVid has three videos with training or validation images, and a fold holds whole videos
FEWEST_EPOCHS = 20  # no run is made shorter than that, and than its recipe, to fit into the time
SPARE = 0.9  # share of the time that is planned
# The recipes have four early epochs of six, and the first steps with each size of the crop are slow on a GPU.
PROBE = {"train.epochs": 6, "data.limit": 48}
KEPT = (
    "recipe.yaml", "environment.json", "data.json", "journal.jsonl", "results.csv", "best/model.json",
    "evaluation/scores.json", "evaluation/counts.npz", "cost.json",
)  # fmt: skip
WEIGHTS_FILE = "best/weights.safetensors"


@dataclass(frozen=True)
class Experiment:
    """An experiment: one network, with one or several seeds.

    Args:
        name: the name in the summary.
        recipe: shipped recipe.
        fields: dotted name -> value of recipe fields that differ from it.
        encoder: one of ENCODERS.
        seeds: the number of seeds.
        by_video: three runs for each seed, one for each video that is held out; otherwise one on the official split.
        extra: nothing is shortened to make room for it.
    """

    name: str
    encoder: str
    recipe: str = "camvid-long"
    fields: Mapping[str, object] = field(default_factory=dict)
    seeds: int = 3
    by_video: bool = True
    extra: bool = False

    @property
    def folds(self) -> tuple[int, ...]:
        """The folds of a seed; 0 stands for the official split."""
        return tuple(range(1, FOLDS + 1)) if self.by_video else (0,)


# The most important first: the last is dropped first.
WINNERS = tuple(Experiment(f"{encoder} by video", encoder) for encoder in ENCODERS)
SHIPPED = tuple(Experiment(f"{encoder} official", encoder, seeds=1, by_video=False) for encoder in ENCODERS)
LONGER = tuple(
    Experiment(f"{encoder} by video, 200 epochs", encoder, fields={"train.epochs": 200}, seeds=1, extra=True)
    for encoder in ENCODERS
)
TINY = {
    "data.size": [48, 64], "augment.early_crop": None, "model.channels": [16, 12, 8, 8], "train.epochs": 3,
    "train.precision": "fp32",
}  # fmt: skip
EXPERIMENTS: dict[str, tuple[Experiment, ...]] = {
    "winners": (*WINNERS, *SHIPPED, *LONGER),
    "try": (
        Experiment("tiny by video", "test_efficientnet", fields=TINY, seeds=1),
        Experiment("tiny official", "test_efficientnet", fields=TINY, seeds=1, by_video=False),
    ),
}


@dataclass(frozen=True)
class Pace:
    """The speed of a network, while all workers share the device.

    Args:
        of_image: seconds for a training image in the early epochs, and in the later ones.
        early: share of the early epochs.
        of_run: seconds for what is done once in a run: warming up, scoring, measuring the cost.
        waiting: share of the time of a training step in which it waits for data.
    """

    of_image: tuple[float, float]
    early: float
    of_run: float
    waiting: float

    def seconds(self, images: int, epochs: int) -> float:
        """Return the seconds of a run."""
        early, late = self.of_image
        return self.of_run + images * epochs * (self.early * early + (1 - self.early) * late)


@dataclass(frozen=True)
class Run:
    """A run of the plan."""

    experiment: Experiment
    seed: int
    fold: int
    epochs: int

    @property
    def folder(self) -> str:
        """The name of its folder."""
        name = self.experiment.name.replace(",", "").replace(" ", "-")
        return f"{name}_seed{self.seed}" + (f"_fold{self.fold}" if self.fold else "")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command `pack`, `run` or `join`."""
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
    running.add_argument("--experiments", choices=list(EXPERIMENTS), default="winners")
    running.add_argument("--workers", type=int, default=12)
    running.add_argument("--device", default="cuda")
    running.add_argument("--seconds", type=float, default=840, help="for everything; runs are killed after it")
    running.add_argument("--result-mb", type=float, default=15)
    joining = commands.add_parser("join")
    joining.add_argument("out", type=Path)
    joining.add_argument("folder", type=Path)
    requested = parser.parse_args(argv)
    if requested.command == "pack":
        pack(requested.camvid, requested.weights, requested.pieces, int(requested.piece_mb * 1e6))
    elif requested.command == "run":
        run(requested)
    else:
        read_pieces(requested.out, "results", requested.folder)


def say(text: str) -> None:
    """Print a line at once, beside the summary."""
    print(text, file=sys.stderr, flush=True)


def pack(camvid: Path, weights: Path, pieces: Path, most: int) -> None:
    """Write images as lossless WebP, masks unchanged and weights compressed to pieces of at most `most` bytes."""
    members = []
    for encoder in ENCODERS:
        found = initial_weights(weights, encoder)
        say(f"{encoder}: {found or f'NO WEIGHTS in {weights}, it will begin from random ones'}")
        files = [] if found is None else sorted(found.iterdir()) if found.is_dir() else [found]
        members += [
            (f"weights/{path.relative_to(weights)}.xz", lzma.compress(path.read_bytes(), preset=6)) for path in files
        ]
    for folder in ("train", "val"):
        members += [
            (f"camvid/{folder}annot/{path.name}", path.read_bytes())
            for path in sorted((camvid / f"{folder}annot").iterdir())
        ]
        for path in sorted((camvid / folder).iterdir()):
            with Image.open(path) as image:
                image.save(buffer := BytesIO(), "webp", lossless=True, method=4, quality=80)
            members.append((f"camvid/{folder}/{path.stem}.webp", buffer.getvalue()))
    write_pieces(pieces, "data", members, most)


def initial_weights(folder: Path, encoder: str) -> Path | None:
    """Return the weights file of an encoder, or its bundle folder; None where there is neither."""
    files = sorted(folder.glob(f"{encoder}.*.safetensors"))
    bundle = folder / encoder
    return files[0] if files else bundle if bundle.is_dir() else None


def write_pieces(folder: Path, name: str, members: Iterable[tuple[str, bytes]], most: int) -> None:
    """Write NAME.tar.gz.000, NAME.tar.gz.001, ...: one archive, cut into files of at most `most` bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=(buffer := BytesIO()), mode="w:gz") as archive:
        for member, content in members:
            info = tarfile.TarInfo(member)
            info.size = len(content)
            archive.addfile(info, BytesIO(content))
    whole = buffer.getvalue()
    for number, begin in enumerate(range(0, len(whole), most)):
        (folder / f"{name}.tar.gz.{number:03d}").write_bytes(whole[begin : begin + most])


def read_pieces(folder: Path, name: str, out: Path) -> None:
    """Unpack what `write_pieces` wrote."""
    whole = b"".join(piece.read_bytes() for piece in sorted(folder.glob(f"{name}.tar.gz.*")))
    with tarfile.open(fileobj=BytesIO(whole)) as archive:
        archive.extractall(out, filter="data")


def unpack(pieces: Path, folder: Path) -> None:
    """Unpack the pieces into the folders camvid and weights in `folder`; images become PNG."""
    (folder / "weights").mkdir()
    read_pieces(pieces, "data", folder)
    for path in (folder / "weights").rglob("*.xz"):
        path.with_suffix("").write_bytes(lzma.decompress(path.read_bytes()))
        path.unlink()
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        list(pool.map(_as_png, sorted((folder / "camvid").rglob("*.webp")), chunksize=16))


def _as_png(path: Path) -> None:
    with Image.open(path) as image:
        image.save(path.with_suffix(".png"), compress_level=1)
    path.unlink()


def run(requested: argparse.Namespace) -> None:
    """Unpack the data, measure, train what fits into the time, and write the results."""
    start = time.monotonic()
    end = start + requested.seconds
    out: Path = requested.out
    work = out / "work"
    work.mkdir(parents=True)
    unpack(requested.pieces, work)
    say(f"unpacked: {time.monotonic() - start:.0f} s")
    experiments = EXPERIMENTS[requested.experiments]
    pool = ProcessPoolExecutor(requested.workers, mp_context=get_context("spawn"))
    paces = measure(experiments, requested, pool)
    say(f"measured: {time.monotonic() - start:.0f} s")
    seconds = SPARE * (end - time.monotonic())
    runs, dropped = plan(experiments, paces, training_images(work / "camvid"), requested.workers, seconds)
    for line in dropped:
        say(line)
    train_all(runs, requested, pool, end)
    summary = {
        "device": device_name(requested.device),
        "workers": requested.workers,
        "waiting for data": {encoder: pace.waiting for encoder, pace in paces.items()},
        "dropped": dropped,
        "experiments": summarize(runs, out, work / "weights"),
        "seconds": round(time.monotonic() - start),
    }
    (out / "summary.json").write_text(json.dumps(summary, indent=1))
    write_pieces(out, "results", results(runs, out), int(requested.result_mb * 1e6))
    print(json.dumps(summary, indent=1), flush=True)
    os._exit(0)  # a normal exit would wait for the killed workers


def measure(
    experiments: Sequence[Experiment], requested: argparse.Namespace, pool: ProcessPoolExecutor
) -> dict[str, Pace]:
    """Return encoder -> pace, from a moment of training in all workers at once."""
    first_of = {experiment.encoder: experiment for experiment in reversed(experiments)}
    probes: dict[Future[Pace], str] = {}
    for number, experiment in enumerate(islice(cycle(first_of.values()), max(requested.workers, len(first_of)))):
        fields = fields_of(experiment, requested) | PROBE
        folder = requested.out / "work" / f"probe{number}"
        probes[pool.submit(probe, experiment.recipe, fields, folder)] = experiment.encoder
    measured: dict[str, list[Pace]] = {encoder: [] for encoder in first_of}
    for future, encoder in probes.items():
        if error := future.exception():
            say(f"{encoder} FAILED: {error}")
        else:
            measured[encoder].append(future.result())
    paces = {encoder: max(found, key=lambda pace: sum(pace.of_image)) for encoder, found in measured.items() if found}
    for encoder, pace in paces.items():
        early, late = (1000 * seconds for seconds in pace.of_image)
        say(
            f"{encoder}: {early:.1f} ms an image in early epochs, {late:.1f} in later ones, {pace.of_run:.0f} s for "
            f"each run, waits for data {100 * pace.waiting:.1f} % of a step, with {requested.workers} runs at once"
        )
    return paces


def fields_of(experiment: Experiment, requested: argparse.Namespace) -> dict[str, object]:
    """Return the recipe fields of all runs of an experiment."""
    work = requested.out / "work"
    return {
        "data.source": f"camvid:{work / 'camvid'}",
        "train.device": requested.device,
        "train.compile": "off",
        "model.encoder": experiment.encoder,
        "model.weights": str(initial_weights(work / "weights", experiment.encoder) or "none"),
        **experiment.fields,
    }


def probe(recipe: str, fields: Mapping[str, object], folder: Path) -> Pace:
    """Train for a moment in a worker; return the pace."""
    from streetseg.recipe.resolved import read_resolved

    whole = train_one(recipe, fields, folder, profile=True)
    events = [json.loads(line) for line in (folder / "journal.jsonl").read_text("utf-8").splitlines()]
    _, _, early, _, _, late = [1 / event["images_per_second"] for event in events if event["event"] == "epoch"]
    (profile,) = [event for event in events if event["event"] == "profile"]
    trained = profile["images"] * (4 * early + 2 * late) / 6  # without what is slow at the beginning
    augment = read_resolved(folder / "recipe.yaml").augment
    share = augment.early if augment.early_crop else 0.0
    return Pace((early, late), share, max(0.0, whole - trained), profile["parts"]["data"]["seconds"] / trained)


def plan(
    experiments: Sequence[Experiment],
    paces: Mapping[str, Pace],
    images: tuple[int, int],
    workers: int,
    seconds: float,
) -> tuple[list[Run], list[str]]:
    """Return the runs that fit into the time, the most important first, and what was shortened or dropped, in words.

    `images` is the number of images that a run trains on, on the official split and in a fold.
    The first seed of each experiment comes before the second of any. If those of the experiments that are not `extra`
    do not fit, all runs are shortened by the same factor; what FEWEST_EPOCHS are still too many for is dropped.
    """
    notes = [
        f"DROPPED: {one.name}: its network could not be measured" for one in experiments if one.encoder not in paces
    ]
    experiments = [experiment for experiment in experiments if experiment.encoder in paces]
    epochs = {experiment.name: epochs_of(experiment) for experiment in experiments}

    def runs_of(experiment: Experiment, seed: int, factor: float) -> list[Run]:
        full = epochs[experiment.name]
        shortened = max(min(full, FEWEST_EPOCHS), round(full * factor))
        return [Run(experiment, seed, fold, shortened) for fold in experiment.folds]

    def time_of(runs: Iterable[Run]) -> float:
        ends = [0.0] * workers  # each run begins in the worker that is free first
        for run in runs:
            pace = paces[run.experiment.encoder]
            heapreplace(ends, ends[0] + pace.seconds(images[bool(run.fold)], run.epochs))
        return max(ends)

    factor = 1.0
    needed = [experiment for experiment in experiments if not experiment.extra]
    while factor > 0.1 and time_of(run for one in needed for run in runs_of(one, 0, factor)) > seconds:
        factor -= 0.05
    if any(run.epochs < epochs[one.name] for one in needed for run in runs_of(one, 0, factor)):
        notes.append(f"SHORTENED: all runs to {100 * factor:.0f} % of their epochs, at least {FEWEST_EPOCHS}")
    chosen: list[Run] = []
    for seed in range(max((experiment.seeds for experiment in experiments), default=0)):
        for experiment in experiments:
            if seed < experiment.seeds:
                runs = runs_of(experiment, seed, factor)
                if time_of([*chosen, *runs]) <= seconds:
                    chosen += runs
                else:
                    notes.append(
                        f"DROPPED: {experiment.name}, seed {seed}: a run takes about {time_of(runs[:1]):.0f} s"
                    )
    notes.append(f"{len(chosen)} runs, about {time_of(chosen):.0f} of {seconds:.0f} s")
    return chosen, notes


def epochs_of(experiment: Experiment) -> int:
    """Return the epochs that an experiment asks for."""
    from streetseg.recipe.load import load_recipe

    return load_recipe(experiment.recipe, flags=dict(experiment.fields)).train.epochs


def training_images(camvid: Path) -> tuple[int, int]:
    """Return how many images a run trains on: on the official split, and at most in a fold."""
    names = {split: [path.stem for path in (camvid / split).glob("*.png")] for split in ("train", "val")}
    videos = Counter(name.partition("_")[0] for name in names["train"] + names["val"])
    return len(names["train"]), videos.total() - min(videos.values())


def train_all(runs: Sequence[Run], requested: argparse.Namespace, pool: ProcessPoolExecutor, end: float) -> None:
    """Train the runs in the workers until the time is up."""
    futures: dict[Future[float], Run] = {}
    for one in runs:
        fields = fields_of(one.experiment, requested) | {
            "train.seed": one.seed,
            "train.epochs": one.epochs,
            "train.validate_every": one.epochs,
            **({"data.fold": [one.fold, FOLDS]} if one.fold else {}),
        }
        futures[pool.submit(train_one, one.experiment.recipe, fields, requested.out / one.folder)] = one
    try:
        for future in as_completed(futures, timeout=max(1.0, end - time.monotonic())):
            say(f"{futures[future].folder}: {future.exception() or f'{future.result():.0f} s'}")
    except TimeoutError:
        say("time is up: the runs that have not ended are killed")
        for process in pool._processes.values():  # before Python 3.14 no public function ends a worker
            process.kill()
    pool.shutdown(wait=False, cancel_futures=True)


def train_one(recipe: str, fields: Mapping[str, Any], folder: Path, *, profile: bool = False) -> float:
    """Train one run in a worker; return its seconds."""
    import torch

    import streetseg
    import streetseg.report.report
    import streetseg.training.train
    from streetseg.recipe.load import load_recipe

    torch.set_num_threads(1)
    start = time.perf_counter()
    resolved = load_recipe(recipe, flags={name: "none" if value is None else value for name, value in fields.items()})
    streetseg.train(resolved.data.source, out=folder, quiet=True, recipe=resolved, profile=profile)
    return time.perf_counter() - start


def device_name(device: str) -> str:
    """Return the name of the GPU, or "cpu"."""
    import torch

    return torch.cuda.get_device_name(device) if device.startswith("cuda") else device


def summarize(runs: Sequence[Run], out: Path, weights: Path) -> list[dict[str, Any]]:
    """Return for each experiment the mean IoU of its finished runs after the last epoch, in percent."""
    from streetseg.runs.finished import is_finished, read_run

    rows = []
    for experiment in {run.experiment.name: run.experiment for run in runs}.values():
        of_experiment = [run for run in runs if run.experiment.name == experiment.name]
        finished = {run.folder: read_run(out / run.folder) for run in of_experiment if is_finished(out / run.folder)}
        scores = {folder: 100 * float(run.scores["mean"]["iou"]) for folder, run in finished.items()}
        found = initial_weights(weights, experiment.encoder)
        rows.append(
            {
                "name": experiment.name,
                "initial weights": found.name if found else "RANDOM: no weights were packed",
                "recipe": experiment.recipe,
                "fields": dict(experiment.fields),
                "epochs": of_experiment[0].epochs,
                "mean": round(fmean(scores.values()), 2) if scores else None,
                "deviation": round(stdev(scores.values()), 2) if len(scores) > 1 else None,
                "runs": {folder: round(score, 2) for folder, score in scores.items()},
                "not finished": [run.folder for run in of_experiment if run.folder not in finished],
            }
        )
    return rows


def results(runs: Sequence[Run], out: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the files that leave the machine, as far as a run has written them."""
    for one in runs:
        is_shipped = not one.fold and one.seed == 0
        for name in (*KEPT, *((WEIGHTS_FILE,) if is_shipped else ())):
            path = out / one.folder / name
            if path.is_file():
                yield f"{one.folder}/{name}", path.read_bytes()


if __name__ == "__main__":
    main()
