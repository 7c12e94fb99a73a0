"""Gallery of a report: all scored images, or as many as fit, and a few of them selected by score.

The images are read again through the recipe of the runs. Their predictions are those that were kept when they were
scored; where none were, the best bundles predict again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from streetseg.comparison.compare import Comparison
from streetseg.comparison.groups import Group
from streetseg.data.open import open_source
from streetseg.data.source import Sample, Source
from streetseg.errors import DataError, StreetsegError
from streetseg.evaluation.predictions import KeptPredictions
from streetseg.inference.output import Ids, ImageArray
from streetseg.labels.space import LabelSpace
from streetseg.metrics.scores import per_image
from streetseg.report.charts.comparison import prices
from streetseg.report.gallery_layers import Layer, MapKey, layers, map_keys
from streetseg.report.scored_images import (
    MOST_BYTES,
    MOST_SECONDS,
    ScoredImage,
    priority,
    scored_image,
    seconds_for_one,
)
from streetseg.runs.folder import kept_split
from streetseg.text import without_folders

if TYPE_CHECKING:
    from streetseg.inference.predictor import Predictor
    from streetseg.models.own import OwnModules

EACH = 2  # images of each kind

IMAGE_AND_BEST = (0, 2)  # the two layers (indices in gallery_layers.layers) that the slider shows first


@dataclass(frozen=True)
class Choice:
    """A selected image.

    Args:
        index: its index in the split.
        reason: why it was selected.
    """

    index: int
    reason: str


def choose(scores: Sequence[NDArray[np.float64]], each: int = EACH) -> list[Choice]:
    """Select the most disputed, the worst and the best images, none of them twice.

    Args:
        scores: for each encoder one score per image, float64 (N,), NaN where an image has no ground truth.
        each: number of images of each kind; fewer if the split is too small. With one encoder no image is disputed.
    """
    table = np.stack(scores)
    usable = np.flatnonzero(np.isfinite(table).all(axis=0))
    mean = table.mean(axis=0)
    spread = table.max(axis=0) - table.min(axis=0)
    disputed = usable[np.argsort(-spread[usable], kind="stable")] if len(scores) > 1 else usable[:0]
    by_score = usable[np.argsort(mean[usable], kind="stable")]

    chosen: dict[int, Choice] = {}
    for reason, order in (("most disputed", disputed), ("worst", by_score), ("best", by_score[::-1])):
        fresh = [int(index) for index in order if int(index) not in chosen][:each]
        chosen |= {index: Choice(index, reason) for index in fresh}
    return list(chosen.values())


@dataclass(frozen=True)
class Exhibit:
    """One image of the gallery with its layers.

    Args:
        name: the name of the sample.
        reason: why it was selected.
        scores: for each encoder, in rank order, the mean IoU over the classes of this image, over all seeds.
        layers: the layers.
        pair: indices of the two layers that the slider shows first.
    """

    name: str
    reason: str
    scores: tuple[float, ...]
    layers: tuple[Layer, ...]
    pair: tuple[int, int]


@dataclass(frozen=True)
class Gallery:
    """The exhibits, the keys of their maps and the images of the viewer; without exhibits `note` gives the reason."""

    exhibits: tuple[Exhibit, ...]
    keys: tuple[MapKey, ...]
    note: str
    images: tuple[ScoredImage, ...] = ()


def collect(
    comparison: Comparison,
    letters: Sequence[str],
    source: Source | None = None,
    modules: "OwnModules | None" = None,
) -> Gallery:
    """The gallery of a comparison; where data or networks can no longer be read, an empty one that says why.

    Args:
        letters: how the encoders are called in the report, in rank order.
        source: of the caller's own, in place of what the recipe of the runs names.
        modules: of the caller's own, which the networks were made with.
    """
    groups = comparison.groups
    image_scores = [per_image(group.counts.counts)["iou"] for group in groups]
    choices = choose(image_scores)
    reasons = {choice.index: choice.reason for choice in choices}
    order = list(dict.fromkeys([*reasons, *priority(np.mean(image_scores, axis=0))]))
    exhibits: dict[int, Exhibit] = {}
    images: list[ScoredImage] = []
    try:
        first = groups[0].first
        source = source or open_source(first.recipe.data.scored, kept_split(first.folder))
        predictions_of = [_Predictions(group, source.space, modules) for group in groups]
        for index, sample in _samples(source, groups[0], order).items():
            if sum(one.seconds_again for one in predictions_of) > MOST_SECONDS and len(images) >= len(choices):
                break
            image, ground_truth = source.read_image(sample), source.read_mask(sample)
            _require_unchanged(groups[0], index, ground_truth, source.space)
            predictions = [one.of(index, image, ground_truth) for one in predictions_of]
            name, counts = groups[0].counts.names[index], [group.counts.counts[index] for group in groups]
            images += [scored_image(name, image, ground_truth, predictions, counts)]
            if index in reasons:
                exhibits[index] = Exhibit(
                    name,
                    reasons[index],
                    tuple(float(iou[index]) for iou in image_scores),
                    layers(name, image, ground_truth, predictions, source.space, letters),
                    IMAGE_AND_BEST,
                )
            if sum(one.size for one in images) > MOST_BYTES and len(images) > len(choices):
                del images[-1]
                break
    except (StreetsegError, OSError) as error:
        return Gallery((), (), f"No images: they could not be read or predicted again ({_one_line(error)}).")
    except ModuleNotFoundError as error:
        return Gallery((), (), f"No images: predicting them again needs {error.name}, which is not installed.")
    seeds = "" if all(len(group.runs) == 1 for group in groups) else " of each encoder's lowest seed"
    when = (
        "when they were scored"
        if not any(one.seconds_again for one in predictions_of)
        else "again for this report; the scores are those of the evaluation"
    )
    return Gallery(
        tuple(exhibits.values()), map_keys(letters), f"Predicted by the best networks{seeds} {when}.", tuple(images)
    )


class _Predictions:
    """The predicted ids of an encoder's lowest seed, as they were kept, else predicted again.

    Args:
        group: the runs of the encoder.
        space: the classes of the labels.
        modules: of the caller's own, which the network was made with.

    Attributes:
        seconds_again: what predicting again has taken up to now, by the measured latency; 0 if nothing was.
    """

    def __init__(self, group: Group, space: LabelSpace, modules: "OwnModules | None") -> None:
        self.group, self.modules = group, modules
        self.kept = KeptPredictions(group.first.folder / "evaluation", space)
        self.seconds_for_one = seconds_for_one(prices(group)["latency"])
        self.seconds_again = 0.0

    def of(self, index: int, image: ImageArray, ground_truth: Ids) -> Ids:
        """Return the predicted ids of an image of the split, uint8 (h, w) or of the size of the image."""
        ids = self.kept.ids(index, ground_truth, self.group.first.counts.counts[index])
        if ids is None:
            self.seconds_again += self.seconds_for_one
            ids = self.network.predict(image)
        return ids

    @cached_property
    def network(self) -> "Predictor":
        """The best network."""
        from streetseg.inference.prediction import open_predictor  # brings torch, which nothing else here needs

        return open_predictor(self.group.first.folder, self.modules)


def _samples(source: Source, group: Group, indices: Sequence[int]) -> dict[int, Sample]:
    """Return index -> sample of the scored images, in this order. Raise DataError for one that the data have lost."""
    found = {sample.name: sample for sample in source.splits[group.first.recipe.data.val_split]}
    names = {index: group.counts.names[index] for index in indices}
    for name in names.values():
        if name not in found:
            raise DataError(f"{name} is no longer in the data")
    return {index: found[name] for index, name in names.items()}


def _require_unchanged(group: Group, index: int, ground_truth: Ids, space: LabelSpace) -> None:
    """Raise DataError if the ground truth has other numbers of pixels per class than when it was scored."""
    now = np.bincount(ground_truth.ravel(), minlength=256)[: space.num_classes]
    scored = group.first.counts.counts[index].sum(axis=1)
    if not np.array_equal(now, scored):
        raise DataError(f"the mask of {group.counts.names[index]} has changed since it was scored")


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {Path(error.filename).name}" if error.filename else error.strerror
    return without_folders(str(error).splitlines()[0]) if str(error) else type(error).__name__
