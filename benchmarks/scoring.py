"""Measure the time of the confusion matrix of one image, compared with other libraries.

    python benchmarks/scoring.py [--size 1024x2048] [--classes 19] [--rounds 15] [--json]

The ground truth is a built-in scene. The prediction is the ground truth shifted by a few pixels, with incorrect blobs
and speckles; nine pixels of ten are correct. All methods count the same two uint8 arrays. Their matrices must be equal,
which is checked first:

    streetseg           metrics.confusion.confusion as evaluation calls it; ids outside the label space are an error
    bincount alone      np.bincount of a prepared index: int64, without ignored pixels; the preparation is not measured
    bincount            the common code: ignored pixels masked out, labels * C + prediction in int64, np.bincount
    torch.bincount      the same in torch, on the CPU
    torchmetrics        functional multiclass_confusion_matrix of prepared int64 tensors, with ignore_index
    scikit-learn        confusion_matrix with its labels listed, ignored pixels masked out
    cityscapesScripts   evaluatePair, in Cython where it was built, which reads both masks from uncompressed files

Times are milliseconds, medians of alternating rounds; ratios are ours over theirs. Required: at most 1.25 times
"bincount alone".
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
LIMIT = 1.25  # largest accepted ratio to "bincount alone"
Array = NDArray[np.uint8]


def main() -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="1024x2048", help="height x width")
    parser.add_argument("--classes", type=int, choices=range(11, 34), default=19, metavar="11..33")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true", help="one machine-readable object on stdout")
    args = parser.parse_args()
    height, width = map(int, args.size.split("x"))
    ground_truth, prediction = masks((height, width), args.classes)
    with tempfile.TemporaryDirectory() as folder:
        methods = counters(ground_truth, prediction, args.classes, Path(folder))
        for name, count in methods.items():
            if not np.array_equal(count(), methods["streetseg"]()):
                raise SystemExit(f"the matrix of {name} differs")
        milliseconds = alternating(methods, args.rounds)
    figures = {
        "size": [height, width],
        "classes": args.classes,
        "correct": float((ground_truth == prediction).mean()),
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
    print(f"one image of {height}x{width}, {args.classes} classes, {100 * figures['correct']:.0f} % of pixels correct")
    for name, theirs in milliseconds.items():
        print(f"    {name:<18} {theirs:8.2f} ms    ours/theirs {figures['ratio'][name]:5.2f}")


def masks(size: tuple[int, int], classes: int) -> tuple[Array, Array]:
    """Return ground truth and prediction, uint8 (H, W) each."""
    _, ground_truth = render(0, 0, size)
    ground_truth = ground_truth.copy()
    right_half = ground_truth[:, size[1] // 2 :]
    right_half[(right_half >= 11 - (classes - 11) % 11) & (right_half < 11)] += (classes - 11) % 11
    ground_truth[-size[0] // 20 :] = IGNORE  # the hood of the car with the camera

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
    """Return the measured functions by name; each returns the confusion matrix int64 (C, C)."""
    square = (classes, classes)
    index = (ground_truth.astype(np.int64) * classes + prediction)[ground_truth != IGNORE]
    ground_truth_tensor, prediction_tensor = torch.from_numpy(ground_truth).long(), torch.from_numpy(prediction).long()
    ground_truth_file, prediction_file = folder / "ground truth.tif", folder / "prediction.tif"
    Image.fromarray(np.where(ground_truth == IGNORE, classes, ground_truth)).save(ground_truth_file)
    Image.fromarray(prediction).save(prediction_file)
    options = argparse.Namespace(evalInstLevelScore=False, evalPixelAccuracy=False, evalLabels=list(range(classes + 1)))

    def numpy_bincount() -> NDArray[np.int64]:
        counted = ground_truth != IGNORE
        index = ground_truth[counted].astype(int) * classes + prediction[counted]
        return np.bincount(index, minlength=classes**2).reshape(square)

    def torch_bincount() -> NDArray[np.int64]:
        labels, predicted = torch.from_numpy(ground_truth), torch.from_numpy(prediction)
        counted = labels != IGNORE
        index = labels[counted].long() * classes + predicted[counted]
        return torch.bincount(index, minlength=classes**2).reshape(square).numpy()

    def scikit_learn() -> NDArray[np.int64]:
        counted = ground_truth != IGNORE
        return confusion_matrix(ground_truth[counted], prediction[counted], labels=range(classes))

    def cityscapes_scripts() -> NDArray[np.int64]:
        matrix = np.zeros((classes + 1, classes + 1), np.ulonglong)  # the last row is for ignored pixels
        cityscapes.evaluatePair(str(prediction_file), str(ground_truth_file), matrix, {}, {}, options)
        return matrix[:-1, :-1].astype(np.int64)

    return {
        "streetseg": lambda: confusion(ground_truth, prediction, classes, IGNORE),
        "bincount alone": lambda: np.bincount(index, minlength=classes**2).reshape(square),
        "bincount": numpy_bincount,
        "torch.bincount": torch_bincount,
        "torchmetrics": lambda: multiclass_confusion_matrix(
            prediction_tensor, ground_truth_tensor, classes, ignore_index=IGNORE
        ).numpy(),
        "scikit-learn": scikit_learn,
        "cityscapesScripts": cityscapes_scripts,
    }


if __name__ == "__main__":
    main()
