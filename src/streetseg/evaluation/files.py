"""The evaluation folder: scores.json, per_class.csv, per_image.csv, counts.npz, and maps of the worst images."""

import csv
import io
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from streetseg.atomic import atomic_write_bytes, atomic_write_json, atomic_write_text
from streetseg.evaluation.error_maps import error_map
from streetseg.evaluation.evaluate import Evaluation, Labeled, label_ids
from streetseg.evaluation.protocol import Protocol
from streetseg.inference.output import Ids, ImageArray, color_map
from streetseg.inference.predictor import Predictor
from streetseg.labels.space import LabelSpace
from streetseg.metrics.bootstrap import Intervals
from streetseg.metrics.calibration import expected_calibration_error
from streetseg.metrics.scores import METRICS, Floats, class_scores, defined_mean, margins, per_image, scores
from streetseg.png import encode_png
from streetseg.text import one_line

# Where a spreadsheet would begin a formula: at the start of a cell, or behind what it takes for the end of a cell where
# people separate by semicolons (OWASP, "CSV Injection"). The wide forms count as well.
FORMULA = re.compile(r"(^|[;,|])(?=[\s\"']*[=+\-@＝＋－＠])")
WORST = 12  # images with an error map


def scores_json(evaluation: Evaluation, intervals: Intervals, terms: Protocol) -> dict[str, Any]:
    """All scores of an evaluation: 0..1, not rounded, NaN where undefined."""
    names, result = evaluation.space.names, scores(evaluation.counts.total)
    images, boundary = per_image(evaluation.counts.counts), boundary_iou(evaluation)
    return {
        "protocol": terms,
        "pixel_accuracy": result.pixel_accuracy,
        "mean": result.mean,
        "counted": result.counted,
        "frequency_weighted_iou": result.frequency_weighted_iou,
        "per_class": {
            name: {metric: float(values[i]) for metric, values in result.per_class.items()}
            | {"boundary_iou": float(boundary[i])}
            for i, name in enumerate(names)
        },
        "interval": {name: list(bounds) for name, bounds in intervals.overall.items()},
        "interval_rule": {"resamples": intervals.resamples, "unit": intervals.unit, "note": intervals.note},
        "per_image_mean": {name: float(defined_mean(images[name])) for name in ("iou", "dice")},
        "boundary_iou": float(defined_mean(boundary)),
        "ece": expected_calibration_error(evaluation.calibration),
        "loss": evaluation.loss,
        "ignored_pixels": int(evaluation.counts.ignored.sum()),
    }


def boundary_iou(evaluation: Evaluation) -> Floats:
    """Boundary IoU of each class, float64 (C,), NaN where undefined."""
    return class_scores(*evaluation.boundary.sum(axis=0))["iou"]


def per_class_csv(evaluation: Evaluation, intervals: Intervals) -> str:
    """One row a class: pixels of ground truth and prediction, the scores, the interval of each of the six metrics."""
    _, ground_truth, predicted = margins(evaluation.counts.total)
    values, boundary = scores(evaluation.counts.total).per_class, boundary_iou(evaluation)
    return table(
        {
            "class": name,
            "truth_pixels": int(ground_truth[i]),
            "predicted_pixels": int(predicted[i]),
            **{metric: float(values[metric][i]) for metric in METRICS},
            "boundary_iou": float(boundary[i]),
            **{
                f"{metric}_{end}": float(intervals.per_class[metric][i, side])
                for metric in METRICS
                for side, end in enumerate(("low", "high"))
            },
        }
        for i, name in enumerate(evaluation.space.names)
    )


def per_image_csv(evaluation: Evaluation) -> str:
    """One row an image: mean IoU and Dice over the classes that its ground truth shows, pixel accuracy, IoU a class."""
    counts = evaluation.counts
    of_image, of_class = per_image(counts.counts), class_scores(*margins(counts.counts))["iou"]
    return table(
        {
            "image": name,
            "sequence": counts.sequences[i] or "",
            **{score: float(values[i]) for score, values in of_image.items()},
            "labeled_pixels": int(counts.counts[i].sum()),
            "ignored_pixels": int(counts.ignored[i]),
            **{f"iou {label}": float(of_class[i, c]) for c, label in enumerate(evaluation.space.names)},
        }
        for i, name in enumerate(counts.names)
    )


def table(rows: Iterable[Mapping[str, str | int | float]]) -> str:
    """Rows of equal keys as CSV; NaN is an empty cell.

    Text that a spreadsheet would run gets an apostrophe, its own mark for "this is text"; control characters are
    written out, so every row is one line. Numbers are written as they are, negative ones too.
    """
    lines = list(rows)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_cell(name) for name in lines[0])
    writer.writerows([_cell(value) for value in line.values()] for line in lines)
    return text.getvalue()


def _cell(value: str | int | float) -> str | int | float:
    if isinstance(value, str):
        return FORMULA.sub(r"\1'", one_line(value))
    return "" if math.isnan(value) else value


def write_evaluation(folder: Path, evaluation: Evaluation, intervals: Intervals, scores: Mapping[str, Any]) -> None:
    """Write scores.json, per_class.csv, per_image.csv and counts.npz, each atomically.

    Args:
        folder: made if missing.
        intervals: those of the evaluation's counts.
        scores: the content of scores.json, from `scores_json`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    counts = io.BytesIO()
    evaluation.counts.save(counts)
    atomic_write_bytes(folder / "counts.npz", counts.getvalue())
    atomic_write_text(folder / "per_image.csv", per_image_csv(evaluation))
    atomic_write_text(folder / "per_class.csv", per_class_csv(evaluation, intervals))
    atomic_write_json(folder / "scores.json", scores)


def write_error_maps(folder: Path, evaluation: Evaluation, predictor: Predictor, store: Labeled) -> None:
    """Writes folder/errors/<rank>_<name>.png for the worst images by per-image IoU, the worst first.

    Each shows the image and the truth above the prediction and the right/wrong map.

    Args:
        evaluation: what `predictor` made of `store`.
    """
    errors = folder / "errors"
    errors.mkdir(parents=True, exist_ok=True)
    iou = per_image(evaluation.counts.counts)["iou"]
    ranked = [int(i) for i in np.argsort(iou, kind="stable") if np.isfinite(iou[i])]
    for rank, i in enumerate(ranked[:WORST], start=1):
        image, label = store[i]
        ids = label_ids(predictor, image, label)
        name = re.sub(r"[^\w.-]+", "_", evaluation.counts.names[i])[-100:]
        shown = panel(image, label, ids, evaluation.space)
        atomic_write_bytes(errors / f"{rank:02}_{name}.png", encode_png(shown))


def panel(image: ImageArray, ground_truth: Ids, prediction: Ids, space: LabelSpace) -> ImageArray:
    """Four images of the ground truth's size, two by two."""
    height, width = ground_truth.shape
    sized = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
    above = np.hstack([sized, color_map(ground_truth, space)])
    below = np.hstack([color_map(prediction, space), error_map(sized, ground_truth, prediction, space)])
    return np.vstack([above, below])
