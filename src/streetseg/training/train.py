"""One run: from a recipe to a run folder that holds the best network, its scores and how it came to them."""

import copy
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from streetseg.atomic import atomic_write_json, atomic_write_text
from streetseg.data.augment import training_crop
from streetseg.data.batches import TrainBatches
from streetseg.data.check import Findings, check_source
from streetseg.data.open import open_source
from streetseg.data.source import Source
from streetseg.data.store import Store, default_cache
from streetseg.errors import DataError
from streetseg.models.segmenter import Segmenter
from streetseg.models.weights import InitialWeights, build_segmenter
from streetseg.recipe.schema import Recipe, Size
from streetseg.recipe.write import recipe_yaml
from streetseg.runtime.checkpoint import load_newest_checkpoint
from streetseg.runtime.device import choose_device
from streetseg.runtime.environment import describe_environment
from streetseg.runtime.journal import Journal
from streetseg.runtime.memory import keep_freed_memory
from streetseg.runtime.precision import Precision, choose_precision
from streetseg.runtime.seeding import seed_everything
from streetseg.training.ema import ExponentialAverage
from streetseg.training.finish import finish_run
from streetseg.training.fit import Learner, fit
from streetseg.training.history import History
from streetseg.training.keeper import Keeper
from streetseg.training.objective import Objective
from streetseg.training.optimizer import make_optimizer
from streetseg.training.progress import Progress
from streetseg.training.run_folder import RunFolder, class_pixels, describe_data
from streetseg.training.state import restore


@dataclass(frozen=True)
class RunResult:
    """Where a run is, and how good its best network is on the validation split.

    Args:
        folder: the run folder.
        epoch: the best epoch, from 1.
        val_iou: mean IoU of its weights in fp32, 0..1.
    """

    folder: Path
    epoch: int
    val_iou: float


def train(recipe: Recipe, out: Path, *, resume: bool = False, quiet: bool = False) -> RunResult:
    """Train one network.

    Args:
        recipe: everything that decides the run.
        out: the run folder; must be new or empty, unless resuming.
        resume: go on from the newest checkpoint in `out`; a run without one starts at the beginning.
        quiet: no progress.

    Raises:
        RequestError, DataError, ModelError: before anything is written, when request, data or weights are wrong.
        TrainingError: when training cannot go on.
    """
    folder = RunFolder(out)
    if not resume:
        folder.refuse_used()
    keep_freed_memory()
    device = choose_device(recipe.train.device)
    seed_everything(recipe.train.seed)
    source = open_source(recipe.data)
    segmenter, initial = build_segmenter(
        recipe.model.encoder,
        source.space,
        channels=recipe.model.channels,
        size=recipe.data.size,
        weights=recipe.model.weights,
    )
    findings = check_files(source, recipe)
    train_store, val_store = open_stores(source, recipe)
    crop = crop_size(train_store, recipe)

    folder.make()
    found = load_newest_checkpoint(folder.checkpoints) if resume else None
    state = None if found is None else found[1]
    learner = make_learner(recipe, segmenter, initial, train_store, crop, device, state)
    history = restore(learner, state) if state else History()
    if state is None:
        atomic_write_text(folder.recipe, recipe_yaml(recipe))
        atomic_write_json(folder.data, describe_data(source.spec, (train_store, val_store), findings))
        atomic_write_json(folder.environment, describe_environment() | describe_start(learner, initial))
    journal = Journal(folder.journal)
    journal.write("resume" if state else "start", epochs_done=history.epochs_done, **asdict(learner.precision))

    def batches_of(epoch: int) -> TrainBatches:
        size = crop_of_epoch(epoch, recipe, crop)
        return TrainBatches(train_store, recipe.train.batch, recipe.train.seed, epoch, device, recipe.augment, size)

    title = f"{recipe.model.encoder} seed {recipe.train.seed}"
    steps = len(batches_of(1)) * recipe.train.epochs
    with Progress(title, steps, done=learner.steps_done, quiet=quiet) as progress:
        progress.say(f"run folder: {folder.path}")
        progress.say(f"{title} starts from {initial.text}")
        progress.say(f"{learner.precision.name} on {device}: {learner.precision.why}")
        validation = {"dataset": source.spec, "split": val_store.split, "images": len(val_store)}
        keeper = Keeper(folder, learner, initial, validation, history, journal, progress)
        fit(learner, batches_of, val_store, history, journal, progress, keeper.keep)
        best = history.best
        assert best is not None
        val_iou = finish_run(folder, val_store, dataset=source.spec, device=device)
        journal.write("end", best_epoch=best.epoch, mean_iou=val_iou)
        progress.say(f"best epoch {best.epoch}: mean IoU {val_iou:.4f} in fp32 on {len(val_store)} pictures")
        progress.say(f"run folder: {folder.path}")
    return RunResult(folder.path, best.epoch, val_iou)


