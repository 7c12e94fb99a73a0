"""The trackers that a recipe can name: where each writes, and how it takes the events of a run.

They are driven by a process of their own, `tracker_worker`: only that imports the libraries. A class here is one
tracker, its name in `TRACKERS` is also the name of the extra that installs it.
"""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from streetseg.errors import RequestError, did_you_mean
from streetseg.text import command_line, without_secrets

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PROJECT = "streetseg"  # the project or experiment, where the environment names no other

# Of the libraries themselves; what the user set wins.
TELEMETRY_OFF = {
    "DO_NOT_TRACK": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "WANDB_ERROR_REPORTING": "false",
    "WANDB_SILENT": "true",
}


class Tracker(Protocol):
    """A tracker as the worker calls it.

    Attributes:
        packages: what must be installed.
        to: the place that it writes to: a folder or an address.
        look: how a person sees what was written, a command as a rule.
    """

    packages: tuple[str, ...]
    to: str
    look: str

    def __init__(self, folder: Path) -> None:
        """Find the place: `folder`, which is absolute, unless the environment names another. Write nothing."""

    def start(self, run: str, recipe: Mapping[str, Any], earlier: str | None) -> str:
        """Begin a run of this name, or go on with an `earlier` one. Return by what to go on with it later."""
        ...

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Take numbers after `step` steps."""
        ...

    def image(self, step: int, name: str, rgb: "NDArray[np.uint8]") -> None:
        """Take an image uint8 (H, W, 3)."""
        ...

    def finish(self, outcome: str, summary: Mapping[str, float]) -> None:
        """Write everything down. `outcome` is done, failed or killed, `summary` the best epoch with its scores."""
        ...


class TensorBoard:
    """Event files in a folder a run. The recipe is under TEXT, and under HPARAMS beside the best epoch."""

    packages: tuple[str, ...] = ("tensorboard",)

    def __init__(self, folder: Path) -> None:
        self.to = str(folder)
        self.look = command_line(["tensorboard", "--logdir", self.to])
        self._last_step = 0

    def start(self, run: str, recipe: Mapping[str, Any], earlier: str | None) -> str:
        """Open a new event file, in the folder of the earlier one where there is one."""
        from torch.utils.tensorboard import SummaryWriter

        self._recipe = recipe
        new = next(name for name in names(run) if not Path(self.to, name).exists())
        self._writer = SummaryWriter(str(Path(self.to, earlier or new)), flush_secs=10)
        if earlier is None:
            rows = "".join(f"| {field} | {value} |\n" for field, value in recipe.items())
            self._writer.add_text("recipe", f"| field | value |\n|---|---|\n{rows}", 0)
        return earlier or new

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write each number under its name."""
        self._last_step = step
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def image(self, step: int, name: str, rgb: "NDArray[np.uint8]") -> None:
        """Write an image."""
        self._writer.add_image(name, rgb, step, dataformats="HWC")

    def finish(self, outcome: str, summary: Mapping[str, float]) -> None:
        """Write the row of HPARAMS."""
        self._writer.add_text("outcome", outcome, self._last_step)
        plain = {
            field: value if isinstance(value, (bool, int, float, str)) else str(value)
            for field, value in self._recipe.items()
        }
        self._writer.add_hparams(plain, of_best(summary), run_name=".", global_step=self._last_step)
        self._writer.close()


