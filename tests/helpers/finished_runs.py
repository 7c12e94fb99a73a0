"""Finished run folders in the true format, from counts that a test chooses."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streetseg.metrics.counts import Counts
from streetseg.metrics.scores import METRICS, per_image, scores
from streetseg.recipe.resolved import recipe_yaml
from streetseg.recipe.schema import Recipe

CLASSES = ("road", "tree", "car")
COLORS = ((128, 64, 128), (128, 128, 0), (64, 0, 128))
RANDOM = {"kind": "random", "source": "", "text": "random weights"}
PARTS = [
    {"part": "encoder", "name": "stage 1", "shape": [16, 24, 32], "parameters": 600_000, "macs": 1_300_000_000},
    {"part": "encoder", "name": "stage 2", "shape": [24, 12, 16], "parameters": 4_000_000, "macs": 2_000_000_000},
    {"part": "decoder", "name": "block 1", "shape": [16, 24, 32], "parameters": 1_900_000, "macs": 4_000_000_000},
    {"part": "head", "name": "logits", "shape": [3, 24, 32], "parameters": 100_000, "macs": 1_000_000_000},
]
IMAGENET = {"kind": "timm-pretrained", "source": "m", "text": "encoder from timm's pretrained m"}


def matrices(quality: float, *, seed: int = 0, images: int = 24, classes: int = 3) -> NDArray[np.int64]:
    """Return counts int64 (images, C, C). Of 1000 pixels of each class about the share `quality` is correct; the rest
    is predicted as the next class. The same images are hard for every seed."""
    hard = np.random.default_rng(99).normal(0, 0.04, images)
    rng = np.random.default_rng(seed)
    counts = np.zeros((images, classes, classes), np.int64)
    for image in range(images):
        for row in range(classes):
            correct = rng.binomial(1000, float(np.clip(quality + hard[image], 0.05, 0.95)))
            counts[image, row, row] = correct
            counts[image, row, (row + 1) % classes] = 1000 - correct
    return counts


def write_finished_run(
    folder: Path,
    *,
    encoder: str = "mobilenetv2_100",
    seed: int = 0,
    start: dict[str, str] = IMAGENET,
    counts: NDArray[np.int64] | None = None,
    classes: Sequence[str] = CLASSES,
    colors: Sequence[Sequence[int]] = COLORS,
    names: Sequence[str] | None = None,
    sequences: Sequence[str | None] | None = None,
    ignored: NDArray[np.int64] | None = None,
    train_sequences: Sequence[str] = (),
    latency: float = 40.0,
    cpu: str = "Some CPU",
    protocol: dict[str, Any] | None = None,
    recipe: dict[str, Any] | None = None,
    precision: str = "fp32",
    progress: Sequence[float] = (0.5, 0.8, 1.0, 0.95),
) -> Path:
    """Write a run folder as training leaves it and return it. Scores come from `counts`. The bundle has no weights.

    Args:
        progress: the validation IoU after each epoch, as a share of the final one.
    """
    counts = matrices(0.8, seed=seed) if counts is None else counts
    images, size = len(counts), len(classes)
    names = [f"val/{i:03d}" for i in range(images)] if names is None else names
    sequences = [None] * images if sequences is None else sequences
    ignored = np.zeros(images, np.int64) if ignored is None else ignored
    (folder / "best").mkdir(parents=True)
    (folder / "evaluation").mkdir()

    needed = {
        "data": {"source": "camvid:/nowhere/camvid"},
        "model": {"encoder": encoder},
        "train": {"epochs": len(progress)},
    }
    for section, values in (recipe or {}).items():
        needed[section] = needed.get(section, {}) | values
    needed["train"] = needed["train"] | {"seed": seed}
    resolved = Recipe.model_validate(needed)
    (folder / "recipe.yaml").write_text(recipe_yaml(resolved), encoding="utf-8")

    result = scores(counts.sum(axis=0))
    of_image = per_image(counts)
    terms = {
        "dataset": "camvid", "split": "val", "images": images, "label_space": "toy", "classes": size,
        "resolution": "48x64", "network_resolution": "48x64", "ignore": "pixels labeled 255 are counted nowhere",
        "absent": "a class in neither ground truth nor prediction is left out of a mean; one only predicted has IoU 0",
        "test_time": "one view, no flip", "tile": None, "precision": "fp32", "rules": "1",
    } | (protocol or {})  # fmt: skip
    Counts(tuple(names), tuple(sequences), counts, ignored).save(folder / "evaluation" / "counts.npz")
    _json(folder / "evaluation" / "scores.json", {
        "protocol": terms, "pixel_accuracy": result.pixel_accuracy, "mean": result.mean,
        "frequency_weighted_iou": result.frequency_weighted_iou,
        "per_class": {name: {m: float(result.per_class[m][c]) for m in METRICS} for c, name in enumerate(classes)},
        "per_image_mean": {name: float(of_image[name].mean()) for name in ("iou", "dice")}, "ece": 0.031,
        "calibration": calibration(size, images), "selective": selective(result.pixel_accuracy),
    })  # fmt: skip
    _json(folder / "best" / "model.json", {
        "format": "streetseg-bundle", "version": 3, "encoder": encoder, "decoder": "classic",
        "channels": [16, 12, 8, 8, 8], "size": None, "size_rule": "same-area",
        "images": {"exif": "apply", "range": "full"}, "space": "toy", "classes": list(classes),
        "colors": [list(color) for color in colors], "ignore_index": 255, "normalization": {},
        "initial_weights": start, "protocol": terms, "scores": {}, "sha256": "0",
    })  # fmt: skip
    _json(folder / "cost.json", {
        "parameters": 6.6e6, "macs": 8.3e9, "size": [48, 64], "device": "cpu", "threads": 2, "precision": "fp32",
        "latency_ms": {"p50": latency, "p95": latency * 1.2, "mean": latency * 1.05},
        "images_per_second": 1000 / latency, "peak_memory_mb": 612, "parts": PARTS,
    })  # fmt: skip
    _json(folder / "environment.json", {
        "versions": {"python": "3.11", "torch": None}, "device": "cpu", "git": None,
        "machine": {"cpu": cpu, "cores": 2, "memory_gb": 16.0, "gpu": None},
        "precision": {"name": precision, "why": "as the recipe says"},
        "command": ["streetseg", "train", "camvid:my data"],
    })  # fmt: skip
    ground_truth = counts.sum(axis=(0, 2))
    about = {"counts": {name: int(ground_truth[c]) for c, name in enumerate(classes)}, "ignored": int(ignored.sum())}
    known = sorted({video for video in sequences if video})
    _json(folder / "data.json", {
        "spec": resolved.data.source, "space": "toy",
        "splits": {
            "train": about | {"images": 80, "fingerprint": "t", "sequences": [*train_sequences]},
            "val": about | {"images": images, "fingerprint": "v", "sequences": known},
        },
    })  # fmt: skip
    iou = [result.mean["iou"] * share for share in progress]
    rows = [
        {
            "epoch": k, "lr": 1e-3, "train_loss": 2 / k, "train_accuracy": 0.9, "train_iou": value, "val_loss": 2.2 / k,
            "val_accuracy": 0.88, "val_iou": value, "images_per_second": 30.0, "seconds": 12.0,
            "best": int(value == max(iou)),
        }
        for k, value in enumerate(iou, start=1)
    ]  # fmt: skip
    with (folder / "results.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)
    (folder / "journal.jsonl").write_text('{"event": "start", "time": 1.0}\n{"event": "end", "time": 2.0}\n')
    return folder


def calibration(classes: int, images: int) -> dict[str, Any]:
    """Return the calibration in scores.json of a network that was too sure of itself."""
    bins = [
        {"low": k / 15, "high": (k + 1) / 15, "pixels": 100 * k, "confidence": (k + 0.5) / 15 if k else None}
        for k in range(15)
    ]
    before = [row | {"accuracy": 0.8 * row["confidence"] if row["confidence"] else None} for row in bins]
    after = [row | {"accuracy": row["confidence"]} for row in bins]
    fitted = {
        "method": "temperature", "temperature": [1.4] * classes, "bias": [0.0] * classes, "dataset": "camvid",
        "split": "val", "images": images, "pixels": 10_500, "before": {"nll": 0.6, "ece": 0.124},
        "after": {"nll": 0.5, "ece": 0.03}, "cross_validated": {"nll": 0.5, "ece": 0.032}, "folds": 5,
    }  # fmt: skip
    return {
        "fitted": fitted,
        "reliability": after,
        "uncalibrated_ece": 0.124,
        "uncalibrated_reliability": before,
    }


def selective(accuracy: float) -> list[dict[str, float]]:
    """Return the accuracy of the surest pixels, which falls to `accuracy` for all of them."""
    return [
        {"kept": k / 100, "accuracy": 1 - (1 - accuracy) * (k / 100) ** 2, "confidence": 1 - 0.5 * k / 100}
        for k in range(1, 101)
    ]


def _json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")
