"""The errors of a network that are known: from the model file, or counted on labeled images of the caller's."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streetseg.data.source import Source
from streetseg.evaluation.score import score
from streetseg.inference.engines.engine import ExportedEngine
from streetseg.inference.engines.fastest import Fastest
from streetseg.inference.predictor import Predictor
from streetseg.metrics.validation_counts import ValidationCounts
from streetseg.models.description import read_model_json, validation_of
from streetseg.text import counted

UNITS = {"image": "images", "clip": "clips of consecutive frames", "sequence": "whole videos"}


@dataclass(frozen=True, eq=False)
class Validation:
    """The confusion of a network on labeled images.

    Args:
        counts: one confusion matrix per image.
        protocol: what was scored, and how; it may lack any key.
        notes: limits that a reader must know, one sentence each.
    """

    counts: ValidationCounts
    protocol: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """What the counts are of: "camvid:CamVid val, 101 images, resampled in whole videos"."""
        data = " ".join(str(self.protocol[key]) for key in ("dataset", "split") if key in self.protocol)
        images = counted(self.counts.images, "image")
        return ", ".join(filter(None, [data, images, f"resampled in {UNITS[self.counts.unit]}"]))


def kept_validation(predictor: Predictor, path: Path) -> Validation | None:
    """Return the validation that a model holds; None for one that holds none, as of an unfinished run.

    Raises:
        ModelError: the model cannot be read, or its counts are damaged.
    """
    engine = predictor.engine
    description = engine.description if isinstance(engine, (ExportedEngine, Fastest)) else read_model_json(path)
    counts = validation_of(description, path)
    if counts is None:
        return None
    notes = []
    if engine.precision != "fp32" or predictor.tta:
        how = "averaged views" if predictor.tta else engine.precision
        notes.append(f"the validation is of the network in fp32 with one view, and the images were labeled with {how}")
    return Validation(counts, description["protocol"], tuple(notes))


def counted_validation(predictor: Predictor, source: Source, split: str) -> Validation:
    """Return the validation of a model as it is run here, on labeled images.

    Raises:
        RequestError: model and data have different classes.
        DataError: files of the split cannot be used.
    """
    scored = score(predictor, source, split)
    return Validation(ValidationCounts.of(scored.evaluation.counts), scored.scores["protocol"])
