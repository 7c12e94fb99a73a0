"""Scores as the files others read: scores.json, per_class.csv, per_image.csv."""

import csv
import io
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from streetseg.evaluation.evaluate import Evaluation
from streetseg.evaluation.protocol import Protocol
from streetseg.metrics.bootstrap import Intervals
from streetseg.metrics.calibration import expected_calibration_error
from streetseg.metrics.scores import METRICS, Floats, class_scores, defined_mean, margins, per_image, scores
from streetseg.text import one_line

# Where a spreadsheet would begin a formula: at the start of a cell, or behind what it takes for the end of a cell where
# people separate by semicolons (OWASP, "CSV Injection"). The wide forms count as well.
FORMULA = re.compile(r"(^|[;,|])(?=[\s\"']*[=+\-@＝＋－＠])")


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
    """One row a class: pixels of truth and prediction, the scores, and the interval of each of the six metrics."""
    _, truth, predicted = margins(evaluation.counts.total)
    values, boundary = scores(evaluation.counts.total).per_class, boundary_iou(evaluation)
    return table(
        {
            "class": name,
            "truth_pixels": int(truth[i]),
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
    """One row an image: mean IoU and Dice over the classes present in its truth, pixel accuracy, IoU of each class."""
    counts = evaluation.counts
    of_image, of_class = per_image(counts.counts), class_scores(*margins(counts.counts))["iou"]
    return table(
        {
            "image": name,
            "sequence": counts.sequences[i] or "",
            **{score: float(values[i]) for score, values in of_image.items()},
            "labelled_pixels": int(counts.counts[i].sum()),
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
