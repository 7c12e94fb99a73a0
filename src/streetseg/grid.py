"""A study: a grid of runs, encoders by seeds, and one report that compares them."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from streetseg.atomic import atomic_write_json
from streetseg.comparison.compare import Comparison, compare_runs
from streetseg.data.class_weights import require_class_weights
from streetseg.data.folds import fold_splits
from streetseg.data.source import Source, with_defaults
from streetseg.data.sources.with_extra import without_extra
from streetseg.data.store import Store
from streetseg.errors import RequestError
from streetseg.models.initial_weights import NOT_FILES, build_network
from streetseg.recipe.resolved import recipe_yaml
from streetseg.recipe.schema import Recipe
from streetseg.report.report import write_report, write_run_report
from streetseg.runs.finished import is_finished, is_reported
from streetseg.runs.folder import RunFolder
from streetseg.runtime.device import choose_device
from streetseg.runtime.disk import check_folder, folder_in_use
from streetseg.runtime.launch import launch
from streetseg.runtime.precision import choose_precision
from streetseg.text import about
from streetseg.training.estimate import timed
from streetseg.training.own import Own
from streetseg.training.prepare import newest_state, opened
from streetseg.training.resume import begun_runs, differences, origin_of, require_unchanged, written_origin
from streetseg.training.splits import open_stores
from streetseg.training.trackers import require_trackers
from streetseg.training.train import train

log = logging.getLogger("streetseg")

WHAT = "the study's folder"


@dataclass(frozen=True)
class StudyResult:
    """The results of a study.

    Args:
        out: the folder of the study.
        report: the report in it.
        comparison: the comparison of its runs.
    """

    out: Path
    report: Path
    comparison: Comparison


def run_study(
    recipe: Recipe,
    starts: Mapping[str, str],
    seeds: int,
    out: Path,
    *,
    folds: int | None = None,
    minutes: float | None = None,
    processes: int = 1,
    resume: bool = False,
    force: bool = False,
    quiet: bool = False,
    profile: bool = False,
    own: Own | None = None,
) -> StudyResult:
    """Train each encoder with each seed, then compare.

    Args:
        recipe: the recipe that all runs share.
        starts: encoder -> its initial weights, as in `model.weights`.
        seeds: the number of runs per encoder; seeds count up from that of the recipe.
        out: the folder of the study, new or empty unless resuming.
        folds: train each encoder and seed so many times, each time validated on another part of the images; see
            `data.fold`. None: the splits as they are.
        minutes: train as many epochs as fit into this time, that of all runs; None: those of the recipe.
        processes: the number of processes that train each run together.
        resume: keep finished runs, and go on with an unfinished one where it stopped.
        force: go on with runs of another recipe or other data, too, with the recipe and data of now.
        quiet: no progress.
        profile: measure and say where the time of each run went.
        own: objects of the caller's own, for every run; they need runs of one process.

    Raises:
        RequestError, DataError, ModelError: before the first training, if anything of the request is wrong.
        TrainingError: a run cannot go on.
    """
    check_folder(out, WHAT, resume=resume)
    require_trackers(recipe.train.track or ())
    own = own or Own()
    if own != Own() and processes > 1:
        problem = "callbacks, modules, loss and data of your own are in this process, others do not have them"
        raise RequestError(problem, where=f"devices={processes}", hint="devices=1")
    source = opened(recipe.data, own)
    recipe = recipe.model_copy(update={"data": with_defaults(recipe.data, source)})
    if recipe.train.track and recipe.train.track_to is None:  # all runs in one place, where they can be compared
        shared = recipe.train.model_copy(update={"track_to": str(out / "trackers")})
        recipe = recipe.model_copy(update={"train": shared})
    require_folds(recipe, folds, source, own)
    require_fit(recipe, starts, source, own)
    runs = {
        out / "runs" / f"{folder_part(encoder)}_seed{seed}{f'_fold{fold[0]}' if fold else ''}": with_run(
            recipe, encoder, weights, seed, fold
        )
        for seed in range(recipe.train.seed, recipe.train.seed + seeds)
        for fold in ([recipe.data.fold] if folds is None else [(k, folds) for k in range(1, folds + 1)])
        for encoder, weights in starts.items()
    }
    begun = begun_runs(runs)
    runs = with_one_precision(recipe, runs, begun)
    heard = log.isEnabledFor(logging.INFO) and not quiet
    runs, times = timed(runs, begun, minutes, own, alone=processes == 1, heard=heard)
    changed = changed_runs(runs, own) if resume else {}
    if not force:
        require_unchanged(changed)
    with folder_in_use(out, WHAT):
        for number, (folder, config) in enumerate(runs.items(), start=1):
            part = f"run {number} of {len(runs)}"
            title = f"{part}: {config.model.encoder} seed {config.train.seed}{fold_words(config.data.fold)}"
            if resume and is_finished(folder) and not changed.get(folder):
                log.info("%s is finished", title)
            else:
                log.info("%s%s", title, f", about {about(times[folder])}" if folder in times else "")
                if processes == 1:
                    train(config, folder, resume=resume, force=force, quiet=quiet, profile=profile, own=own, part=part)
                else:
                    flags = {"--resume": resume, "--force": force, "--quiet": quiet, "--profile": profile}
                    train_in_processes(config, folder, processes, flags)
            if not is_reported(folder):
                log.info("the report of %s is written", part)
                write_run_report(folder, source=own.source, modules=own.modules)
        log.info("all runs are done; they are compared, and the report is written")
        comparison = compare_runs(list(runs))
        report = write_report(comparison, out, source=own.source, modules=own.modules)
        atomic_write_json(out / "study.json", comparison.as_json(out))
    return StudyResult(out, report, comparison)


def fold_words(fold: tuple[int, int] | None) -> str:
    """Return ", fold 2 of 5"; an empty text without folds."""
    return "" if fold is None else f", fold {fold[0]} of {fold[1]}"


def folder_part(encoder: str) -> str:
    """Return the name of an encoder as part of a file name; the colon of "python:NAME" is none on Windows."""
    return encoder.replace(":", "-")


def changed_runs(runs: Mapping[Path, Recipe], own: Own) -> dict[Path, list[str]]:
    """Return run folder -> what is not as it was, for runs that exist; found before the first of them goes on."""
    stores: dict[tuple[int, int] | None, tuple[Store, Store]] = {}
    changed = {}
    for folder, config in runs.items():
        run = RunFolder(folder)
        was = written_origin(run) if is_finished(folder) else newest_state(run)
        if was is not None:
            if config.data.fold not in stores:
                stores[config.data.fold] = open_stores(opened(config.data, own, folder), config)
            changed[folder] = differences(was, origin_of(config, stores[config.data.fold]))
    return changed


def require_folds(recipe: Recipe, folds: int | None, source: Source, own: Own) -> None:
    """Raise RequestError if the images cannot be divided into so many folds."""
    if folds is None:
        return
    if recipe.data.fold is not None:
        raise RequestError("data.fold is one fold of a study", where="data.fold", hint="give --folds alone")
    if own.source is not None:
        raise RequestError("data of your own has no folds", where=f"folds={folds}", hint="divide its `splits` yourself")
    if folds < 2:
        raise RequestError("there are 2 folds at least", where=f"--folds {folds}", hint="--folds 5")
    own_images = {split: without_extra(samples) for split, samples in source.splits.items()}
    fold_splits(own_images, with_fold(recipe, (1, folds)).data)


def with_fold(recipe: Recipe, fold: tuple[int, int] | None) -> Recipe:
    """Return the recipe with this `data.fold`."""
    return recipe.model_copy(update={"data": recipe.data.model_copy(update={"fold": fold})})


def with_one_precision(recipe: Recipe, runs: Mapping[Path, Recipe], begun: Mapping[Path, Recipe]) -> dict[Path, Recipe]:
    """Return the runs with one precision in place of "auto". Runs that exist keep theirs, and the others take it."""
    if recipe.train.precision != "auto":
        return dict(runs)
    kept = {folder: config.train.precision for folder, config in begun.items()}
    chosen: str | None = next((name for name in kept.values() if name != "auto"), None)
    if chosen is None:
        found = choose_precision("auto", choose_device(recipe.train.device))
        chosen = found.name
        log.info("all runs are trained in %s: %s", found.name, found.why)
    return {folder: with_precision(config, kept.get(folder, chosen)) for folder, config in runs.items()}


def with_precision(recipe: Recipe, name: str) -> Recipe:
    """Return the recipe with this `train.precision`."""
    return recipe.model_copy(update={"train": recipe.train.model_copy(update={"precision": name})})


def with_run(recipe: Recipe, encoder: str, weights: str, seed: int, fold: tuple[int, int] | None) -> Recipe:
    """Return the recipe of one run of the grid."""
    return with_fold(recipe, fold).model_copy(
        update={
            "model": recipe.model.model_copy(update={"encoder": encoder, "weights": weights}),
            "train": recipe.train.model_copy(update={"seed": seed}),
        }
    )


def require_fit(recipe: Recipe, starts: Mapping[str, str], source: Source, own: Own) -> None:
    """Build every network once, so that an incorrect name or file of the last one is found before the first trains."""
    require_class_weights(recipe.loss.class_weights, source.space.names)
    for encoder, weights in starts.items():
        build_network(
            encoder,
            source.space,
            decoder=recipe.model.decoder,
            channels=recipe.model.channels,
            size=recipe.data.size,
            weights="none" if weights in NOT_FILES else weights,
            own=own.modules,
        )


def train_in_processes(recipe: Recipe, folder: Path, processes: int, flags: Mapping[str, bool]) -> None:
    """Train one network as `training.train` does, in several processes. Raise what that raises.

    Args:
        recipe: the recipe of the run.
        folder: the run folder.
        processes: the number of processes, at least 2.
        flags: flag of `streetseg train` -> whether it is set.
    """
    with TemporaryDirectory(prefix="streetseg-") as place:
        file = Path(place) / "recipe.yaml"
        file.write_text(recipe_yaml(recipe), encoding="utf-8")
        argv = [*words_of_run(recipe, file), "--out", str(folder), *(flag for flag, is_set in flags.items() if is_set)]
        launch(argv, processes, show_stdout=False)


def words_of_run(recipe: Recipe, file: Path) -> list[str]:
    """Return the arguments `train DATA ...` for a recipe that is also in a file.

    The fields that differ between runs are arguments, because the environment would win over the file.
    """
    model, train = recipe.model, recipe.train
    own = ["--encoder", model.encoder, "--weights", model.weights, "--seed", str(train.seed)]
    return ["train", recipe.data.source, f"train.precision={train.precision}", "--recipe", str(file), *own]
