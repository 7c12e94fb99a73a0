"""Score a network on labeled data, and audit the labels by it."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, cast

from streetseg.arguments import OnImage, PathLike, checked
from streetseg.errors import RequestError

if TYPE_CHECKING:
    from streetseg.inference.logits import Views
    from streetseg.inference.prediction import Model
    from streetseg.request import DataLike, RecipeLike
    from streetseg.results import Audit, Run, Scores, ScoreTable


@checked
def evaluate(
    model: "PathLike | Model | Run",
    data: "DataLike | Sequence[DataLike]",
    *,
    split: str | None = None,
    space: str | None = None,
    engine: str | None = None,
    tta: bool = False,
    tile: int | None = None,
    out: PathLike | None = None,
    recipe: "RecipeLike" = None,
    progress: OnImage = lambda done, total: None,
    **fields: object,
) -> "Scores | ScoreTable":
    """Score a model on a split: all metrics, per class and per image. Several data sets give a `ScoreTable`.

    Args:
        model: as for `load`, or what `load` returned.
        data: scenes, "camvid:DIR", "cityscapes:DIR", "folder:FILE.yaml", "shards:DIR", or a folder; or an object as for
            `train`; or a list of these, each of which is mapped to the classes of the model.
        split: the split to score on; None for val.
        space: label space to map the data to.
        engine: torch, onnxruntime, openvino or litert; None for the first of these that runs the model.
        tta: average over mirrored and rescaled views.
        tile: side of the windows, for images too large for the memory.
        out: a new folder for tables, counts and error maps; of several data sets each has a folder in it.
        recipe: as for `train`; only `data`, `train.device` and `train.precision` mean something here.
        progress: called after each image with the number done and the number of all.

    >>> import streetseg
    >>> scores = streetseg.evaluate(run.folder, data)
    >>> scores.protocol["images"], list(scores.confusion.columns[:2])
    (2, ['sky', 'building'])
    """
    from streetseg.data.sources.joined import origins
    from streetseg.evaluation.score import require_empty, score
    from streetseg.evaluation.several import require_all, write_rows
    from streetseg.inference.engines.open import engines_here
    from streetseg.inference.prediction import Model, open_predictor
    from streetseg.models.description import find_bundle
    from streetseg.models.formats import is_exported
    from streetseg.models.hub import origin_of
    from streetseg.recipe.load import EVALUATE_FIELDS
    from streetseg.request import as_model, is_joined, open_data, open_each, request, require_unloaded
    from streetseg.results import Scores, ScoreTable
    from streetseg.runs.folder import kept_split

    out = None if out is None else Path(out)
    require_empty(out)
    several = isinstance(data, (list, tuple))
    each: list[DataLike] = list(data) if isinstance(data, (list, tuple)) else [cast("DataLike", data)]
    if not each:
        raise RequestError("there is no data set to score on", where="data=", hint='data=["camvid:A", "camvid:B"]')
    config = request(
        each[0],
        recipe,
        {"data.val_split": split, "data.space": space},
        fields,
        only=("evaluate", EVALUATE_FIELDS),
        by_kind=not several,
    )
    path, modules = as_model(model)
    views: bool | Views = tta
    if isinstance(model, Model):
        require_unloaded(evaluate, tta=tta, tile=tile)
        views, tile = model.predictor.tta, model.predictor.tile
    # Scores come from fp32 and one engine unless others are requested: what is measured differs between machines.
    precision = "bf16" if config.train.precision == "bf16" else "fp32"
    engine = engine or engines_here(path, precision)[0]
    ranks, device = None, config.train.device
    if not is_exported(path):
        find_bundle(path)
        from streetseg.runtime.device import choose_device
        from streetseg.runtime.distributed import Ranks

        ranks = Ranks.from_environment()
        torch_device = choose_device(device, ranks)
        device = str(torch_device)
    predictor = open_predictor(
        path,
        modules,
        engine=engine,
        precision=precision,
        device=device,
        tta=views,
        tile=tile,
    )
    settings, kept = config.data.read_as(predictor.engine.reading), kept_split(path)
    if several or is_joined(data):
        sources = open_each(each, settings, predictor.space, kept)
    else:
        sources = [open_data(each[0], settings, kept)]
    if several:
        require_all(predictor.space, sources, settings.val_split)
    names = origins([source.spec for source in sources])
    scored = {}
    with ranks.joined(torch_device) if ranks else nullcontext() as joined:
        for name, source in zip(names, sources, strict=True):
            folder = out / name if out is not None and several else out
            scored[name] = score(
                predictor,
                source,
                settings.val_split,
                cache_gb=settings.cache_gb,
                out=folder,
                origin=origin_of(path),
                ranks=joined,
                on_image=progress,
            )
    if not several:
        return Scores.of(scored[names[0]])
    result = ScoreTable({name: Scores.of(one) for name, one in scored.items()})
    if out is not None and (joined is None or joined.is_main):
        write_rows(out, result.rows)
    return result


@checked
def audit(
    model: "PathLike | Model | Run",
    data: "DataLike",
    *,
    out: PathLike,
    split: str | None = None,
    space: str | None = None,
    unlabeled: "PathLike | None" = None,
    folds: int | None = None,
    engine: str | None = None,
    resume: bool = False,
    quiet: bool = False,
    recipe: "RecipeLike" = None,
    progress: OnImage = lambda done, total: None,
    **fields: object,
) -> "Audit":
    """Find likely label errors, the worst images, systematic confusions, and what to label next.

    Args:
        model: as for `load`, or what `load` returned; with `folds` a run folder or a `Run`.
        data: as for `evaluate`.
        out: a new folder for the page and the tables.
        split: the split to audit; None for train and val.
        space: label space to map the data to.
        unlabeled: a folder of images without labels, to be ranked by what they would teach.
        folds: train so many networks by the recipe of the run, each on the others of so many parts of the images, and
            judge each part by the network that has not seen it. It takes as long as so many runs.
        engine: torch, onnxruntime or openvino; None for the first of these that runs the model.
        resume: with `folds`, go on in `out` where it stopped.
        quiet: no progress of the training.
        recipe: as for `train`; without `folds` only `data`, `train.device` and `train.precision` mean something here,
            with `folds` it takes the place of the run's own.
        progress: called after each image with the number done and the number of all.
        fields: as for `train`.

    >>> import streetseg
    >>> audited = streetseg.audit(run.folder, data, out=folder / "audit")
    >>> audited.images.index.name, audited.page.name
    ('image', 'audit.html')
    """
    from streetseg.auditing.audit import audit as run_audit
    from streetseg.auditing.audit import judged_by, parts_of
    from streetseg.inference.engines.open import engines_here
    from streetseg.inference.inputs import find_images
    from streetseg.inference.prediction import Model, open_predictor
    from streetseg.recipe.load import EVALUATE_FIELDS
    from streetseg.request import as_model, open_data, request, require_unloaded
    from streetseg.results import Audit
    from streetseg.runs.folder import kept_split
    from streetseg.runtime.disk import check_folder

    out = Path(out)
    if resume and folds is None:
        raise RequestError("--resume goes with --folds", where="--resume", hint="choose a new folder with --out")
    if split is not None and folds is not None:
        problem = "--folds judges the images of train and val"
        raise RequestError(problem, where=f"--split {split}", hint="leave one of --folds, --split out")
    check_folder(out, "the folder of the audit", resume=resume)
    images = None if unlabeled is None else list(find_images([str(unlabeled)]))
    path, modules = as_model(model)
    flags = {"data.space": space}
    if folds is None:
        config = request(data, recipe, flags, fields, only=("audit", EVALUATE_FIELDS))
    else:
        from streetseg.auditing.cross_fit import recipe_of

        config = request(data, recipe or recipe_of(path), flags, fields)
    if isinstance(model, Model):
        require_unloaded(audit, engine=engine)
        predictor = model.predictor
    else:
        precision = "bf16" if config.train.precision == "bf16" else "fp32"
        engine = engine or engines_here(path, precision)[0]
        predictor = open_predictor(path, modules, engine=engine, precision=precision, device=config.train.device)
    settings = config.data.read_as(predictor.engine.reading)
    source = open_data(data, settings, kept_split(path))
    splits = [name for name in (settings.train_split, settings.val_split) if source.splits.get(name)]
    if folds is None:
        splits = [split] if split else splits
        parts, judged = parts_of(predictor, source, splits), judged_by(path, source, splits)
    else:
        from streetseg.auditing.cross_fit import cross_fitted, judged_by_folds

        parts = cross_fitted(config, folds, source, out, resume=resume, quiet=quiet)
        judged = judged_by_folds(config, folds)
    audited = run_audit(
        parts,
        source,
        out,
        judged=judged,
        unlabeled=None if images is None else (predictor, images),
        on_image=progress,
    )
    return Audit(audited)
