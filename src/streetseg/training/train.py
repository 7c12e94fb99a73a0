"""One run: from a recipe to a run folder that holds the best network, its scores and how it came to them."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from streetseg.atomic import atomic_write_json, atomic_write_text
from streetseg.data.augment.augment import training_crop
from streetseg.data.batches import FEWEST, TrainBatches, steps_of_epoch
from streetseg.data.open import open_source
from streetseg.data.source import Source, short_name
from streetseg.data.store import Store
from streetseg.errors import RequestError
from streetseg.models.initial_weights import InitialWeights, build_network
from streetseg.models.network import SegmentationNetwork
from streetseg.profiler import Profiler
from streetseg.recipe.load import leaves
from streetseg.recipe.resolved import recipe_yaml
from streetseg.recipe.schema import Augment, Recipe, Size
from streetseg.runs.folder import Journal, RunFolder, class_pixels, describe_data
from streetseg.runtime.checkpoint import load_newest_checkpoint
from streetseg.runtime.compilation import Compilation
from streetseg.runtime.device import choose_device, finish_work, seed_everything
from streetseg.runtime.distributed import Ranks
from streetseg.runtime.environment import describe_environment
from streetseg.runtime.memory import keep_freed_memory
from streetseg.runtime.signals import StopSignals
from streetseg.training.best import Best
from streetseg.training.callbacks import Callbacks, EarlyStopping, LossFunction
from streetseg.training.failures import explained
from streetseg.training.finish import finish_run
from streetseg.training.fit import fit
from streetseg.training.history import History
from streetseg.training.optim import length_of
from streetseg.training.progress import Progress
from streetseg.training.recorder import RunRecorder
from streetseg.training.resume import differences, is_written, origin_of, require_format, require_unchanged, restore
from streetseg.training.splits import check_files, device_cache_split, open_stores, require_images
from streetseg.training.train_state import describe_start, make_train_state


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


@dataclass(frozen=True)
class Own:
    """What the caller brought: objects that no recipe can hold, and no run folder can rebuild."""

    callbacks: tuple[object, ...] = ()
    loss: LossFunction | None = None
    source: Source | None = None

    def lines(self) -> list[str]:
        """Say what recipe.yaml does not tell of this run."""
        lines = []
        if self.loss is not None:
            name = getattr(self.loss, "__qualname__", type(self.loss).__qualname__)
            lines.append(
                f"the loss is the caller's own ({name}): recipe.yaml does not hold it, to resume pass it again"
            )
        if self.source is not None:
            name = type(self.source).__qualname__
            lines.append(f"the data source is the caller's own ({name}): to resume or to score, pass it again")
        return lines


def train(
    recipe: Recipe,
    out: Path,
    *,
    resume: bool = False,
    force: bool = False,
    quiet: bool = False,
    profile: bool = False,
    callbacks: Iterable[object] = (),
    loss: LossFunction | None = None,
    source: Source | None = None,
) -> RunResult:
    """Train one network, alone or with the other processes that torchrun started with this one.

    Args:
        recipe: everything that decides the run.
        out: the run folder; must be new or empty, unless resuming.
        resume: go on from the newest checkpoint in `out`; a run without one starts at the beginning.
        force: go on even if the recipe or the data are not the run's own.
        quiet: no progress.
        profile: measure and say where the time went; on a GPU that costs some, as each part is waited for.
        callbacks: objects with methods of `Callback`.
        loss: of the caller's own, in place of the recipe's.
        source: of the caller's own, in place of what the recipe names.

    Raises:
        RequestError, DataError, ModelError: before anything is written, when request, data or weights are wrong.
        TrainingError: when training cannot go on; what was saved is kept.
        KeyboardInterrupt, SystemExit: on SIGINT and SIGTERM, after the step under way was done and saved.
    """
    alone = Ranks.from_environment()
    device = choose_device(recipe.train.device, alone)
    check_shared(recipe, alone, own_loss=loss is not None)
    with alone.joined(device) as ranks:
        profiler = Profiler(lambda: finish_work(device)) if profile else Profiler()
        quiet = quiet or not ranks.is_main
        own = Own(tuple(callbacks), loss, source)
        return train_together(recipe, out, ranks, device, profiler, own, resume=resume, force=force, quiet=quiet)


def train_together(
    recipe: Recipe,
    out: Path,
    ranks: Ranks,
    device: torch.device,
    profiler: Profiler,
    own: Own,
    *,
    resume: bool,
    force: bool,
    quiet: bool,
) -> RunResult:
    """What each rank does. All go the same way; rank 0 writes."""
    folder = RunFolder(Path(ranks.broadcast(str(out))))
    if ranks.is_main:
        folder.require_usable(resume=resume)
    keep_freed_memory()
    seed_everything(recipe.train.seed)
    state = newest_state(folder) if resume else None
    source = own.source or open_source(recipe.data)
    require_images(source, recipe)
    with ranks.one_first():
        network, initial = first_network(recipe, source, state)
        findings = check_files(source, recipe)
        stores = train_store, val_store = open_stores(source, recipe)
    crop = crop_size(train_store, recipe)
    origin = origin_of(recipe, stores)
    step = "none" if state is None else state["steps_done"]
    ranks.require_equal(dict(leaves(recipe)) | origin["data"] | {"step of the newest checkpoint": step})
    changed = differences(state, origin) if state else []
    if not force:
        require_unchanged({folder.path: changed})

    length = length_of(recipe.train, steps_of_epoch(len(train_store), recipe.train.batch, ranks.world))
    device_cache, of_device_cache = device_cache_split(train_store, device)

    def batches_of(epoch: int) -> TrainBatches:
        settings, size = augment_of_epoch(epoch, length.epochs, recipe.augment, crop)
        return TrainBatches(
            train_store,
            recipe.train.batch,
            recipe.train.seed,
            epoch,
            device,
            settings,
            size,
            rank=ranks.rank,
            world=ranks.world,
            device_cache=device_cache,
            profiler=profiler,
        )

    title = f"{recipe.model.encoder} seed {recipe.train.seed}"
    with folder.in_use() if ranks.is_main else nullcontext(), explained(recipe, crop, device):
        to_do = length.steps - (0 if state is None else state["steps_done"])
        pixels = class_pixels(train_store, findings)[: source.space.num_classes]
        train_state = make_train_state(
            recipe, network, initial, pixels, device, state, ranks, profiler, to_do, own.loss
        )
        validation = {"dataset": short_name(source.spec), "split": val_store.split, "images": len(val_store)}
        best = Best(folder.best, initial, validation)
        history = restore(train_state, best, state) if state else History()
        if changed:
            history.meters = None  # with another recipe or other data, the first half of an epoch has no second half
        # Counted anew, because the steps of an epoch may be others: with another recipe, or on other ranks.
        train_state.steps_done = history.epochs_done * length.of_epoch + (history.meters.steps if history.meters else 0)
        if ranks.is_main and not is_written(folder, origin):
            atomic_write_text(folder.recipe, recipe_yaml(recipe))
            atomic_write_json(folder.data, describe_data(short_name(source.spec), stores, findings))
        if ranks.is_main and state is None:
            atomic_write_json(folder.environment, describe_environment() | describe_start(train_state, initial))
        journal = Journal(folder.journal if ranks.is_main else None)
        done = {"epochs_done": history.epochs_done, "steps_done": train_state.steps_done, "processes": ranks.world}
        journal.write(
            "resume" if state else "start", **done, **asdict(train_state.precision), forced=changed, own=own.lines()
        )
        with Progress(title, length.steps, done=train_state.steps_done, quiet=quiet) as progress:
            progress.say(f"run folder: {folder.path}")
            progress.say(f"{title} starts from {initial.text}")
            progress.say(f"{train_state.precision.name} on {device}: {train_state.precision.why}")
            for line in [
                *of_compilation(train_state.compilation, device),
                *of_device_cache,
                *of_processes(ranks, state),
            ]:
                progress.say(line)
            for line in own.lines():
                progress.say(line)
            for line in changed:
                progress.say(f"forced to go on, although {line}")
            early = [EarlyStopping(recipe.train.patience, history)] if recipe.train.patience else []
            callbacks = Callbacks([*early, *own.callbacks] if ranks.is_main else [])
            with StopSignals() as stop, finishing(callbacks, history):
                callbacks.tell("start", title, folder.path, dict(leaves(recipe)))
                recorder = RunRecorder(
                    folder, train_state, length, best, origin, history, journal, progress, stop, callbacks
                )
                recorder.begin(anew=state is None)
                with profiler("other"):
                    fit(train_state, batches_of, val_store, recorder)
            assert history.best is not None
            with profiler("evaluation"):
                val_iou = finish_run(
                    folder, network, val_store, journal, dataset=source.spec, device=device, ranks=ranks
                )
            best_epoch = history.best.epoch
            if profiler.measured:
                journal.write("profile", **profiler.as_dict())
                for line in profiler.lines():
                    progress.say(line)
            journal.write("end", best_epoch=best_epoch, mean_iou=val_iou)
            progress.say(f"best epoch {best_epoch}: mean IoU {val_iou:.4f} in fp32 on {len(val_store)} images")
            progress.say(f"run folder: {folder.path}")
    return RunResult(folder.path, best_epoch, val_iou)


@contextmanager
def finishing(callbacks: Callbacks, history: History) -> Iterator[None]:
    """Tell the callbacks how the training ended."""
    outcome = "failed"
    try:
        yield
        outcome = "done"
    except (KeyboardInterrupt, SystemExit):
        outcome = "killed"
        raise
    finally:
        best = history.best
        summary = {} if best is None else {name: float(value) for name, value in asdict(best).items()}
        callbacks.tell("finish", outcome, summary)


def check_shared(recipe: Recipe, ranks: Ranks, *, own_loss: bool) -> None:
    """Raise RequestError if a batch is too small for so many processes, or the loss cannot be summed over them."""
    if own_loss and ranks.world > 1:
        raise RequestError("a loss of your own is computed in one process", where="loss", hint="devices=1")
    if recipe.train.batch // ranks.world < FEWEST:
        raise RequestError(
            f"a batch of {recipe.train.batch} is too small to be shared by {ranks.world} processes",
            where="train.batch",
            hint=f"batch norm needs {FEWEST} images or more in each: train.batch={FEWEST * ranks.world}",
        )


def of_processes(ranks: Ranks, state: dict[str, Any] | None) -> list[str]:
    """What is to be said of several processes, or of another number of them than before."""
    before = ranks.world if state is None else state["processes"]
    lines = [f"{ranks.world} processes share each batch"] if ranks.world > 1 else []
    if before != ranks.world:
        lines.append(f"{before} processes began this run: it goes on with the same batches, but not to the last bit")
    return lines


def of_compilation(compilation: Compilation, device: torch.device) -> list[str]:
    """What is to be said of it: nothing where there was nothing to choose."""
    if device.type == "cpu" and not compilation.on:
        return []
    return [f"the network is {'' if compilation.on else 'not '}compiled: {compilation.why}"]


def newest_state(folder: RunFolder) -> dict[str, Any] | None:
    """The state to go on from; None where the run was stopped before it had one."""
    found = load_newest_checkpoint(folder.checkpoints)
    if found is None:
        return None
    path, state = found
    require_format(state, path)
    return state


def first_network(
    recipe: Recipe, source: Source, state: dict[str, Any] | None
) -> tuple[SegmentationNetwork, InitialWeights]:
    """The network to start from, and what it starts from; a resumed one gets its weights from the state later."""
    network, initial = build_network(
        recipe.model.encoder,
        source.space,
        decoder=recipe.model.decoder,
        channels=recipe.model.channels,
        size=recipe.data.size,
        weights=recipe.model.weights if state is None else "none",
        reading=recipe.data.reading,
    )
    return network, initial if state is None else InitialWeights(**state["initial"])


def crop_size(store: Store, recipe: Recipe) -> Size:
    """The training crop for the smallest image of the store."""
    height, width = store.sizes.min(axis=0).tolist()
    return training_crop((height, width), recipe.augment)


def augment_of_epoch(epoch: int, epochs: int, settings: Augment, crop: Size) -> tuple[Augment, Size]:
    """Augmentation and training crop of an epoch, counted from 1: smaller in the early ones, if asked for."""
    if settings.early_crop is None or epoch > round(settings.early * epochs):
        return settings, crop
    low, high = settings.scale
    shrunk = (low * settings.early_scale, high * settings.early_scale)
    return settings.model_copy(update={"scale": shrunk}), settings.early_crop
