"""Before the first step: everything a run needs is read and checked, then the run folder gets its first files."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from streetseg.atomic import atomic_write_json, atomic_write_text
from streetseg.data.augment.augment import of_reduced, training_crop
from streetseg.data.batches import DeviceCache, TrainBatches, steps_of_epoch
from streetseg.data.check.findings import Findings
from streetseg.data.class_weights import require_class_weights
from streetseg.data.epoch_order import images_of_epoch
from streetseg.data.open import open_source, with_extra
from streetseg.data.source import Source, mask_ids, short_name, with_defaults
from streetseg.data.sources.with_extra import without_extra
from streetseg.data.splits import write_lists
from streetseg.data.store import Store
from streetseg.errors import RequestError
from streetseg.models.initial_weights import InitialWeights, build_network
from streetseg.models.network import SegmentationNetwork
from streetseg.profiler import Profiler
from streetseg.recipe.load import leaves
from streetseg.recipe.resolved import recipe_yaml
from streetseg.recipe.schema import Augment, Data, Recipe, Size
from streetseg.runs.folder import Journal, RunFolder, class_pixels, describe_data, kept_split
from streetseg.runtime.checkpoint import load_newest_checkpoint
from streetseg.runtime.compilation import Compilation
from streetseg.runtime.device import seed_everything
from streetseg.runtime.distributed import Ranks
from streetseg.runtime.environment import describe_environment
from streetseg.runtime.memory import keep_freed_memory
from streetseg.training.best import Best
from streetseg.training.history import History
from streetseg.training.optim import Length, length_of
from streetseg.training.own import Own, check_callbacks, check_loss, require_own
from streetseg.training.resume import differences, is_written, origin_of, require_format, require_unchanged, restore
from streetseg.training.splits import check_files, device_cache_split, open_stores, open_test_store, require_images
from streetseg.training.trackers import require_trackers
from streetseg.training.tracking import where_tracked
from streetseg.training.train_state import TrainState, describe_start, make_train_state


@dataclass(frozen=True)
class Prepared:
    """A run that is ready to start: read and checked, nothing written.

    Args:
        recipe: everything that decides the run.
        own: objects of the caller's own.
        ranks: the processes that train together.
        device: where this one trains.
        folder: the run folder.
        source: the data.
        network: with its initial weights.
        initial: where these weights are from.
        findings: what the files of the splits hold; None for scenes.
        train_store, val_store: the decoded splits.
        test_store: the split that is scored once, at the end; None as a rule.
        origin: recipe and fingerprints of the data.
        state: the checkpoint to go on from; None for a new run.
        changed: a line for each thing that decides the run and is not as it was in `state`.
        device_cache: the training images on the GPU, where they fit.
        device_cache_lines: what is said of that.
    """

    recipe: Recipe
    own: Own
    ranks: Ranks
    device: torch.device
    profiler: Profiler
    folder: RunFolder
    source: Source
    network: SegmentationNetwork
    initial: InitialWeights
    findings: Findings | None
    train_store: Store
    val_store: Store
    test_store: Store | None
    origin: dict[str, Any]
    state: dict[str, Any] | None
    changed: list[str]
    device_cache: DeviceCache | None
    device_cache_lines: list[str]

    @property
    def title(self) -> str:
        """The run in two words, for progress and callbacks."""
        return f"{self.recipe.model.encoder} seed {self.recipe.train.seed}"

    @property
    def origin_with_own(self) -> dict[str, Any]:
        """The origin for checkpoints: with the names of the parts that are the caller's own."""
        return self.origin | {"own": list(self.own.parts(self.recipe))}

    @property
    def track_to(self) -> Path:
        """The folder that trackers write to by default."""
        given = self.recipe.train.track_to
        return self.folder.trackers if given is None else Path(given)

    @cached_property
    def crop(self) -> Size:
        """Height and width of the training crop, for the smallest image of the training split."""
        return training_crop(self.train_store.smallest, self.recipe.augment)

    @cached_property
    def pixels(self) -> NDArray[np.int64]:
        """Pixels of each class in the training split, int64 (C,)."""
        return class_pixels(self.train_store, self.findings)[: self.source.space.num_classes]

    @cached_property
    def length(self) -> Length:
        """Epochs and steps of the whole run."""
        train, images = self.recipe.train, images_of_epoch(self.train_store.samples, self.recipe.data.extra_share)
        return length_of(train, steps_of_epoch(images, train.batch, self.ranks.world))

    def batches_of(self, epoch: int) -> TrainBatches:
        """Return the batches of an epoch, counted from 1: this rank's share of each."""
        settings, crop = augment_of_epoch(epoch, self.length.epochs, self.recipe.augment, self.crop)
        return TrainBatches(
            self.train_store,
            self.recipe.train.batch,
            self.recipe.train.seed,
            epoch,
            self.device,
            of_reduced(settings, self.train_store.reduced),
            crop,
            rank=self.ranks.rank,
            world=self.ranks.world,
            extra_share=self.recipe.data.extra_share,
            class_pixels=self.pixels,
            device_cache=self.device_cache,
            profiler=self.profiler,
        )


