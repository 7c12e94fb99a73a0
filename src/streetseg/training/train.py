"""One run: from a recipe to a run folder that holds the best network, its scores and how it came to them."""

import copy
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from streetseg.atomic import atomic_write_json, atomic_write_text
from streetseg.data.augment import training_crop
from streetseg.data.batches import FEWEST, TrainBatches
from streetseg.data.check import check_source, require_splits
from streetseg.data.findings import Findings
from streetseg.data.open import open_source
from streetseg.data.source import Source
from streetseg.data.store import Store, default_cache
from streetseg.errors import DataError, RequestError
from streetseg.models.segmenter import Segmenter
from streetseg.models.weights import InitialWeights, build_segmenter
from streetseg.recipe.load import leaves
from streetseg.recipe.schema import Augment, Recipe, Size
from streetseg.recipe.write import recipe_yaml
from streetseg.runtime.batch_norm import share_batch_norm
from streetseg.runtime.checkpoint import load_newest_checkpoint
from streetseg.runtime.device import choose_device
from streetseg.runtime.distributed import Ranks
from streetseg.runtime.environment import describe_environment
from streetseg.runtime.journal import Journal
from streetseg.runtime.memory import keep_freed_memory
from streetseg.runtime.precision import Precision, choose_precision
from streetseg.runtime.seeding import seed_everything
from streetseg.runtime.stop import StopSignals
from streetseg.training.best import Best
from streetseg.training.ema import ExponentialAverage
from streetseg.training.faults import memory_explained
from streetseg.training.finish import finish_run
from streetseg.training.fit import fit
from streetseg.training.history import History
from streetseg.training.keeper import Keeper
from streetseg.training.learner import Learner
from streetseg.training.objective import Objective
from streetseg.training.optimizer import make_optimizer
from streetseg.training.origin import differences, is_written, origin_of, refuse_other
from streetseg.training.progress import Progress
from streetseg.training.run_folder import RunFolder, class_pixels, describe_data
from streetseg.training.state import refuse_other_format, restore


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


def train(recipe: Recipe, out: Path, *, resume: bool = False, force: bool = False, quiet: bool = False) -> RunResult:
    """Train one network, alone or with the other processes that torchrun started with this one.

    Args:
        recipe: everything that decides the run.
        out: the run folder; must be new or empty, unless resuming.
        resume: go on from the newest checkpoint in `out`; a run without one starts at the beginning.
        force: go on even if the recipe or the data are not the run's own.
        quiet: no progress.

    Raises:
        RequestError, DataError, ModelError: before anything is written, when request, data or weights are wrong.
        TrainingError: when training cannot go on; what was saved is kept.
        KeyboardInterrupt, SystemExit: on SIGINT and SIGTERM, after the step under way was done and saved.
    """
    alone = Ranks.from_environment()
    device = choose_device(recipe.train.device, alone)
    refuse_unshared(recipe, alone)
    with alone.joined(device) as ranks:
        return train_together(recipe, out, ranks, device, resume=resume, force=force, quiet=quiet or not ranks.is_main)


def train_together(
    recipe: Recipe, out: Path, ranks: Ranks, device: torch.device, *, resume: bool, force: bool, quiet: bool
) -> RunResult:
    """What each rank does. All go the same way; rank 0 writes."""
    folder = RunFolder(Path(ranks.of_main(str(out))))
    if ranks.is_main:
        folder.refuse(resume=resume)
    keep_freed_memory()
    seed_everything(recipe.train.seed)
    state = newest_state(folder) if resume else None
    source = open_source(recipe.data)
    require_pictures(source, recipe)
    with ranks.one_first():
        segmenter, initial = first_network(recipe, source, state)
        findings = check_files(source, recipe)
        stores = train_store, val_store = open_stores(source, recipe)
    crop = crop_size(train_store, recipe)
    origin = origin_of(recipe, stores)
    step = "none" if state is None else state["steps_done"]
    ranks.refuse_different(dict(leaves(recipe)) | origin["data"] | {"step of the newest checkpoint": step})
    changed = differences(state, origin) if state else []
    if not force:
        refuse_other({folder.path: changed})

    def batches_of(epoch: int) -> TrainBatches:
        settings, size, train = *augment_of_epoch(epoch, recipe, crop), recipe.train
        share = {"rank": ranks.rank, "world": ranks.world}
        return TrainBatches(train_store, train.batch, train.seed, epoch, device, settings, size, **share)

    title = f"{recipe.model.encoder} seed {recipe.train.seed}"
    steps = len(batches_of(1))
    with folder.in_use() if ranks.is_main else nullcontext(), memory_explained(recipe, crop, device):
        learner = make_learner(recipe, segmenter, initial, train_store, crop, device, state, ranks)
        validation = {"dataset": source.spec, "split": val_store.split, "images": len(val_store)}
        best = Best(folder.best, initial, validation)
        history = restore(learner, best, state) if state else History()
        if changed:
            history.tally = None  # with another recipe or other data, the first half of an epoch has no second half
        # Counted anew, because the steps of an epoch may be others: with another recipe, or on other ranks.
        learner.steps_done = history.epochs_done * steps + (history.tally.steps if history.tally else 0)
        if ranks.is_main and not is_written(folder, origin):
            atomic_write_text(folder.recipe, recipe_yaml(recipe))
            atomic_write_json(folder.data, describe_data(source.spec, stores, findings))
        if ranks.is_main and state is None:
            atomic_write_json(folder.environment, describe_environment() | describe_start(learner, initial))
        journal = Journal(folder.journal if ranks.is_main else None)
        done = {"epochs_done": history.epochs_done, "steps_done": learner.steps_done, "processes": ranks.world}
        journal.write("resume" if state else "start", **done, **asdict(learner.precision), forced=changed)
        with Progress(title, steps * recipe.train.epochs, done=learner.steps_done, quiet=quiet) as progress:
            progress.say(f"run folder: {folder.path}")
            progress.say(f"{title} starts from {initial.text}")
            progress.say(f"{learner.precision.name} on {device}: {learner.precision.why}")
            for line in of_processes(ranks, state):
                progress.say(line)
            for line in changed:
                progress.say(f"forced to go on, although {line}")
            with StopSignals() as stop:
                keeper = Keeper(folder, learner, best, origin, history, journal, progress, stop)
                keeper.begin(anew=state is None)
                fit(learner, batches_of, val_store, keeper)
            assert history.best is not None
            val_iou = finish_run(folder, segmenter, val_store, journal, dataset=source.spec, device=device, ranks=ranks)
            best_epoch = history.best.epoch
            journal.write("end", best_epoch=best_epoch, mean_iou=val_iou)
            progress.say(f"best epoch {best_epoch}: mean IoU {val_iou:.4f} in fp32 on {len(val_store)} pictures")
            progress.say(f"run folder: {folder.path}")
    return RunResult(folder.path, best_epoch, val_iou)