class Wandb:
    """Weights & Biases. Offline unless WANDB_MODE says otherwise; its WANDB_ variables win."""

    packages: tuple[str, ...] = ("wandb",)

    def __init__(self, folder: Path) -> None:
        self._mode = os.environ.get("WANDB_MODE") or "offline"
        self._dir = Path(os.environ.get("WANDB_DIR") or folder.parent)
        files = str(self._dir / "wandb")  # W&B itself adds this name
        if self._mode == "offline":
            self.to = files
            self.look = f"{command_line(['wandb', 'leet', files])}; to send it: wandb sync {files}/offline-run-*"
        elif self._mode == "disabled":
            self.to, self.look = "nothing", "WANDB_MODE says so"
        else:
            self.to = without_secrets(os.environ.get("WANDB_BASE_URL") or "https://api.wandb.ai")
            self.look = f"the page of the project (WANDB_MODE={self._mode})"

    def start(self, run: str, recipe: Mapping[str, Any], earlier: str | None) -> str:
        """Begin a run, or go on with the one of that id; offline, `wandb sync` puts the parts of one id together."""
        import wandb

        self._dir.mkdir(parents=True, exist_ok=True)
        self._run = wandb.init(
            dir=self._dir,
            mode=self._mode,  # type: ignore[arg-type]
            project=os.environ.get("WANDB_PROJECT") or PROJECT,
            name=os.environ.get("WANDB_NAME") or run,
            id=earlier,
            resume=None if earlier is None else "allow",
            config=dict(recipe),
            settings=wandb.Settings(console="off"),
        )
        return self._run.id

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Log numbers."""
        self._run.log(dict(values), step=step)

    def image(self, step: int, name: str, rgb: "NDArray[np.uint8]") -> None:
        """Log an image."""
        import wandb

        self._run.log({name: wandb.Image(rgb)}, step=step)

    def finish(self, outcome: str, summary: Mapping[str, float]) -> None:
        """Write the summary, and wait until all is on the disk or sent."""
        self._run.summary.update({"outcome": outcome, **of_best(summary)})
        self._run.finish(exit_code=int(outcome != "done"))


class MLflow:
    """MLflow: an SQLite file with a folder of images, or the server that MLFLOW_TRACKING_URI names."""

    packages: tuple[str, ...] = ("mlflow", "sqlalchemy", "alembic")
    STATUS = {"done": "FINISHED", "failed": "FAILED", "killed": "KILLED"}  # noqa: RUF012
    MOST, SECONDS = 900, 1.0  # numbers that are written in one go, of 1000 that a server takes; and the longest wait

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        default = f"sqlite:///{(self._folder / 'mlflow.db').as_posix()}"
        self._uri = os.environ.get("MLFLOW_TRACKING_URI") or default
        self._is_default = self._uri == default
        self.to = without_secrets(self._uri)  # it is printed
        is_server = self.to.startswith("http")
        self.look = self.to if is_server else command_line(["mlflow", "ui", "--backend-store-uri", self.to])
        self._numbers: list[Any] = []
        self._written = time.monotonic()

    def start(self, run: str, recipe: Mapping[str, Any], earlier: str | None) -> str:
        """Begin a run in the experiment, or go on with an earlier one, whose recipe stays."""
        from mlflow import MlflowClient
        from mlflow.entities import Param

        if self._is_default:
            self._folder.mkdir(parents=True, exist_ok=True)
        self._client = MlflowClient(self._uri)
        if earlier is not None:
            self._client.update_run(earlier, status="RUNNING")
            self._run = earlier
        else:
            self._run = self._client.create_run(self._experiment(), run_name=run).info.run_id
            params = [Param(field, str(value)) for field, value in recipe.items()]
            self._client.log_batch(self._run, params=params)
        return self._run

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Take numbers, and write them about once a second: each time is a transaction."""
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        self._numbers += [Metric(name, value, now, step) for name, value in values.items()]
        if len(self._numbers) > self.MOST - 50 or time.monotonic() - self._written > self.SECONDS:
            self._write()

    def image(self, step: int, name: str, rgb: "NDArray[np.uint8]") -> None:
        """Log an image."""
        self._client.log_image(self._run, rgb, key=name, step=step)

    def finish(self, outcome: str, summary: Mapping[str, float]) -> None:
        """Write the best epoch as numbers, the outcome as a tag, and end the run with that status."""
        self._write()
        self.scalars(int(summary.get("epoch", 0)), of_best(summary))
        self._write()
        self._client.set_tag(self._run, "outcome", outcome)
        self._client.set_terminated(self._run, self.STATUS[outcome])

    def _write(self) -> None:
        self._client.log_batch(self._run, metrics=self._numbers)
        self._numbers, self._written = [], time.monotonic()

    def _experiment(self) -> str:
        """Return the id of the experiment, which is made where there is none of its name."""
        if given := os.environ.get("MLFLOW_EXPERIMENT_ID"):
            return given
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or PROJECT
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return found.experiment_id
        images = (self._folder / "artifacts").as_uri() if self._is_default else None
        return self._client.create_experiment(name, artifact_location=images)


class Trackio:
    """trackio: an SQLite file a project with a folder of images; its TRACKIO_ variables win."""

    packages: tuple[str, ...] = ("trackio",)

    def __init__(self, folder: Path) -> None:
        self._folder = os.environ.get("TRACKIO_DIR") or str(folder)
        online = os.environ.get("TRACKIO_SPACE_ID") or os.environ.get("TRACKIO_SERVER_URL")
        self.to = without_secrets(online) if online else self._folder
        show = command_line(["trackio", "show", "--project", PROJECT])
        self.look = "the page of the Space or server" if online else f"TRACKIO_DIR={command_line([self.to])} {show}"

    def start(self, run: str, recipe: Mapping[str, Any], earlier: str | None) -> str:
        """Begin a run, or go on with the one of that name."""
        os.environ["TRACKIO_DIR"] = self._folder  # read when trackio is imported
        import trackio

        Path(self._folder).mkdir(parents=True, exist_ok=True)
        resume = "never" if earlier is None else "allow"
        self._run = trackio.init(PROJECT, name=earlier or run, config=dict(recipe), resume=resume, embed=False)
        return str(self._run.name)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Log numbers."""
        self._run.log(dict(values), step=step)

    def image(self, step: int, name: str, rgb: "NDArray[np.uint8]") -> None:
        """Log an image."""
        import trackio

        self._run.log({name: trackio.Image(rgb)}, step=step)

    def finish(self, outcome: str, summary: Mapping[str, float]) -> None:
        """Log outcome and best epoch, which trackio has no other place for, and wait until all is written."""
        import trackio

        self._run.log({"outcome": outcome, **of_best(summary)})
        trackio.finish()


TRACKERS: dict[str, type[Tracker]] = {
    "tensorboard": TensorBoard,
    "wandb": Wandb,
    "mlflow": MLflow,
    "trackio": Trackio,
}


def require_trackers(tracked: Sequence[str]) -> None:
    """Raise RequestError for a tracker that there is not, or whose library is not installed."""
    for name in tracked:
        if name not in TRACKERS:
            hint = did_you_mean(name, TRACKERS) or f"--track {','.join(TRACKERS)}"
            raise RequestError(f"there is no tracker {name}", where="train.track", hint=hint)
        if missing := [package for package in TRACKERS[name].packages if not is_installed(package)]:
            raise RequestError(
                f"the tracker {name} needs {', '.join(missing)}, which is not installed",
                where="train.track",
                hint=f"pip install 'streetseg[{name}]'",
            )


def is_installed(package: str) -> bool:
    """Return whether a package can be imported. A folder of its name, such as W&B's ./wandb, is none."""
    found = find_spec(package)
    return found is not None and found.origin is not None


def names(run: str) -> Iterator[str]:
    """Yield NAME, NAME-2, NAME-3 and so on."""
    yield run
    for number in count(2):
        yield f"{run}-{number}"


def of_best(summary: Mapping[str, float]) -> dict[str, float]:
    """Return the summary with names that no epoch has: "best/val_iou" and so on."""
    return {f"best/{name}": value for name, value in summary.items()}
