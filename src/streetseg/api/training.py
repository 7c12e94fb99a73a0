"""Train one network or compare several."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from streetseg.arguments import PathLike, checked
from streetseg.errors import RequestError

if TYPE_CHECKING:
    from torch import nn

    from streetseg.inference.prediction import Model
    from streetseg.request import DataLike, RecipeLike
    from streetseg.results import Run, Study
    from streetseg.training.callbacks import Callback, LossFunction

log = logging.getLogger("streetseg")


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
    track: Sequence[str] | None = None,
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
        weights: initial weights: auto, scenes (the network in the box), none, a file or a run folder. A module of your
            own keeps those that it has; none says that they are untrained.
        epochs: passes over the training split.
        minutes: in place of `epochs`, as many as this machine does in that time, measured on a few steps.
        seed: decides initial weights, order and augmentation.
        out: the run folder, new or empty unless resuming; None for runs/<date>_<encoder>_seed<n>.
        resume: continue the run in `out` where it stopped.
        force: with `resume`, go on although recipe or data are not as they were.
        recipe: a YAML file, the name of a shipped recipe, or a dict of dotted fields, {"optim.lr": 3e-4}.
        profile: say at the end where the time of a step went.
        quiet: no progress.
        track: trackers that are told of the run: tensorboard, wandb, mlflow, trackio.
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
        "train.track": track,
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
    track: Sequence[str] | None = None,
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
        resume, force, recipe, profile, quiet, track, loss, fields: as for `train`.
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
    flags = {"model.decoder": decoder_name(decoder), "train.epochs": epochs, "train.track": track}
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
    from streetseg.models.hub import is_on_hub
    from streetseg.report.report import write_report
    from streetseg.request import as_model
    from streetseg.results import Study

    runs = list(runs)
    if on_hub := [str(run) for run in runs if isinstance(run, (str, Path)) and is_on_hub(run)]:
        hint = "streetseg evaluate MODEL DATA scores each; the run folders are where they were trained"
        raise RequestError(
            "a model on the Hub comes without its run, which a comparison reads", where=on_hub, hint=hint
        )
    folders = [as_model(run, "runs")[0] for run in runs]
    if len(folders) < 2:
        raise RequestError("a comparison needs two runs or more", where=folders, hint="name another run folder")
    comparison = compare_runs(folders)
    return Study(comparison, None if out is None else write_report(comparison, Path(out)))
