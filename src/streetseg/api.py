"""One plain function a command, for notebooks and scripts; the commands call the same functions.

Strings and paths in, objects out that show themselves and hand over pandas tables. Errors are `StreetsegError`s.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from streetseg.arguments import as_size, checked
from streetseg.errors import DataError, RequestError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from streetseg.data.convert.convert import Converted
    from streetseg.data.fetch import Fetched
    from streetseg.data.source import Source
    from streetseg.deploy.export import Exported
    from streetseg.inference.logits import Views
    from streetseg.inference.prediction import ImageLike, Model, Prediction, Predictions
    from streetseg.models.calibration import Calibration
    from streetseg.request import DataLike, RecipeLike
    from streetseg.results import Audit, Checked, Measured, Run, Scores, ScoreTable, Study
    from streetseg.training.callbacks import Callback, LossFunction

log = logging.getLogger("streetseg")

PathLike = str | Path
OnImage = Callable[[int, int], None]

# How large the network sees an image is the model's own, so data.size means nothing here.
EVALUATE_FIELDS = (
    *("data.source", "data.space", "data.splits", "data.val_split", "data.limit", "data.max_megapixels"),
    *("data.unlabeled", "data.exclude", "data.cache_gb", "data.exif", "data.range", "train.device", "train.precision"),
)
CHECK_FIELDS = ("data.",)


@checked
def load(
    model: "PathLike | Model | Run",
    *,
    engine: str = "auto",
    precision: str = "fp32",
    device: str = "auto",
    tta: bool = False,
    tile: int | None = None,
    max_megapixels: float = 100.0,
    encoder: "nn.Module | None" = None,
    decoder: "nn.Module | None" = None,
) -> "Model":
    """Load a trained model.

    Args:
        model: a run folder (its best bundle), a bundle folder, an exported .onnx, .xml or .tflite file, or a `Run`.
            What `load` returned is returned as it is.
        engine: torch, onnxruntime, openvino or litert; auto: the fastest of those that run the model.
        precision: fp32 or bf16.
        device: auto, cpu, cuda, cuda:1.
        tta: average over mirrored and rescaled views.
        tile: side of the windows, for images too large for the memory.
        max_megapixels: larger image files are refused from their header.
        encoder, decoder: the torch modules that the model was trained with, if it has modules of your own: a bundle
            holds their weights, not their code.

    Raises:
        ModelError: the model cannot be read, or modules of your own are missing or do not fit.
        RequestError: engine, device or precision are not available, or options are given to a loaded model.

    >>> import streetseg
    >>> model = streetseg.load(run.folder)
    >>> model.classes[:3]
    ('sky', 'building', 'pole')
    >>> model.predict(image).labels.shape
    (64, 96)
    """
    from streetseg.inference.prediction import Model, open_predictor
    from streetseg.request import as_model, own_modules_of, require_unloaded

    if isinstance(model, Model):
        require_unloaded(
            load,
            engine=engine,
            precision=precision,
            device=device,
            tta=tta,
            tile=tile,
            max_megapixels=max_megapixels,
            encoder=encoder,
            decoder=decoder,
        )
        return model
    if max_megapixels <= 0:
        raise RequestError(f"a limit of {max_megapixels:g} megapixels", where="max_megapixels", hint="100, or more")
    path, modules = as_model(model)
    modules = own_modules_of(path, encoder, decoder) or modules
    predictor = open_predictor(path, modules, engine=engine, precision=precision, device=device, tta=tta, tile=tile)
    return Model(predictor, path, max_megapixels=max_megapixels, modules=modules)


@checked
def predict(
    model: "PathLike | Model | Run", images: "ImageLike | Iterable[ImageLike]", **options: Any
) -> "Prediction | Predictions":
    """Label images; shorthand for `load(model, ...).predict(images)`.

    Args:
        model: as for `load`, or what `load` returned.
        images: one image (a path, a PIL image, a uint8 array (H, W, 3)) gives a `Prediction`; a folder, a pattern or a
            list gives `Predictions`, made while they are walked through.
        options: as for `load`.

    >>> import streetseg
    >>> prediction = streetseg.predict(run.folder, image)
    >>> float(round(prediction.shares.sum(), 3))
    1.0
    >>> prediction.probabilities().shape
    (11, 64, 96)
    >>> prediction.polygons()["type"]
    'FeatureCollection'
    """
    return load(model, **options).predict(images)


@checked
def measure(
    model: "PathLike | Model | Run",
    images: "PathLike | Iterable[PathLike]",
    *,
    out: PathLike | None = None,
    validation: PathLike | None = None,
    split: str = "val",
    sample: bool = False,
    progress: OnImage = lambda done, total: None,
    **options: Any,
) -> "Measured":
    """Measure the share of each class in images, and correct it for the known errors of the model.

    Args:
        model: as for `load`, or what `load` returned.
        images: an image, a folder, a pattern, "@LIST.txt" or an address; or a list of these.
        out: a folder for tables, maps and a page; None writes nothing.
        validation: labeled images that the errors of the model are counted on; None for those of its own validation,
            which a model keeps since it was trained.
        split: the split of `validation`.
        sample: the images are a sample of a place: the intervals are about the place, and not about these images alone.
        progress: called after each image with the number done and the number of all.
        options: as for `load`.

    Raises:
        UnreadError: no image can be read. If some cannot, they are in `unread` of the result.
        RequestError: an input holds no image, or `out` has files that no measurement wrote.

    >>> import streetseg
    >>> measured = streetseg.measure(run.folder, data.partition(":")[2] + "/val")
    >>> measured.images["green_view"].size, list(measured.shares.columns[:3])
    (2, ['raw', 'olofsson', 'olofsson_low'])
    """
    from streetseg.data.open import open_source
    from streetseg.measurement.files import require_own_folder, summary_of, write_measures
    from streetseg.measurement.measure import measure as measure_images
    from streetseg.measurement.validation import Validation, counted_validation, kept_validation
    from streetseg.recipe.schema import Data
    from streetseg.report.measures import render_measures
    from streetseg.results import Measured

    if out is not None:
        require_own_folder(Path(out))
    loaded = load(model, **options)
    predictor = loaded.predictor

    def known_errors() -> Validation | None:
        if validation is None:
            return kept_validation(predictor, loaded.path)
        labeled = open_source(Data(source=str(validation)).read_as(predictor.engine.reading))
        return counted_validation(predictor, labeled, split)

    inputs = [str(images)] if isinstance(images, (str, Path)) else [str(image) for image in images]
    measures = measure_images(
        predictor,
        inputs,
        known_errors,
        sample=sample,
        max_megapixels=loaded.max_megapixels,
        on_image=progress,
    )
    engine = predictor.engine
    about = {"model": loaded.path.resolve().name, "encoder": engine.encoder}
    summary = summary_of(measures, about | {"engine": engine.name, "precision": engine.precision})
    left_out = {}
    if out is not None:
        left_out = write_measures(Path(out), measures, summary, render_measures(measures, summary))
    return Measured(measures, summary, None if out is None else Path(out), left_out)


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
    from streetseg.request import as_model, is_joined, open_data, open_each, request, require_unloaded
    from streetseg.results import Scores, ScoreTable

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
    settings = config.data.read_as(predictor.engine.reading)
    if several or is_joined(data):
        sources = open_each(each, settings, predictor.space)
    else:
        sources = [open_data(each[0], settings)]
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
    from streetseg.request import as_model, open_data, request, require_unloaded
    from streetseg.results import Audit
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
    source = open_data(data, settings)
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


@checked
def train(
    data: "DataLike",
    *,
    encoder: "str | nn.Module | None" = None,
    decoder: "str | nn.Module | None" = None,
    weights: PathLike | None = None,
    epochs: int | None = None,
    minutes: float | None = None,
    seed: int | None = None,
    out: PathLike | None = None,
    resume: bool = False,
    force: bool = False,
    recipe: "RecipeLike" = None,
    profile: bool = False,
    quiet: bool = False,
    callbacks: "Sequence[Callback]" = (),
    loss: "LossFunction | Mapping[str, object] | None" = None,
    **fields: object,
) -> "Run":
    """Train one network.

    Args:
        data: scenes, "camvid:DIR", "cityscapes:DIR", "folder:FILE.yaml", "shards:DIR", or a folder; or an object of
            your own with `classes` (names) and `splits`: {"train": pairs, "val": pairs} of an image uint8 (H, W, 3)
            and labels uint8 (H, W), 255 where a pixel counts nowhere.
        encoder: its timm name; or a torch module of your own. It takes normalized images float32 (B, 3, H, W), and
            returns the list of maps (B, channels[i], H / s, W / s) at strides s = 2, 4, 8, 16, 32, or from 4 on. It may
            have `channels`, and `mean` and `std` of RGB 0..1; a timm model with features_only=True is such a module.
        decoder: fast or classic; or a torch module of your own. It takes the list of maps, and returns features
            (B, N, H / k, W / k), k a power of two up to 32; a 1x1 convolution makes the logits of them.
        weights: initial weights: auto, none, a file or a run folder. A module of your own keeps those that it has;
            none says that they are untrained.
        epochs: passes over the training split.
        minutes: in place of `epochs`, as many as this machine does in that time, measured on a few steps.
        seed: decides initial weights, order and augmentation.
        out: the run folder, new or empty unless resuming; None for runs/<date>_<encoder>_seed<n>.
        resume: continue the run in `out` where it stopped.
        force: with `resume`, go on although recipe or data are not as they were.
        recipe: a YAML file, the name of a shipped recipe, or a dict of dotted fields, {"optim.lr": 3e-4}.
        profile: say at the end where the time of a step went.
        quiet: no progress.
        callbacks: objects with any of the methods of `Callback`.
        loss: a function of logits float32 (B, C, H, W) and labels int64 (B, H, W) that returns what to minimize; or
            fields of the recipe, as below.
        fields: sections of the recipe as dicts, optim={"lr": 3e-4}.

    Raises:
        RequestError, DataError, ModelError: before anything is written.
        TrainingError: training cannot go on; what was saved is kept.
        KeyboardInterrupt: after the step under way was done and saved; `resume=True` goes on from there.

    >>> import streetseg
    >>> run = streetseg.train(data, encoder="test_efficientnet", weights="none", epochs=1, out=folder / "run",
    ...                       quiet=True, recipe={"train.batch": 2, "model.channels": [16, 12, 8, 8]})
    >>> list(run.history.columns[:3]), run.best_epoch
    (['lr', 'train_loss', 'train_accuracy'], 1)
    """
    from streetseg.report.report import write_run_report
    from streetseg.request import (
        dated_folder,
        decoder_name,
        interruptible,
        name_of,
        own_objects,
        request,
        require_one_length,
        require_resume_with_force,
        with_loss,
    )
    from streetseg.results import Run
    from streetseg.runtime.worker import is_main, is_one_of_many
    from streetseg.training.estimate import timed
    from streetseg.training.resume import begun_runs
    from streetseg.training.train import train as run_training

    require_resume_with_force(force=force, resume=resume)
    require_one_length(epochs=epochs, minutes=minutes)
    flags = {
        "model.encoder": name_of(encoder),
        "model.decoder": decoder_name(decoder),
        "model.weights": str(weights) if isinstance(weights, Path) else weights,
        "train.epochs": epochs,
        "train.seed": seed,
    }
    config = request(data, recipe, flags, with_loss(fields, loss))
    folder = (
        Path(out) if out else dated_folder("runs", f"{config.model.encoder}_seed{config.train.seed}", resume=resume)
    )
    own = own_objects(data, [encoder], decoder, callbacks, loss)
    with interruptible("train", folder):
        if minutes is not None:
            runs, _ = timed({folder: config}, begun_runs([folder]), minutes, own, alone=not is_one_of_many())
            config = runs[folder]
        result = run_training(config, folder, resume=resume, force=force, quiet=quiet, profile=profile, own=own)
        if is_main():
            log.info("the report of the run is written")
            write_run_report(result.folder, source=own.source, modules=own.modules)
    return Run(result.folder, own.modules)


@checked
def study(
    data: "DataLike",
    *,
    encoders: "Sequence[str | nn.Module]" = ("mobilenetv2_100", "resnext50_32x4d"),
    decoder: "str | nn.Module | None" = None,
    seeds: int = 1,
    folds: int | None = None,
    epochs: int | None = None,
    minutes: float | None = None,
    weights: "PathLike | Mapping[str, PathLike] | None" = None,
    out: PathLike | None = None,
    devices: int = 1,
    resume: bool = False,
    force: bool = False,
    recipe: "RecipeLike" = None,
    profile: bool = False,
    quiet: bool = False,
    callbacks: "Sequence[Callback]" = (),
    loss: "LossFunction | Mapping[str, object] | None" = None,
    **fields: object,
) -> "Study":
    """Train, evaluate and compare encoders; one report.

    Args:
        data: as for `train`.
        encoders: the encoders to compare: timm names, or torch modules as for `train`. Two modules of one class are
            told apart by their attribute `name`.
        decoder: as for `train`, for all encoders.
        seeds: runs per encoder, counted up from the seed of the recipe.
        folds: so many runs per encoder and seed, each validated on another part of the training and validation images.
        epochs: passes over the training split.
        minutes: in place of `epochs`, as many as this machine does in that time for all runs, measured on a few steps.
        weights: initial weights; a dict gives each encoder its own.
        out: the folder of the study, new or empty unless resuming; None for study/<date>_<kind of data>.
        devices: processes that share the work of each run; one for objects of your own.
        resume, force, recipe, profile, quiet, loss, fields: as for `train`.
        callbacks: as for `train`; each is told of every run.

    >>> import streetseg
    >>> study = streetseg.study(data, encoders=["test_efficientnet"], weights="none", epochs=1, out=folder / "study",
    ...                         quiet=True, recipe={"train.batch": 2, "model.channels": [16, 12, 8, 8]})
    >>> study.table.index.tolist(), study.report.name
    (['test_efficientnet (random weights)'], 'report.html')
    """
    from streetseg.grid import run_study
    from streetseg.request import (
        dated_folder,
        decoder_name,
        initial_weights,
        interruptible,
        name_of,
        own_objects,
        request,
        require_one_length,
        require_resume_with_force,
        with_loss,
    )
    from streetseg.results import Study

    require_resume_with_force(force=force, resume=resume)
    require_one_length(epochs=epochs, minutes=minutes)
    encoders = list(encoders)
    if not encoders:
        raise RequestError("no encoder is named", where="encoders=", hint='encoders=["mobilenetv2_100"]')
    names = [str(name_of(encoder)) for encoder in encoders]
    if len(set(names)) < len(names):
        hint = "give modules of one class an attribute `name`"
        raise RequestError("an encoder is named twice", where=f"encoders={names}", hint=hint)
    flags = {"model.decoder": decoder_name(decoder), "train.epochs": epochs}
    config = request(data, recipe, flags, with_loss(fields, loss))
    starts = initial_weights(weights, names, default=config.model.weights)
    folder = Path(out) if out else dated_folder("study", config.data.source.partition(":")[0], resume=resume)
    own = own_objects(data, encoders, decoder, callbacks, loss)
    with interruptible("study", folder):
        result = run_study(
            config,
            starts,
            seeds,
            folder,
            folds=folds,
            minutes=minutes,
            processes=devices,
            resume=resume,
            force=force,
            quiet=quiet,
            profile=profile,
            own=own,
        )
    return Study(result.comparison, result.report, own.modules)


@checked
def compare(runs: "Iterable[PathLike | Model | Run]", out: PathLike | None = None) -> "Study":
    """Compare finished runs, without training.

    Args:
        runs: two run folders, runs or loaded models of runs, or more.
        out: a folder for the report; None writes none.

    Raises:
        RequestError: a run is unfinished, or they cannot be compared.

    >>> import streetseg
    >>> streetseg.compare([run, other]).differences[["a", "b"]].shape
    (1, 2)
    """
    from streetseg.comparison.compare import compare_runs
    from streetseg.report.report import write_report
    from streetseg.request import as_model
    from streetseg.results import Study

    folders = [as_model(run, "runs")[0] for run in runs]
    if len(folders) < 2:
        raise RequestError("a comparison needs two runs or more", where=folders, hint="name another run folder")
    comparison = compare_runs(folders)
    return Study(comparison, None if out is None else write_report(comparison, Path(out)))


@checked
def check(
    data: "DataLike",
    *,
    report: PathLike | None = None,
    recipe: "RecipeLike" = None,
    progress: OnImage = lambda done, total: None,
    **fields: object,
) -> "Checked":
    """Read every file of a data set and find everything that is wrong with it.

    Args:
        data: as for `train`.
        report: an .html file to write what was found to, as a page with images.
        recipe, fields: as for `train`; only `data` means something here.
        progress: called after each image with the number done and the number of all.

    >>> import streetseg
    >>> found = streetseg.check(data)
    >>> found.ok, found.splits.to_dict()
    (True, {'train': 4, 'val': 2})
    """
    from streetseg.data.check.check import examine
    from streetseg.report.dataset import check_page, write_data_report
    from streetseg.request import open_data, request
    from streetseg.results import Checked

    report = None if report is None else Path(report)
    if report is not None:
        check_page(report)
    config = request(data, recipe, {}, fields, only=("check", CHECK_FIELDS)).data
    source = open_data(data, config)
    total, done = sum(len(samples) for samples in source.splits.values()), 0

    def on_file() -> None:
        nonlocal done
        done += 1
        progress(done, total)

    used = list(dict.fromkeys((config.train_split, config.val_split, *config.splits)))
    findings = examine(source, list(source.splits), used=used, on_file=on_file)
    if report is not None:
        write_data_report(findings, source, report, trained_on=config.train_split)
    return Checked(findings, report)


@checked
def fetch(
    name: str,
    out: PathLike,
    *,
    mirror: str | None = None,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> "Fetched":
    """Download a data set, check it, and unpack it; a download that was cut is continued by the same call.

    Args:
        name: camvid, camvid-full, cityscapes, "gdrive:LINK", or scenes, which are drawn and need no network.
        out: a new folder, or one that a cut download left.
        mirror: the same archive at another address.
        progress: called with the bytes that are there and the bytes in all.

    Raises:
        FetchError: the download failed; what has arrived is kept.

    >>> import streetseg
    >>> streetseg.fetch("camvit", folder / "camvid")
    Traceback (most recent call last):
        ...
    streetseg.errors.RequestError: unknown data set 'camvit'
    hint:  did you mean camvid?
    """
    from streetseg.data.fetch import fetch as fetch_dataset

    return fetch_dataset(name, Path(out), mirror=mirror, on_bytes=progress)


@checked
def convert(
    data: PathLike,
    to: str,
    out: PathLike,
    *,
    space: str | None = None,
    recipe: "RecipeLike" = None,
    progress: OnImage = lambda done, total: None,
    **fields: object,
) -> "Converted":
    """Write a data set in another format; none of its files is changed.

    Args:
        data: as for `train`, but no object.
        to: cityscapes, coco, folder, shards or yolo.
        out: a folder that is missing or empty.
        space: label space to map the data to; None keeps the classes of its masks.
        recipe, fields: as for `train`; only `data` means something here.
        progress: called after each image with the number done and the number of all.

    Raises:
        RequestError: the format cannot hold the classes, or `out` holds files.
        DataError: files of the data set cannot be used; one error names them all.

    >>> import streetseg
    >>> converted = streetseg.convert(data, "folder", folder / "converted")
    >>> converted.splits, converted.copied, converted.lost
    ({'train': 4, 'val': 2}, 6, {})
    """
    from streetseg.data.convert.convert import convert as convert_source
    from streetseg.data.open import open_source
    from streetseg.data.source import with_own_classes
    from streetseg.request import request

    config = request(data, recipe, {"data.space": space}, fields, only=("convert", CHECK_FIELDS), by_kind=False)
    source = open_source(config.data)
    if config.data.space is None:
        source = with_own_classes(source)
    return convert_source(source, to, Path(out), on_image=progress)


@checked
def encoders(pattern: str | None = None) -> "pd.DataFrame":
    """List encoders: one row each with parameters, multiply-accumulates, strides, weights and license.

    Args:
        pattern: part of a name, or a pattern such as "resnext*"; None for the usual ones.

    Raises:
        RequestError: no encoder has such a name.

    >>> import streetseg
    >>> streetseg.encoders("mobilenetv2_100").loc["mobilenetv2_100", "strides"]
    (2, 4, 8, 16, 32)
    """
    import pandas as pd

    from streetseg.models.catalog import encoder_facts, encoder_names

    return pd.DataFrame(encoder_facts(encoder_names(pattern))).set_index("name")


@checked
def export(
    model: "PathLike | Model | Run",
    format: str,
    *,
    int8: bool = False,
    precision: str | None = None,
    size: tuple[int, int] | str | None = None,
    data: PathLike | None = None,
    split: str = "val",
    space: str | None = None,
    calibration: PathLike | None = None,
    budget: float = 0.5,
    out: PathLike | None = None,
    runtime: PathLike | None = None,
    force: bool = False,
    progress: Callable[[str], None] = lambda line: None,
) -> "Exported":
    """Write a network as one file that runs without torch, checked against it; or as a page that runs in a browser.

    Args:
        model: a run folder (its best bundle), a bundle folder, a `Run`, or what `load` returned: that is how a network
            with modules of your own is exported.
        format: onnx, openvino or litert; or web, a folder with a page for any host of static files.
        int8: the same as precision="int8".
        precision: fp32, fp16 (16-bit weights), bf16 (the same in another form; not litert), or int8: 8-bit integers,
            calibrated and scored on `data`.
        size: height and width of the only size of images that the file shall take, (512, 1024) or "512x1024"; None for
            any size, or for litert, whose files have one, that of the training.
        data: labeled images: network and file are compared and scored on them; None compares on the built-in scenes.
        split: split of `data` to check and score on.
        space: label space to map the data to.
        calibration: data whose split train calibrates int8; None for `data`.
        budget: how many points of 100 mean IoU the file may lose on `data`.
        out: the file to write; None for one beside the model. For web a folder; one that holds such a page already gets
            the network beside its others.
        runtime: for web the unpacked npm package onnxruntime-web; None: npm fetches it, once.
        force: replace a file that is there, or a network of the page that has the same name.
        progress: called with a line for each part of the work.

    >>> import streetseg
    >>> done = streetseg.export(run.folder, "onnx", out=folder / "model.onnx")
    >>> done.files[0].name, done.precision
    ('model.onnx', 'fp32')
    """
    from streetseg.models.formats import FORMATS, WEB, is_exported
    from streetseg.request import as_model

    path, modules = as_model(model)
    if format == WEB:
        graph = partial(
            export,
            model,
            "onnx",
            int8=int8,
            precision=precision,
            size=size,
            data=data,
            split=split,
            space=space,
            calibration=calibration,
            budget=budget,
        )
        suffix = "_int8" if int8 else f"_{precision}" if precision not in (None, "fp32") else ""
        from streetseg.deploy.web import export_page

        folder = Path(out or path.resolve().with_name(f"{path.resolve().name}_web"))
        package = None if runtime is None else Path(runtime)
        return export_page(path, folder, graph, suffix, package, force=force, tell=progress)
    if runtime is not None:
        raise RequestError(f"a browser runs no file for {format}", where="--runtime", hint="--format web")
    if format not in FORMATS:
        formats = (*FORMATS, WEB)
        hint = did_you_mean(format, formats) or " or ".join(formats)
        raise RequestError(f"unknown format {format}", where="--format", hint=hint)
    if int8 and precision not in (None, "int8"):
        raise RequestError(f"int8 and {precision} are two precisions", where="--int8", hint="give one of them")
    precision = "int8" if int8 else precision or "fp32"
    if precision not in FORMATS[format].precisions:
        offered = " or ".join(FORMATS[format].precisions)
        raise RequestError(f"no {format} file is written in {precision}", where="--precision", hint=offered)
    if calibration is not None and precision != "int8":
        problem = f"{precision} needs no calibration"
        raise RequestError(problem, where="--calibration", hint="--precision int8, or leave it out")
    requested = None if size is None else as_size(size)
    if is_exported(path):
        raise RequestError("this is an exported model already", where=path, hint="give the bundle or run folder")
    if precision == "int8" and data is None:
        raise RequestError("int8 is calibrated and scored on real images", where="--int8", hint="add --data DATA")
    if precision == "int8" and split == "train" and calibration is None:
        problem = "int8 is calibrated on train, and cannot be scored on it"
        raise RequestError(problem, where="--split train", hint="--split val")
    ending = FORMATS[format].suffix
    suffix = "" if precision == "fp32" else f"_{precision}"
    target = Path(out or path.resolve().with_name(f"{path.resolve().name}{suffix}{ending}"))
    if target.suffix.lower() != ending:
        raise RequestError(f"the file of an {format} model ends in {ending}", where=target)
    if (there := [file for file in FORMATS[format].files(target) if file.exists()]) and not force:
        hint = "--out FILE writes elsewhere, --force replaces it"
        raise RequestError("a file is there already", where=there, hint=hint)

    from streetseg.models.description import read_model_json, reading_of

    reading = reading_of(read_model_json(path))  # what is wrong with the path is said before torch is imported
    if format == "litert":
        from streetseg.deploy.litert import require_converter

        require_converter()

    from streetseg.data.open import open_source
    from streetseg.deploy.export import export as export_model
    from streetseg.recipe.schema import Data

    def opened(spec: PathLike) -> "Source":
        return open_source(Data(source=str(spec), space=space).read_as(reading))

    return export_model(
        path,
        target,
        format,
        opened(data or "scenes"),
        split=split,
        precision=precision,
        size=requested,
        scored=data is not None,
        calibration=None if calibration is None else opened(calibration),
        budget=budget,
        tell=progress,
        modules=modules,
    )


@checked
def calibrate(
    model: "PathLike | Model | Run",
    data: "DataLike",
    *,
    out: PathLike,
    split: str = "val",
    space: str | None = None,
    progress: OnImage = lambda done, total: None,
) -> "Calibration":
    """Fit the confidence of a network to labeled images, and write the network with it as a new bundle.

    Args:
        model: a run folder (its best bundle), a bundle folder, a `Run`, or what `load` returned. It is not changed.
        data: as for `evaluate`; images that the network was not trained on.
        out: a new folder for the bundle.
        split: the split to fit on.
        space: label space to map the data to.
        progress: called after each image with the number done and the number of all.

    >>> import streetseg
    >>> fitted = streetseg.calibrate(run.folder, data, out=folder / "calibrated")
    >>> fitted.images, fitted.after.nll <= fitted.before.nll
    (2, True)
    """
    from streetseg.evaluation.score import open_split, require_empty
    from streetseg.models.formats import is_exported
    from streetseg.request import as_model, open_data, request

    path, modules = as_model(model)
    if is_exported(path):
        hint = "calibrate the bundle or run folder that it was made from, and export that again"
        raise RequestError("an exported file is not changed", where=path, hint=hint)
    out = Path(out)
    require_empty(out)
    flags = {"data.val_split": split, "data.space": space}
    config = request(data, None, flags, {}, only=("calibrate", CHECK_FIELDS)).data

    from streetseg.evaluation.calibration import fit_calibration
    from streetseg.inference.engines.torch_engine import TorchEngine
    from streetseg.inference.predictor import Predictor
    from streetseg.models.bundle import load_bundle, save_bundle
    from streetseg.models.own import NO_MODULES
    from streetseg.runtime.device import choose_device

    network, about = load_bundle(path, modules or NO_MODULES)
    predictor = Predictor(TorchEngine(network, choose_device("auto")))
    source = open_data(data, config.read_as(network.reading))
    store = open_split(predictor, source, split)
    fitted = fit_calibration(predictor, store, dataset=source.spec, split=split, on_image=progress)
    if fitted is None:
        raise DataError(
            "nothing to fit on: no pixel has a label, or the network returns no finite numbers",
            where=f"{source.spec} {split}",
        )
    network.calibration = fitted
    save_bundle(
        out, network, initial_weights=about["initial_weights"], protocol=about["protocol"], scores=about["scores"]
    )
    return fitted


@checked
def bench(
    *models: "PathLike | Model | Run",
    size: tuple[int, int] | str | None = None,
    batch: int = 1,
    engine: str | None = None,
    precision: str = "fp32",
    device: str = "auto",
    data: PathLike | None = None,
    split: str = "val",
    space: str | None = None,
) -> "pd.DataFrame":
    """Measure latency, throughput and memory of models, and with `data` their mean IoU: one row a model and engine.

    Args:
        models: run or bundle folders, .onnx, .xml or .tflite files, runs, or what `load` returned.
        size: height and width of the images, (512, 1024) or "512x1024"; None for what each model was trained for.
        batch: images at a time.
        engine: torch, onnxruntime, openvino or litert; None for all that run the model.
        precision: fp32 or bf16.
        device: auto, cpu, cuda, cuda:1.
        data: labeled images to score on.
        split: split of `data` to score on.
        space: label space to map the data to.

    >>> import streetseg
    >>> streetseg.bench(run.folder, size=(64, 96), engine="torch").loc[0, "engine"]
    'torch'
    """
    import pandas as pd

    from streetseg.evaluation.bench import bench_models
    from streetseg.recipe.schema import Data
    from streetseg.request import as_model

    if not models:
        raise RequestError("no model is given", where="models=", hint='streetseg.bench("runs/first")')
    found = [as_model(model, "models") for model in models]
    requested = None if size is None else as_size(size)
    measured = bench_models(
        found,
        requested,
        engine=engine,
        device=device,
        precision=precision,
        batch=batch,
        data=None if data is None else Data(source=str(data), space=space),
        split=split,
    )
    return pd.json_normalize(measured, sep="_")
