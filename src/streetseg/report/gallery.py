"""Images of what the networks see, chosen by figures.

Only a few images are predicted again, from the best bundles, with the data read once more through the runs' recipe.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from streetseg.comparison.compare import Comparison
from streetseg.comparison.groups import Group
from streetseg.data.open import open_source
from streetseg.data.source import Sample, Source
from streetseg.errors import DataError, StreetsegError
from streetseg.inference.output import Ids, ImageArray
from streetseg.labels.space import LabelSpace
from streetseg.metrics.scores import per_image
from streetseg.report.gallery_layers import Layer, MapKey, layers, map_keys

if TYPE_CHECKING:
    from streetseg.models.own import OwnModules

EACH = 2  # images of each kind
Predict = Callable[[ImageArray], Ids]

GROUND_TRUTH_AND_ONLY, BOTH_BEST = (1, 2), (2, 3)  # places in gallery_layers.layers: what the slider begins with


@dataclass(frozen=True)
class Choice:
    """An image of the gallery.

    Args:
        index: its place in the split.
        reason: why it is shown.
    """

    index: int
    reason: str


def choose(scores: Sequence[NDArray[np.float64]], each: int = EACH) -> list[Choice]:
    """The most disputed, the worst and the best images, none of them twice.

    Args:
        scores: per encoder, one score an image (N,), NaN where an image has no ground truth.
        each: images of each kind; fewer where the split is too small. A single encoder disputes nothing.
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
    """One image of the split with everything there is to see about it.

    Args:
        name: the sample.
        reason: why it was chosen.
        scores: per encoder, in rank order, the mean IoU over the classes of this image, over all seeds.
        layers: what can be seen.
        pair: which two of the layers the slider begins with.
    """

    name: str
    reason: str
    scores: tuple[float, ...]
    layers: tuple[Layer, ...]
    pair: tuple[int, int]


@dataclass(frozen=True)
class Gallery:
    """The exhibits, or in `note` the reason why there are none."""

    exhibits: tuple[Exhibit, ...]
    keys: tuple[MapKey, ...]
    note: str


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
    try:
        source = source or open_source(groups[0].first.recipe.data)
        samples = [_sample(source, groups[0], choice) for choice in choices]
        shown = [(source.read_image(sample), source.read_label(sample)) for sample in samples]
        for choice, (_, ground_truth) in zip(choices, shown, strict=True):
            _require_unchanged(groups[0], choice, ground_truth, source.space)
        predictions = [[predict(image) for image, _ in shown] for predict in (_predictor(g, modules) for g in groups)]
    except (StreetsegError, OSError) as error:
        return Gallery((), (), f"No images: they could not be read and predicted again ({_one_line(error)}).")
    except ModuleNotFoundError as error:
        return Gallery((), (), f"No images: predicting them again needs {error.name}, which is not installed.")
    exhibits = [
        Exhibit(
            name := groups[0].counts.names[choice.index],
            choice.reason,
            tuple(float(iou[choice.index]) for iou in image_scores),
            layers(name, image, ground_truth, [ids[k] for ids in predictions], source.space, letters),
            BOTH_BEST if len(groups) > 1 else GROUND_TRUTH_AND_ONLY,
        )
        for k, (choice, (image, ground_truth)) in enumerate(zip(choices, shown, strict=True))
    ]
    seeds = "" if all(len(group.runs) == 1 for group in groups) else " of each encoder's lowest seed"
    return Gallery(
        tuple(exhibits),
        map_keys(letters),
        f"Predicted again from the best networks{seeds} for this report; the figures are those of the evaluation.",
    )


def _sample(source: Source, group: Group, choice: Choice) -> Sample:
    name = group.counts.names[choice.index]
    for sample in source.splits[group.first.recipe.data.val_split]:
        if sample.name == name:
            return sample
    raise DataError(f"{name} is no longer in the data")


def _require_unchanged(group: Group, choice: Choice, ground_truth: Ids, space: LabelSpace) -> None:
    """The ground truth must be the one that was scored, pixel count by pixel count."""
    now = np.bincount(ground_truth.ravel(), minlength=256)[: space.num_classes]
    scored = group.first.counts.counts[choice.index].sum(axis=1)
    if not np.array_equal(now, scored):
        raise DataError(f"the label of {group.counts.names[choice.index]} has changed since it was scored")


def _predictor(group: Group, modules: "OwnModules | None") -> Predict:
    from streetseg.inference.prediction import open_predictor  # brings torch, which nothing else of the report needs

    return open_predictor(group.first.folder, modules).predict


def _one_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