def refuse_unshared(recipe: Recipe, ranks: Ranks) -> None:
    """Raises RequestError if a batch is too small to be shared by so many processes."""
    if recipe.train.batch // ranks.world < FEWEST:
        raise RequestError(
            f"a batch of {recipe.train.batch} is too small to be shared by {ranks.world} processes",
            where="train.batch",
            hint=f"batch norm needs {FEWEST} pictures or more in each: train.batch={FEWEST * ranks.world}",
        )


def of_processes(ranks: Ranks, state: dict[str, Any] | None) -> list[str]:
    """What is to be said of several processes, or of another number of them than before."""
    before = ranks.world if state is None else state["processes"]
    lines = [f"{ranks.world} processes share each batch"] if ranks.world > 1 else []
    if before != ranks.world:
        lines.append(f"{before} processes began this run: it goes on with the same batches, but not to the last bit")
    return lines


def newest_state(folder: RunFolder) -> dict[str, Any] | None:
    """The state to go on from; None where the run was stopped before it had one."""
    found = load_newest_checkpoint(folder.checkpoints)
    if found is None:
        return None
    path, state = found
    refuse_other_format(state, path)
    return state


def first_network(recipe: Recipe, source: Source, state: dict[str, Any] | None) -> tuple[Segmenter, InitialWeights]:
    """The network to start from, and what it starts from; a resumed one gets its weights from the state later."""
    segmenter, initial = build_segmenter(
        recipe.model.encoder,
        source.space,
        decoder=recipe.model.decoder,
        channels=recipe.model.channels,
        size=recipe.data.size,
        weights=recipe.model.weights if state is None else "none",
    )
    return segmenter, initial if state is None else InitialWeights(**state["initial"])


def require_pictures(source: Source, recipe: Recipe) -> None:
    """Raises DataError if one of the two splits is missing or empty, or the training split has too few pictures."""
    split = recipe.data.train_split
    require_splits(source, (split, recipe.data.val_split))
    if len(source.splits.get(split, ())) == 1:
        raise DataError(f"split {split!r} has one picture, batch norm needs two or more", where=source.spec)


def check_files(source: Source, recipe: Recipe) -> Findings | None:
    """What every file of the two splits holds; None for drawn pictures, which have no files.

    Raises:
        DataError: files cannot be used.
    """
    names = (recipe.data.train_split, recipe.data.val_split)
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


def augment_of_epoch(epoch: int, recipe: Recipe, crop: Size) -> tuple[Augment, Size]:
    """Augmentation and training crop of an epoch, counted from 1: smaller in the early ones, if asked for."""
    settings = recipe.augment
    if settings.early_crop is None or epoch > round(settings.early * recipe.train.epochs):
        return settings, crop
    low, high = settings.scale
    shrunk = (low * settings.early_scale, high * settings.early_scale)
    return settings.model_copy(update={"scale": shrunk}), settings.early_crop


def make_learner(
    recipe: Recipe,
    segmenter: Segmenter,
    initial: InitialWeights,
    train_store: Store,
    crop: Size,
    device: torch.device,
    state: dict[str, Any] | None,
    ranks: Ranks,
) -> Learner:
    """Everything that learns, on its device. A resumed run keeps the precision that `auto` found at its start."""
    segmenter.to(device).to(memory_format=torch.channels_last)
    space = segmenter.space
    objective = Objective(recipe.loss, class_pixels(train_store)[: space.num_classes], space.ignore_index).to(device)
    if state is not None and recipe.train.precision == "auto":
        precision = Precision(state["precision"], "as before the interruption")
    else:
        found = choose_precision(recipe.train.precision, device, trial_step(segmenter, objective, crop))
        precision = Precision(**ranks.of_main(asdict(found)))
    average = ExponentialAverage(segmenter, recipe.optim.ema) if recipe.optim.ema else None
    if recipe.train.sync_batch_norm and ranks.world > 1:
        share_batch_norm(segmenter)
    return Learner(
        recipe,
        segmenter,
        average,
        make_optimizer(segmenter, recipe.optim, pretrained=initial.pretrained),
        objective,
        device,
        precision,
        ranks,
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
        "processes": learner.ranks.world,
        "precision": asdict(learner.precision),
        "initial_weights": initial.as_dict(),
    }
