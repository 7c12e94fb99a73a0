"""Measure models on disk: latency, throughput, memory, and beside them the mean IoU."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streetseg.arrays import Size
from streetseg.data.open import open_source
from streetseg.evaluation.score import score
from streetseg.inference.bench import measure_models
from streetseg.inference.prediction import open_predictor
from streetseg.metrics.scores import scores
from streetseg.recipe.schema import Data
from streetseg.runs.folder import kept_split

if TYPE_CHECKING:
    from streetseg.models.own import OwnModules


def bench_models(
    models: "Sequence[tuple[Path, OwnModules | None]]",
    size: Size | None,
    *,
    engine: str | None,
    device: str,
    precision: str,
    batch: int,
    data: Data | None,
    split: str,
) -> list[dict[str, Any]]:
    """Return the result of `measure_models`, with the mean IoU on a split of `data`, as `streetseg evaluate` scores.

    Args:
        models, size, engine, device, precision, batch: as of `measure_models`.
        data: the data set to score on; None for no scores.
        split: its split.
    """

    def mean_iou(path: Path, name: str, computed: str, modules: "OwnModules | None", data: Data) -> float:
        predictor = open_predictor(path, modules, engine=name, precision=computed, device=device)
        scored = score(predictor, open_source(data.read_as(predictor.engine.reading), kept_split(path)), split)
        return scores(scored.evaluation.counts.total).mean["iou"]

    return measure_models(
        models,
        size,
        engine=engine,
        device=device,
        precision=precision,
        batch=batch,
        score=None if data is None else partial(mean_iou, data=data),
    )
