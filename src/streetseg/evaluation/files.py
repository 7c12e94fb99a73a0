"""The evaluation folder: scores.json, per_class.csv, per_image.csv, counts.npz, predictions.zip, and maps of the worst
images."""

import csv
import io
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from PIL import Image

from streetseg.atomic import atomic_write_bytes, atomic_write_json, atomic_write_text
from streetseg.evaluation.error_maps import error_map
from streetseg.evaluation.evaluate import Evaluation, Labeled, label_ids
from streetseg.evaluation.predictions import PREDICTIONS_FILE, packed, read_ids
from streetseg.inference.output import Ids, ImageArray, color_map
from streetseg.inference.predictor import Predictor
from streetseg.labels.space import LabelSpace
from streetseg.metrics.bootstrap import Intervals, interval
from streetseg.metrics.calibration import expected_calibration_error, reliability
from streetseg.metrics.counts import Counts
from streetseg.metrics.scores import METRICS, Floats, class_scores, defined_mean, margins, per_image, scores
from streetseg.metrics.selective import SHARES, accuracy_of_kept
from streetseg.png import encode_png
from streetseg.text import one_line

if TYPE_CHECKING:
    from streetseg.json_files.scores import (
        Bin,
        Calibration,
        JoinedSource,
        KeptRow,
        Protocol,
        ScoresFile,
        Video,
    )

# Places where a spreadsheet begins a formula: the start of a cell, and the text after a separator, which is a semicolon
# in some countries (OWASP, "CSV Injection"). The full-width forms of the characters count as well.
FORMULA = re.compile(r"(^|[;,|])(?=[\s\"']*[=+\-@＝＋－＠])")
WORST = 12  # images with an error map


def scores_json(evaluation: Evaluation, intervals: Intervals, terms: "Protocol") -> "ScoresFile":
    """Return the content of scores.json: all scores of an evaluation, 0..1, not rounded, NaN where undefined."""
    names, result = evaluation.space.names, scores(evaluation.counts.total)
    images, boundary = per_image(evaluation.counts.counts), boundary_iou(evaluation)
    content: ScoresFile = {
        "protocol": terms,
        "mean": result.mean,
        "counted": result.counted,
        "pixel_accuracy": result.pixel_accuracy,
        "frequency_weighted_iou": result.frequency_weighted_iou,
        "per_class": {
            name: {metric: float(values[i]) for metric, values in result.per_class.items()}
            | {"boundary_iou": float(boundary[i])}
            for i, name in enumerate(names)
        },
        "interval": {name: list(bounds) for name, bounds in intervals.overall.items()},
        "interval_rule": {"resamples": intervals.resamples, "unit": intervals.unit, "note": intervals.note},
        "per_image_mean": {
            "iou": float(defined_mean(images["iou"])),
            "dice": float(defined_mean(images["dice"])),
        },
        "per_video": per_video(evaluation.counts),
        "boundary_iou": float(defined_mean(boundary)),
        "ece": expected_calibration_error(evaluation.calibration),
        "calibration": _calibration(evaluation),
        "selective": _selective(evaluation),
        "loss": evaluation.loss,
        "ignored_pixels": int(evaluation.counts.ignored.sum()),
    }
    if evaluation.origins:
        content["sources"] = _sources(evaluation)
    return content


def _sources(evaluation: Evaluation) -> "dict[str, JoinedSource]":
    """Return images, mean IoU with its interval, and classes counted, for each of the data sets that are joined."""
    sources: dict[str, JoinedSource] = {}
    for origin in evaluation.origins:
        counts = evaluation.counts.of(f"{origin}/")
        result, (low, high) = scores(counts.total), interval(counts).overall["mean_iou"]
        sources[origin] = {
            "images": len(counts.names),
            "mean_iou": result.mean["iou"],
            "low": low,
            "high": high,
            "counted": result.counted["iou"],
        }
    return sources


def per_video(counts: Counts) -> "dict[str, Video]":
    """Return video -> number of images and mean IoU of all its images together; empty if no video is known."""
    videos: dict[str, list[int]] = {}
    for index, video in enumerate(counts.sequences):
        if video is not None:
            videos.setdefault(video, []).append(index)
    return {
        video: {"images": len(images), "iou": scores(counts.counts[images].sum(axis=0)).mean["iou"]}
        for video, images in sorted(videos.items())
    }


def _calibration(evaluation: Evaluation) -> "Calibration":
    """Return what was fitted, the bins with it, and the error and bins of the network's own probabilities."""
    return {
        "fitted": evaluation.fitted.as_dict() if evaluation.fitted else None,
        "reliability": cast("list[Bin]", reliability(evaluation.calibration)),
        "uncalibrated_ece": expected_calibration_error(evaluation.uncalibrated),
        "uncalibrated_reliability": cast("list[Bin]", reliability(evaluation.uncalibrated)),
    }


