"""Score a model on a split of a data set: check the files, open the store, count, compute scores, write tables."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from streetseg.data.budget import budget
from streetseg.data.check.check import check_source
from streetseg.data.check.findings import require_labels
from streetseg.data.source import Source, SourceView
from streetseg.data.store import Store, default_cache
from streetseg.errors import RequestError
from streetseg.evaluation.evaluate import Evaluation, evaluate, require_same_classes
from streetseg.evaluation.files import scores_json, write_error_maps, write_evaluation
from streetseg.evaluation.protocol import protocol
from streetseg.inference.predictor import Predictor
from streetseg.labels.space import LabelSpace
from streetseg.metrics.bootstrap import Intervals, interval

if TYPE_CHECKING:
    from streetseg.json_files.scores import ScoresFile
    from streetseg.runtime.distributed import Ranks


@dataclass(frozen=True, eq=False)
class Scored:
    """The scores of a model on a split.

    Args:
        evaluation: the counts of each image.
        intervals: 95 % intervals of the scores.
        scores: the content of scores.json, with its protocol.
    """

    evaluation: Evaluation
    intervals: Intervals
    scores: "ScoresFile"


def require_empty(out: Path | None) -> None:
    """Raise RequestError unless `out` is missing, an empty folder, or None."""
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RequestError("this is no empty folder", where=out, hint="--out DIR names a new or an empty one")


def require_classes(classes: LabelSpace, source: Source) -> None:
    """Raise RequestError unless a source has the classes of a model; the hint may name a mapping to them."""
    masks = source.source.space if isinstance(source, SourceView) else source.space
    require_same_classes(classes, source.space, masks=masks)


def open_split(predictor: Predictor, source: Source, split: str, cache_gb: float | None = None) -> Store:
    """Return the checked images of a split, as the network sees them, and their labels at their own resolution.

    Args:
        predictor: the model.
        source: the data, in the classes of the model.
        split: the name of the split.
        cache_gb: as `data.cache_gb`.

    Raises:
        RequestError: model and data have different classes.
        DataError: files of the split cannot be used.
    """
    require_classes(predictor.space, source)
    require_labels(check_source(source, [split]), split, hint="--split NAME chooses another")
    # Rescaled views, and images that are fitted into a fixed size, are made from the original images.
    size = None if predictor.tta or predictor.engine.fixed_size else predictor.size
    cache = default_cache()
    return Store.open(source, split, size=size, resize_labels=False, cache=cache, limit=budget(cache_gb, cache))


def score(
    predictor: Predictor,
    source: Source,
    split: str,
    *,
    cache_gb: float | None = None,
    out: Path | None = None,
    origin: str | None = None,
    ranks: "Ranks | None" = None,
    on_image: Callable[[int, int], None] = lambda done, total: None,
) -> Scored:
    """Score every image of a split once.

    Args:
        predictor: the model.
        source: the data, in the classes of the model.
        split: the name of the split.
        cache_gb: as `data.cache_gb`.
        out: folder for tables, counts and error maps; None writes nothing. Only rank 0 writes.
        origin: where the model is from, with its commit, to be noted with the scores; None for one of this machine.
        ranks: the processes that share the images; all return the same scores.
        on_image: called after each image with the number done and the total number.

    Raises:
        RequestError: model and data have different classes.
        DataError: files of the split cannot be used.
    """
    with ranks.one_first() if ranks else nullcontext():
        store = open_split(predictor, source, split, cache_gb)
    if ranks:
        ranks.require_equal({"images": store.fingerprint})
    evaluation = evaluate(predictor, store, keep=out is not None, progress=on_image, ranks=ranks)
    terms = protocol(evaluation, predictor, dataset=source.spec, split=split)
    intervals = interval(evaluation.counts)
    content = scores_json(evaluation, intervals, terms)
    if origin is not None:
        content["origin"] = origin
    scored = Scored(evaluation, intervals, content)
    if out is not None and (ranks is None or ranks.is_main):
        write_evaluation(out, evaluation, intervals, scored.scores)
        write_error_maps(out, evaluation, predictor, store)
    return scored
