"""How long the counts of one image take, beside what others count them with.

    python benchmarks/scoring.py [--size 1024x2048] [--classes 19] [--rounds 15] [--json]

The image is a built-in scene; the prediction is its ground truth a few pixels aside, wrong in blobs and speckles, and
right on nine pixels of ten. All count the same two uint8 masks into the same matrix, which is compared first:

    streetseg           metrics.confusion.confusion as evaluation calls it; refuses ids outside the label space
    bincount alone      np.bincount of an index that is ready: int64, ignored pixels taken out; neither is timed
    bincount            what people write: ignored pixels masked out, labels * C + prediction in int64, np.bincount
    torch.bincount      the same in torch, on the CPU
    torchmetrics        functional multiclass_confusion_matrix of int64 tensors that are ready, with ignore_index
    scikit-learn        confusion_matrix with its labels named, ignored pixels masked out
    cityscapesScripts   evaluatePair, the Cython way where it was built, which reads both masks from uncompressed files

Milliseconds, medians of alternating rounds; ratios are ours over theirs. Required: at most 1.25 of "bincount alone".
"""

import argparse
import importlib.metadata
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling as cityscapes  # noqa: N813
import numpy as np
import torch
from alternating import alternating
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import confusion_matrix
from torchmetrics.functional.classification import multiclass_confusion_matrix

from streetseg.metrics.confusion import confusion
from streetseg.scenes.render import render

IGNORE = 255
LIMIT = 1.25
Array = NDArray[np.uint8]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="1024x2048", help="height x width")
    parser.add_argument("--classes", type=int, choices=range(11, 34), default=19, metavar="11..33")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true", help="one machine-readable object on stdout")
    args = parser.parse_args()
    height, width = map(int, args.size.split("x"))
    ground_truth, prediction = masks((height, width), args.classes)
    with tempfile.TemporaryDirectory() as folder:
        ways = counters(ground_truth, prediction, args.classes, Path(folder))
        for name, count in ways.items():
            if not np.array_equal(count(), ways["streetseg"]()):
                raise SystemExit(f"{name} counts something else")
        milliseconds = alternating(ways, args.rounds)
    figures = {
        "size": [height, width],
        "classes": args.classes,
        "right": float((ground_truth == prediction).mean()),
        "milliseconds": milliseconds,
        "ratio": {name: milliseconds["streetseg"] / theirs for name, theirs in milliseconds.items()},
        "limit": LIMIT,
        "versions": {name: importlib.metadata.version(name) for name in ("numpy", "torch", "torchmetrics")}
        | {name: importlib.metadata.version(name) for name in ("scikit-learn", "cityscapesScripts")},
        "cityscapesScripts in Cython": cityscapes.CSUPPORT,
    }
    if args.json:
        print(json.dumps(figures, indent=2))
        return
    print(f"one image of {height}x{width}, {args.classes} classes, {100 * figures['right']:.0f} % of its pixels right")
    for name, theirs in milliseconds.items():
        print(f"    {name:<18} {theirs:8.2f} ms    ours/theirs {figures['ratio'][name]:5.2f}")


def masks(size: tuple[int, int], classes: int) -> tuple[Array, Array]:
    """Ground truth and prediction, uint8 (H, W)."""
    _, ground_truth = render(0, 0, size)
    ground_truth = ground_truth.copy()
    right_half = ground_truth[:, size[1] // 2 :]
    right_half[(right_half >= 11 - (classes - 11) % 11) & (right_half < 11)] += (classes - 11) % 11
    ground_truth[-size[0] // 20 :] = IGNORE  # the bonnet of the car the camera is in

    rng = np.random.default_rng(0)
    prediction = np.roll(ground_truth, (2, 3), (0, 1))
    prediction[prediction == IGNORE] = 0
    coarse = (255 * rng.random((max(1, size[0] // 16), max(1, size[1] // 16)))).astype(np.uint8)
    blobs = np.asarray(Image.fromarray(coarse).resize((size[1], size[0]), Image.Resampling.BILINEAR)) > 225
    prediction[blobs] = (prediction[blobs] + 1) % classes
    speckles = rng.random(size) < 0.01
    prediction[speckles] = rng.integers(0, classes, speckles.sum())
    return ground_truth, prediction


def counters(
    ground_truth: Array, prediction: Array, classes: int, folder: Path
) -> dict[str, Callable[[], NDArray[np.int64]]]:
    """What is timed, by name; each returns (C, C)."""
    square = (classes, classes)
    ready = (ground_truth.astype(np.int64) * classes + prediction)[ground_truth != IGNORE]
    ground_truth_tensor, prediction_tensor = torch.from_numpy(ground_truth).long(), torch.from_numpy(prediction).long()
    ground_truth_file, prediction_file = folder / "ground truth.tif", folder / "prediction.tif"
    Image.fromarray(np.where(ground_truth == IGNORE, classes, ground_truth)).save(ground_truth_file)
    Image.fromarray(prediction).save(prediction_file)
    options = argparse.Namespace(evalInstLevelScore=False, evalPixelAccuracy=False, evalLabels=list(range(classes + 1)))

    def people() -> NDArray[np.int64]:
        counted = ground_truth != IGNORE
        index = ground_truth[counted].astype(int) * classes + prediction[counted]
        return np.bincount(index, minlength=classes**2).reshape(square)

    def people_in_torch() -> NDArray[np.int64]:
        ground_truth_here, prediction_here = torch.from_numpy(ground_truth), torch.from_numpy(prediction)
        counted = ground_truth_here != IGNORE
        index = ground_truth_here[counted].long() * classes + prediction_here[counted]
        return torch.bincount(index, minlength=classes**2).reshape(square).numpy()

    def scikit_learn() -> NDArray[np.int64]:
        counted = ground_truth != IGNORE
        return confusion_matrix(ground_truth[counted], prediction[counted], labels=range(classes))

    def official() -> NDArray[np.int64]:
        matrix = np.zeros((classes + 1, classes + 1), np.ulonglong)  # the last row takes what is ignored
        cityscapes.evaluatePair(str(prediction_file), str(ground_truth_file), matrix, {}, {}, options)
        return matrix[:-1, :-1].astype(np.int64)

    return {
        "streetseg": lambda: confusion(ground_truth, prediction, classes, IGNORE),
        "bincount alone": lambda: np.bincount(ready, minlength=classes**2).reshape(square),
        "bincount": people,
        "torch.bincount": people_in_torch,
        "torchmetrics": lambda: multiclass_confusion_matrix(
            prediction_tensor, ground_truth_tensor, classes, ignore_index=IGNORE
        ).numpy(),
        "scikit-learn": scikit_learn,
        "cityscapesScripts": official,
    }


if __name__ == "__main__":
    main()
