"""The evaluation folder: scores, tables, counts, and the pictures a network does worst on."""

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from streetseg.atomic import atomic_write_bytes, atomic_write_json, atomic_write_text
from streetseg.evaluation.error_maps import right_wrong_map
from streetseg.evaluation.evaluate import Evaluation, Labelled, label_ids
from streetseg.evaluation.files import per_class_csv, per_image_csv
from streetseg.inference.paint import Ids, Picture, color_map
from streetseg.inference.predictor import Predictor
from streetseg.labels.space import LabelSpace
from streetseg.metrics.bootstrap import Intervals
from streetseg.metrics.scores import per_image
from streetseg.png import encode_png

WORST = 12  # pictures with an error map


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


def write_error_maps(folder: Path, evaluation: Evaluation, predictor: Predictor, store: Labelled) -> None:
    """Writes folder/errors/<rank>_<name>.png for the worst pictures by per-image IoU, the worst first.

    Each shows the picture and the truth above the prediction and the right/wrong map.

    Args:
        evaluation: what `predictor` made of `store`.
    """
    errors = folder / "errors"
    errors.mkdir(parents=True, exist_ok=True)
    iou = per_image(evaluation.counts.counts)["iou"]
    ranked = [int(i) for i in np.argsort(iou, kind="stable") if np.isfinite(iou[i])]
    for rank, i in enumerate(ranked[:WORST], start=1):
        picture, label = store[i]
        ids = label_ids(predictor, picture, label)
        name = re.sub(r"[^\w.-]+", "_", evaluation.counts.names[i])[-100:]
        shown = panel(picture, label, ids, evaluation.space)
        atomic_write_bytes(errors / f"{rank:02}_{name}.png", encode_png(shown))


def panel(picture: Picture, truth: Ids, prediction: Ids, space: LabelSpace) -> Picture:
    """Four pictures of the truth's size, two by two."""
    height, width = truth.shape
    sized = np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))
    above = np.hstack([sized, color_map(truth, space)])
    below = np.hstack([color_map(prediction, space), right_wrong_map(sized, truth, prediction, space)])
    return np.vstack([above, below])