def prepare(
    recipe: Recipe,
    out: Path,
    ranks: Ranks,
    device: torch.device,
    profiler: Profiler,
    own: Own,
    *,
    resume: bool,
    force: bool,
) -> Prepared:
    """Read and check everything that a run needs. All ranks do the same; nothing is written.

    Raises:
        RequestError, DataError, ModelError: request, data or weights are wrong, or not as they were.
    """
    folder = RunFolder(Path(ranks.broadcast(str(out))))
    if ranks.is_main:
        folder.require_usable(resume=resume)
    require_trackers(recipe.train.track or ())
    keep_freed_memory()
    seed_everything(recipe.train.seed)
    state = newest_state(folder) if resume else None
    require_own(state["own"] if state else (), own, recipe)
    with ranks.one_first():
        source = opened(recipe.data, own, folder.path if resume else None)
    recipe = recipe.model_copy(update={"data": with_defaults(recipe.data, source)})
    require_images(source, recipe)
    check_callbacks(own.callbacks)
    if own.loss is not None:
        check_loss(own.loss, source.space.num_classes, device)
    with ranks.one_first():
        network, initial = first_network(recipe, source, own, state)
        require_class_weights(recipe.loss.class_weights, source.space.names)
        require_trained_encoder(recipe, initial)
        findings = check_files(source, recipe)
        stores = open_stores(source, recipe)
        test_store = open_test_store(source, recipe)
    origin = origin_of(recipe, stores)
    step = "none" if state is None else state["steps_done"]
    ranks.require_equal(dict(leaves(recipe)) | origin["data"] | {"step of the newest checkpoint": step})
    changed = differences(state, origin) if state else []
    if not force:
        require_unchanged({folder.path: changed})
    cache, cache_lines = device_cache_split(stores[0], device)
    return Prepared(
        recipe, own, ranks, device, profiler, folder, source, network, initial, findings, *stores, test_store,
        origin, state, changed, cache, cache_lines,
    )  # fmt: skip


def opened(data: Data, own: Own, run: Path | None = None) -> Source:
    """Return the data of a run: that of the caller, or what `data` names, with the extra data set.

    Args:
        data: the section of the recipe.
        own: objects of the caller's own.
        run: a begun run, whose split is used where the program made it; None: there is none.
    """
    if own.source is not None:
        return with_extra(own.source, data)
    return open_source(data, None if run is None else kept_split(run))


def newest_state(folder: RunFolder) -> dict[str, Any] | None:
    """Return the newest checkpoint; None where the run was stopped before it had one."""
    newest = load_newest_checkpoint(folder.checkpoints)
    if newest is None:
        return None
    path, state = newest
    require_format(state, path)
    return state


def first_network(
    recipe: Recipe, source: Source, own: Own, state: Mapping[str, Any] | None
) -> tuple[SegmentationNetwork, InitialWeights]:
    """Return the network and where its weights are from; a resumed one gets its weights from `state` later."""
    network, initial = build_network(
        recipe.model.encoder,
        source.space,
        decoder=recipe.model.decoder,
        channels=recipe.model.channels,
        size=recipe.data.size,
        weights=recipe.model.weights if state is None else "none",
        reading=recipe.data.reading,
        own=own.modules,
    )
    network.mask_ids = mask_ids(source)
    return network, initial if state is None else InitialWeights(**state["initial"])


def require_trained_encoder(recipe: Recipe, initial: InitialWeights) -> None:
    """Raise RequestError if the encoder or its statistics are frozen although its weights are random."""
    for field, what in (
        ("freeze_encoder", "the encoder is frozen"),
        ("freeze_stages", "the first stages of the encoder are frozen"),
        ("freeze_batch_norm", "the encoder keeps its batch-norm statistics"),
    ):
        if getattr(recipe.optim, field) and not initial.pretrained:
            raise RequestError(
                f"{what}, but it has {initial.text}",
                where=f"optim.{field}",
                hint="--weights auto, a file or a run folder gives it trained weights",
            )