def _selective(evaluation: Evaluation) -> "list[KeptRow]":
    """Return for each share of pixels the accuracy of the surest ones, and the confidence that keeps them."""
    accuracy, confidence = accuracy_of_kept(evaluation.kept)
    rows = zip(SHARES, accuracy.tolist(), confidence.tolist(), strict=True)
    return [{"kept": share, "accuracy": value, "confidence": least} for share, value, least in rows]


def boundary_iou(evaluation: Evaluation) -> Floats:
    """Return the boundary IoU of each class, float64 (C,), NaN where undefined."""
    return class_scores(*evaluation.boundary.sum(axis=0))["iou"]


def per_class_csv(evaluation: Evaluation, intervals: Intervals) -> str:
    """Return a table with one row per class: pixels of ground truth and prediction, the scores, and the interval of
    each of the six metrics."""
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
    """Return a table with one row per image: mean IoU and mean Dice over the classes in its ground truth, pixel
    accuracy, and the IoU of each class."""
    counts = evaluation.counts
    image_scores, class_iou = per_image(counts.counts), class_scores(*margins(counts.counts))["iou"]
    return table(
        {
            "image": name,
            "sequence": counts.sequences[i] or "",
            **{score: float(values[i]) for score, values in image_scores.items()},
            "labeled_pixels": int(counts.counts[i].sum()),
            "ignored_pixels": int(counts.ignored[i]),
            **{f"iou {class_name}": float(class_iou[i, c]) for c, class_name in enumerate(evaluation.space.names)},
        }
        for i, name in enumerate(counts.names)
    )


def table(rows: Iterable[Mapping[str, str | int | float]]) -> str:
    """Return rows with equal keys as CSV text; NaN becomes an empty cell.

    Text that a spreadsheet would run as a formula gets an apostrophe, the spreadsheet's mark for plain text. Control
    characters are escaped, so that every row is one line. Numbers are not changed, negative ones included.
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


def write_evaluation(folder: Path, evaluation: Evaluation, intervals: Intervals, scores: "ScoresFile") -> None:
    """Write scores.json, per_class.csv, per_image.csv, counts.npz and, if kept, predictions.zip, each atomically.

    Args:
        folder: created if missing.
        intervals: of the scores of the evaluation's counts.
        scores: the content of scores.json, from `scores_json`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PREDICTIONS_FILE).unlink(missing_ok=True)  # of an earlier evaluation: never beside the counts of this one
    counts = io.BytesIO()
    evaluation.counts.save(counts)
    atomic_write_bytes(folder / "counts.npz", counts.getvalue())
    if evaluation.predictions is not None:
        atomic_write_bytes(folder / PREDICTIONS_FILE, packed(evaluation.predictions))
    atomic_write_text(folder / "per_image.csv", per_image_csv(evaluation))
    atomic_write_text(folder / "per_class.csv", per_class_csv(evaluation, intervals))
    atomic_write_json(folder / "scores.json", scores)


def write_error_maps(folder: Path, evaluation: Evaluation, predictor: Predictor, store: Labeled) -> None:
    """Write folder/errors/<rank>_<name>.png for the images with the lowest per-image IoU; rank 1 is the lowest.

    Each file shows image and ground truth in the first row, prediction and error map in the second.

    Args:
        evaluation: the evaluation of `predictor` on `store`.
    """
    errors = folder / "errors"
    errors.mkdir(parents=True, exist_ok=True)
    iou = per_image(evaluation.counts.counts)["iou"]
    ranked = [int(i) for i in np.argsort(iou, kind="stable") if np.isfinite(iou[i])]
    for rank, i in enumerate(ranked[:WORST], start=1):
        image, ground_truth = store[i]
        if evaluation.predictions is None:
            prediction = label_ids(predictor, image, ground_truth)
        else:
            prediction = read_ids(evaluation.predictions[i], ground_truth.shape)
        name = re.sub(r"[^\w.-]+", "_", evaluation.counts.names[i])[-100:]
        pixels = panel(image, ground_truth, prediction, evaluation.space)
        atomic_write_bytes(errors / f"{rank:02}_{name}.png", encode_png(pixels))


def panel(image: ImageArray, ground_truth: Ids, prediction: Ids, space: LabelSpace) -> ImageArray:
    """Return image, ground truth, prediction and error map, two by two: uint8 (2 h, 2 w, 3).

    Args:
        image: uint8 RGB (H, W, 3); resized to (h, w).
        ground_truth, prediction: uint8 ids (h, w).
    """
    height, width = ground_truth.shape
    resized = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
    above = np.hstack([resized, color_map(ground_truth, space)])
    below = np.hstack([color_map(prediction, space), error_map(resized, ground_truth, prediction, space)])
    return np.vstack([above, below])