def check_files(source: Source, recipe: Recipe) -> Findings | None:
    """What every file of the two splits holds; None for drawn pictures, which have no files.

    Raises:
        DataError: a split is missing, empty or too small, or files cannot be used.
    """
    names = (recipe.data.train_split, recipe.data.val_split)
    train_samples = source.splits.get(names[0], ())
    if len(train_samples) == 1:
        raise DataError(f"split {names[0]!r} has one picture, batch norm needs two or more", where=source.spec)
    return None if source.spec == "scenes" else check_source(source, names)


def open_stores(source: Source, recipe: Recipe) -> tuple[Store, Store]:
    """The decoded training and validation pictures; the latter's labels keep their own resolution."""
    size, cache = recipe.data.size, default_cache()
    return (
        Store.open(source, recipe.data.train_split, picture_size=size, resize_labels=True, cache=cache),
        Store.open(source, recipe.data.val_split, picture_size=size, resize_labels=False, cache=cache),
    )


def crop_size(store: Store, recipe: Recipe) -> Size:
    """The training crop for the smallest picture of the store."""
    height, width = store.sizes.min(axis=0).tolist()
    return training_crop((height, width), recipe.augment)


def crop_of_epoch(epoch: int, recipe: Recipe, crop: Size) -> Size:
    """The training crop of an epoch, counted from 1: `early_crop` in the early ones, where it was asked for."""
    early = recipe.augment.early_crop
    return early if early is not None and epoch <= round(recipe.augment.early * recipe.train.epochs) else crop


def make_learner(
    recipe: Recipe,
    segmenter: Segmenter,
    initial: InitialWeights,
    train_store: Store,
    crop: Size,
    device: torch.device,
    state: dict[str, Any] | None,
) -> Learner:
    """Everything that learns, on its device. A resumed run keeps its precision, whatever would be measured now."""
    segmenter.to(device).to(memory_format=torch.channels_last)
    space = segmenter.space
    objective = Objective(recipe.loss, class_pixels(train_store)[: space.num_classes], space.ignore_index).to(device)
    if state is None:
        precision = choose_precision(recipe.train.precision, device, trial_step(segmenter, objective, crop))
    else:
        precision = Precision(state["precision"], "as before the interruption")
    return Learner(
        recipe,
        segmenter,
        ExponentialAverage(segmenter, recipe.optim.ema) if recipe.optim.ema else None,
        make_optimizer(segmenter, recipe.optim, pretrained=initial.pretrained),
        objective,
        device,
        precision,
    )


def trial_step(segmenter: Segmenter, objective: Objective, crop: Size) -> Callable[[Precision], None]:
    """A forward and backward pass on noise, with a copy of the network, so that it leaves no trace."""
    network = copy.deepcopy(segmenter).train()
    device, classes = segmenter.mean.device, segmenter.space.num_classes
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (2, 3, *crop), dtype=torch.uint8, generator=generator).to(device)
    labels = torch.randint(0, classes, (2, *crop), dtype=torch.uint8, generator=generator).to(device)

    def step(precision: Precision) -> None:
        network.zero_grad()
        with precision.autocast(device):
            logits = network(pictures)
        objective(logits, labels)[0].backward()

    return step


def describe_start(learner: Learner, initial: InitialWeights) -> dict[str, Any]:
    """What environment.json says of the run besides versions and machine."""
    return {
        "device": str(learner.device),
        "precision": asdict(learner.precision),
        "initial_weights": initial.as_dict(),
    }