def augment_of_epoch(epoch: int, epochs: int, settings: Augment, crop: Size) -> tuple[Augment, Size]:
    """Return augmentation and training crop of an epoch, counted from 1; `early_crop` is for the first ones."""
    if settings.early_crop is None or epoch > round(settings.early * epochs):
        return settings, crop
    low, high = settings.scale
    shrunk = (low * settings.early_scale, high * settings.early_scale)
    return settings.model_copy(update={"scale": shrunk}), settings.early_crop


def make_or_restore(run: Prepared) -> tuple[TrainState, Best, History]:
    """Return the training state, the best bundle and the epochs so far: those of the checkpoint, or new ones."""
    steps_left = run.length.steps - (0 if run.state is None else run.state["steps_done"])
    train_state = make_train_state(
        run.recipe, run.network, run.initial, run.pixels, run.device, run.state, run.ranks, run.profiler, steps_left,
        run.own.loss,
    )  # fmt: skip
    val = run.val_store
    validation = {"dataset": short_name(run.source.spec), "split": val.split, "images": len(val)}
    best = Best(run.folder.best, run.initial, validation)
    history = restore(train_state, best, run.state) if run.state else History()
    if run.changed:
        history.meters = None  # with another recipe or other data, the first half of an epoch has no second half
    # Counted anew, because the steps of an epoch may be others: with another recipe, or on other ranks.
    begun = history.meters.steps if history.meters else 0
    train_state.steps_done = history.epochs_done * run.length.of_epoch + begun
    return train_state, best, history


def write_start(run: Prepared, train_state: TrainState, history: History) -> Journal:
    """Write recipe, data and environment into the run folder, in rank 0; return the journal with its first line."""
    folder, main, source, made = run.folder, run.ranks.is_main, run.source, run.source.survey.made
    if main and not is_written(folder, run.origin):
        stores = (run.train_store, run.val_store)
        scored = stores if run.test_store is None else (*stores, run.test_store)
        atomic_write_text(folder.recipe, recipe_yaml(run.recipe))
        if made is not None:
            write_lists(folder.splits, {store.split: without_extra(store.samples) for store in stores})
        atomic_write_json(folder.data, describe_data(short_name(source.spec), scored, run.findings, made))
    if main and run.state is None:
        atomic_write_json(folder.environment, describe_environment() | describe_start(train_state, run.initial))
    journal = Journal(folder.journal if main else None)
    journal.write(
        "resume" if run.state else "start",
        epochs_done=history.epochs_done,
        steps_done=train_state.steps_done,
        processes=run.ranks.world,
        **asdict(train_state.precision),
        on_the_fly=[store.split for store in (run.train_store, run.val_store) if store.on_the_fly],
        forced=run.changed,
        own=run.own.lines(run.recipe),
    )
    return journal


def lines_of_start(run: Prepared, train_state: TrainState) -> list[str]:
    """Return what a person is told before the first step."""
    return [
        f"run folder: {run.folder.path}",
        f"{run.title} starts from {run.initial.text}",
        f"{train_state.precision.name} on {run.device}: {train_state.precision.why}",
        *lines_of_compilation(train_state.compilation, run.device),
        *run.device_cache_lines,
        *lines_of_processes(run.ranks, run.state),
        *run.own.lines(run.recipe),
        *where_tracked(run.recipe.train.track or (), run.track_to),
        *(f"forced to go on, although {line}" for line in run.changed),
    ]


def lines_of_processes(ranks: Ranks, state: Mapping[str, Any] | None) -> list[str]:
    """Return what is said of several processes, or of another number of them than before."""
    before = ranks.world if state is None else state["processes"]
    lines = [f"{ranks.world} processes share each batch"] if ranks.world > 1 else []
    if before != ranks.world:
        lines.append(f"{before} processes began this run: it goes on with the same batches, but not to the last bit")
    return lines


def lines_of_compilation(compilation: Compilation, device: torch.device) -> list[str]:
    """Return how steps are computed, and why; nothing where there was nothing to choose."""
    if device.type == "cpu" and compilation.how == "eager":
        return []
    return [f"{compilation.text}: {compilation.why}"]
