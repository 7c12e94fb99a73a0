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
from streetseg.data.check import check_source
from streetseg.data.open import open_source
from streetseg.data.source import Source
from streetseg.data.store import Store, default_cache
from streetseg.models.bundle import save_bundle
from streetseg.models.segmenter import Segmenter
from streetseg.models.weights import InitialWeights, build_segmenter
from streetseg.recipe.schema import Recipe, Size
from streetseg.recipe.write import recipe_yaml
from streetseg.runtime.checkpoint import load_newest_checkpoint, save_checkpoint
from streetseg.runtime.device import choose_device
from streetseg.runtime.environment import describe_environment
from streetseg.runtime.journal import Journal
from streetseg.runtime.memory import keep_freed_memory
from streetseg.runtime.precision import Precision, choose_precision
from streetseg.runtime.seeding import seed_everything
from streetseg.training.ema import ExponentialAverage
from streetseg.training.fit import Learner, fit
from streetseg.training.history import EpochRow, History
from streetseg.training.objective import Objective
from streetseg.training.optimizer import make_optimizer
from streetseg.training.progress import Progress
from streetseg.training.run_folder import RunFolder, class_pixels, describe_data


@dataclass(frozen=True)
class RunResult:
    """Where a run is and how good its best epoch was on the validation split."""

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
    train_store, val_store = open_stores(source, recipe)
    crop = crop_size(train_store, recipe)
    segmenter.to(device, memory_format=torch.channels_last)
    objective = Objective(
        recipe.loss, class_pixels(train_store)[: source.space.num_classes], source.space.ignore_index
    ).to(device)

    folder.make()
    found = load_newest_checkpoint(folder.checkpoints) if resume else None
    state = found[1] if found else None
    precision = (
        Precision(state["precision"], "as before the interruption")
        if state
        else choose_precision(recipe.train.precision, device, trial_step(segmenter, objective, crop))
    )
    learner = Learner(
        recipe,
        segmenter,
        ExponentialAverage(segmenter, recipe.optim.ema) if recipe.optim.ema else None,
        make_optimizer(segmenter, recipe.optim, pretrained=initial.pretrained),
        objective,
        device,
        precision,
    )
    history = History()
    if state:
        history = restore(learner, state)
    journal = Journal(folder.journal)
    if not state:
        describe(folder, recipe, source, {"train": train_store, "val": val_store}, learner, initial)
    journal.write("resume" if state else "start", epochs_done=history.epochs_done, precision=asdict(precision))

    def batches_of(epoch: int) -> TrainBatches:
        return TrainBatches(
            train_store, recipe.train.batch, recipe.train.seed, epoch, device, recipe.augment, crop
        )

    def save(row: EpochRow) -> None:
        history.write(folder.results)
        best = history.best is row
        if best:
            save_bundle(
                folder.best,
                learner.scored,
                initial_weights=initial.as_dict(),
                protocol={"dataset": source.spec, "split": recipe.data.val_split, "images": len(val_store)},
                scores={"mean_iou": row.val_iou, "pixel_accuracy": row.val_accuracy, "epoch": row.epoch},
            )
        save_checkpoint(
            folder.checkpoints, f"epoch-{row.epoch:03d}", snapshot(learner, history), keep=recipe.train.keep_last
        )
        journal.write("epoch", **asdict(row), best=best)
        progress.say(
            f"epoch {row.epoch:3d}  train loss {row.train_loss:.4f} accuracy {row.train_accuracy:.4f} "
            f"IoU {row.train_iou:.4f}  val loss {row.val_loss:.4f} accuracy {row.val_accuracy:.4f} "
            f"IoU {row.val_iou:.4f}{'  best' if best else ''}  {row.seconds:.0f} s"
        )

    steps = len(batches_of(1)) * recipe.train.epochs
    title = f"{recipe.model.encoder} seed {recipe.train.seed}"
    with Progress(title, steps, done=learner.steps_done, quiet=quiet) as progress:
        progress.say(f"run folder: {folder.path}")
        progress.say(f"{title} starts from {initial.text}; {precision.name}, {precision.why}; {device}")
        fit(learner, batches_of, val_store, history, journal, progress, save)
    best = history.best
    assert best is not None
    journal.write("end", best_epoch=best.epoch)
    return RunResult(folder.path, best.epoch, best.val_iou)


def open_stores(source: Source, recipe: Recipe) -> tuple[Store, Store]:
    """The decoded training and validation pictures, after every file was looked at.

    Raises:
        DataError: a split is missing or empty, or files cannot be used.
    """
    splits = (recipe.data.train_split, recipe.data.val_split)
    check_source(source, splits)
    train_store, val_store = (
        Store.open(
            source, split, picture_size=recipe.data.size, resize_labels=split == splits[0], cache=default_cache()
        )
        for split in splits
    )
    return train_store, val_store


def crop_size(store: Store, recipe: Recipe) -> Size:
    """The training crop for the smallest picture of the store."""
    height, width = store.sizes.min(axis=0).tolist()
    return training_crop((height, width), recipe.augment)


def trial_step(segmenter: Segmenter, objective: Objective, crop: Size) -> Callable[[Precision], None]:
    """A forward and backward pass on noise, with a copy of the network, so that it leaves no trace."""
    network = copy.deepcopy(segmenter).train()
    device = segmenter.mean.device
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (2, 3, *crop), dtype=torch.uint8, generator=generator).to(device)
    labels = torch.randint(0, segmenter.space.num_classes, (2, *crop), dtype=torch.uint8, generator=generator).to(device)

    def step(precision: Precision) -> None:
        network.zero_grad()
        with precision.autocast(device):
            logits = network(pictures)
        objective(logits, labels)[0].backward()

    return step


def describe(
    folder: RunFolder,
    recipe: Recipe,
    source: Source,
    stores: dict[str, Store],
    learner: Learner,
    initial: InitialWeights,
) -> None:
    """Write what the run is before its first step: recipe, data, environment."""
    atomic_write_text(folder.recipe, recipe_yaml(recipe))
    atomic_write_json(folder.data, describe_data(source.spec, stores))
    atomic_write_json(
        folder.environment,
        describe_environment()
        | {
            "device": str(learner.device),
            "precision": asdict(learner.precision),
            "initial_weights": initial.as_dict(),
        },
    )


def snapshot(learner: Learner, history: History) -> dict[str, Any]:
    """Everything a run needs to go on, as torch.save takes it."""
    return {
        "precision": learner.precision.name,
        "steps_done": learner.steps_done,
        "segmenter": learner.segmenter.state_dict(),
        "average": None if learner.average is None else learner.average.state_dict(),
        "optimizer": learner.optimizer.state_dict(),
        "history": [asdict(row) for row in history.rows],
        "torch_rng": torch.get_rng_state(),
    }


def restore(learner: Learner, state: dict[str, Any]) -> History:
    """Put a snapshot back."""
    learner.segmenter.load_state_dict(state["segmenter"])
    if learner.average is not None:
        learner.average.load_state_dict(state["average"])
    learner.optimizer.load_state_dict(state["optimizer"])
    learner.steps_done = state["steps_done"]
    torch.set_rng_state(state["torch_rng"])
    return History([EpochRow(**row) for row in state["history"]])
