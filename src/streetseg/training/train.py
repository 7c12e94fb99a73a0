"""One run: from a recipe to a run folder that holds the best network, its scores and its history."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

from streetseg.data.batches import FEWEST
from streetseg.errors import RequestError
from streetseg.profiler import Profiler
from streetseg.recipe.load import leaves
from streetseg.recipe.schema import Recipe
from streetseg.runtime.device import choose_device, finish_work
from streetseg.runtime.distributed import Ranks
from streetseg.runtime.signals import StopSignals
from streetseg.training.callbacks import Callbacks, EarlyStopping
from streetseg.training.failures import explained
from streetseg.training.finish import finish_run
from streetseg.training.fit import fit
from streetseg.training.history import History
from streetseg.training.own import Own
from streetseg.training.prepare import Prepared, lines_of_start, make_or_restore, prepare, write_start
from streetseg.training.progress import Progress
from streetseg.training.recorder import RunRecorder
from streetseg.training.tracking import Tracking


@dataclass(frozen=True)
class RunResult:
    """Place of a run, and the score of its best network on the validation split.

    Args:
        folder: the run folder.
        epoch: the best epoch, from 1.
        val_iou: mean IoU of its weights in fp32, 0..1.
    """

    folder: Path
    epoch: int
    val_iou: float


def train(
    recipe: Recipe,
    out: Path,
    *,
    resume: bool = False,
    force: bool = False,
    quiet: bool = False,
    profile: bool = False,
    own: Own | None = None,
    part: str = "",
) -> RunResult:
    """Train one network, alone or with the other processes that torchrun started with this one.

    All ranks do the same; rank 0 writes.

    Args:
        recipe: everything that decides the run.
        out: the run folder; must be new or empty, unless resuming.
        resume: go on from the newest checkpoint in `out`; a run without one starts at the beginning.
        force: go on even if the recipe or the data are not the run's own.
        quiet: no progress.
        profile: measure and say where the time went; on a GPU that costs some, as each part is waited for.
        own: objects of the caller's own: callbacks, loss, data source, modules.
        part: what the run is a part of, for the bar: "run 2 of 4".

    Raises:
        RequestError, DataError, ModelError: before anything is written, when request, data or weights are wrong.
        TrainingError: training cannot go on; what was saved is kept.
        KeyboardInterrupt, SystemExit: on SIGINT and SIGTERM, after the step under way was done and saved.
    """
    own, alone = own or Own(), Ranks.from_environment()
    device = choose_device(recipe.train.device, alone)
    check_shared(recipe, alone, own_loss=own.loss is not None)
    with alone.joined(device) as ranks:
        profiler = Profiler(lambda: finish_work(device)) if profile else Profiler()
        run = prepare(recipe, out, ranks, device, profiler, own, resume=resume, force=force)
        with run.folder.in_use() if ranks.is_main else nullcontext(), explained(recipe, run.crop, device):
            train_state, best, history = make_or_restore(run)
            journal = write_start(run, train_state, history)
            done, quiet = train_state.steps_done, quiet or not ranks.is_main
            title = f"{part}: {run.title}" if part else run.title
            with Progress(title, run.length.steps, done=done, quiet=quiet) as progress:
                progress.say(*lines_of_start(run, train_state))
                callbacks = callbacks_of(run, history)
                with StopSignals() as stop, finishing(callbacks, history):
                    callbacks.tell("start", run.title, run.folder.path, dict(leaves(recipe)))
                    recorder = RunRecorder(
                        run.folder, train_state, run.length, best, run.origin_with_own, history, journal, progress,
                        stop, callbacks,
                    )  # fmt: skip
                    recorder.begin(anew=run.state is None)
                    with profiler("other"):
                        fit(train_state, run.batches_of, run.val_store, recorder)
                with profiler("evaluation"):
                    val_iou = finish_run(
                        recorder, run.val_store, run.test_store, dataset=run.source.spec, modules=own.modules
                    )
                return RunResult(run.folder.path, recorder.end(val_iou, len(run.val_store)), val_iou)


def callbacks_of(run: Prepared, history: History) -> Callbacks:
    """Return early stopping and trackers, if the recipe asks for them, and the caller's own; none beside rank 0."""
    train = run.recipe.train
    early = [EarlyStopping(train.patience, history)] if train.patience else []
    trackers = [Tracking(train.track, run.track_to)] if train.track else []
    return Callbacks([*early, *trackers, *run.own.callbacks] if run.ranks.is_main else [])


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
