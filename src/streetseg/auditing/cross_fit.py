"""Cross-fitting: each image is judged by a network that was not trained on it."""

import logging
from pathlib import Path

from streetseg.auditing.audit import part_of
from streetseg.auditing.evidence import Part
from streetseg.data.open import open_source
from streetseg.data.source import Source
from streetseg.errors import RequestError
from streetseg.grid import run_study, with_fold
from streetseg.inference.predictor import Predictor
from streetseg.recipe.schema import Recipe
from streetseg.runs.finished import read_run

FOLDS = "folds"  # folder in that of the audit

log = logging.getLogger("streetseg")


def cross_fitted(
    recipe: Recipe, folds: int, source: Source, out: Path, *, resume: bool = False, quiet: bool = False
) -> list[Part]:
    """Train a network on all folds of the images but one, for each fold, and return the folds with their networks.

    The runs are those of a study with folds, in OUT/folds; a run that is finished is kept with `resume`.

    Args:
        recipe: of the runs; its training and validation images are divided.
        folds: the number of folds and networks.
        source: the data with its own splits.
        out: the folder of the audit.

    Raises:
        RequestError, DataError, ModelError, TrainingError: as `run_study`.
    """
    log.info("%d networks are trained, each on %d of %d parts of the images", folds, folds - 1, folds)
    starts = {recipe.model.encoder: recipe.model.weights}
    study = run_study(with_fold(recipe, None), starts, 1, out / FOLDS, folds=folds, resume=resume, quiet=quiet)
    split_of = {sample.name: split for split, samples in source.splits.items() for sample in samples}
    parts = []
    for run in study.comparison.groups[0].runs:
        config = read_run(run.folder).recipe
        predictor = Predictor.load(run.folder, recipe.train.device, engine="torch")
        part = part_of(predictor, open_source(config.data.scored), config.data.val_split)
        parts.append(Part(part.predictor, part.store, split_of))
    return parts


def recipe_of(model: Path) -> Path:
    """Return the recipe file of a run folder. Raise RequestError for another model: only a run has a recipe."""
    run = model.parent if model.name == "best" else model
    file = run / "recipe.yaml"
    if not file.is_file():
        raise RequestError(
            "--folds trains by the recipe of a run, and this model has none",
            where=model,
            hint="give the run folder, or leave --folds out",
        )
    return file


def judged_by_folds(recipe: Recipe, folds: int) -> str:
    """Return which networks judged the images, in words."""
    return (
        f"Each image was judged by a network that was not trained on it: {folds} networks of {recipe.model.encoder}, "
        f"{recipe.train.epochs} epochs each. The epoch of each was chosen by the images that it judges."
    )
