"""Trackers get what the journal holds, read back by their own libraries, and a bad one changes nothing of a run."""

import io
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from conftest import Finished, missing
from same_run import assert_same_run
from short_run import events
from streetseg.recipe.load import leaves, load_recipe
from streetseg.recipe.resolved import read_resolved
from streetseg.training import tracking
from streetseg.training import train as training
from streetseg.training.own import Own
from streetseg.training.trackers import MLflow, Trackio, Wandb, is_installed
from streetseg.training.tracking import Tracking
from tiny import RUN, camvid_segnet

STEPS_OF_EPOCH = 3


@dataclass
class Heard:
    """What a tracker holds of a run, or what it should hold: name -> step -> value."""

    recipe: dict[str, str] = field(default_factory=dict)
    scalars: dict[str, dict[int, float]] = field(default_factory=dict)
    images: dict[str, dict[int, NDArray[np.uint8]]] = field(default_factory=dict)
    outcome: str = ""
    best: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, step: int, value: float) -> None:
        steps = self.scalars.setdefault(name, {})
        assert step not in steps, f"{name} has step {step} twice"
        steps[step] = value


class Images:
    """A callback that keeps the images, and ends the process in the middle of a step, as Ctrl-C twice does."""

    def __init__(self, killed_after: int | None = None) -> None:
        self.killed_after = killed_after
        self.kept: dict[str, dict[int, NDArray[np.uint8]]] = {}

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        if step == self.killed_after:
            raise KeyboardInterrupt

    def image(self, step: int, name: str, rgb: NDArray[np.uint8]) -> None:
        self.kept.setdefault(name, {})[step] = rgb


def train(data: str, out: Path, *callbacks: object, resume: bool = False, **settings: object) -> Path:
    """Train two epochs of three steps without writing the report."""
    usual: dict[str, object] = {
        "data.source": data,
        "model.encoder": "test_efficientnet",
        "model.weights": "none",
        "train.epochs": 2,
    }
    recipe = load_recipe(flags=usual | RUN | {f"train.{name}": value for name, value in settings.items()})
    return training.train(recipe, out, quiet=True, resume=resume, own=Own(callbacks)).folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"camvid:{camvid_segnet(tmp_path_factory.mktemp('camvid'), 6, 2, size=(32, 64))}"


@pytest.fixture(scope="module")
def plain(data: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run without trackers."""
    return train(data, tmp_path_factory.mktemp("plain") / "run")


@pytest.fixture(scope="module")
def tracked(data: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Heard]:
    """A run with all trackers that was killed in its second epoch and resumed from the first, and what they heard."""
    out = tmp_path_factory.mktemp("tracked") / "run"
    track = [name for name in READERS if name != "trackio" or is_installed(name)]
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("WANDB_", "MLFLOW_", "TRACKIO_"))]:
            patch.delenv(name)
        for limit in ("IF_KILLED", "AT_END"):  # MLflow makes its tables in many seconds on a busy machine
            patch.setattr(tracking, limit, tracking.TIMEOUT)
        images = Images(killed_after=STEPS_OF_EPOCH + 2)
        with pytest.raises(KeyboardInterrupt):
            train(data, out, images, track=track)
        again = Images()
        train(data, out, again, track=track[::-1], resume=True)  # another value of the field is no other run
    heard = Heard(
        recipe={name: str(plain_value(value)) for name, value in leaves(read_resolved(out / "recipe.yaml"))},
        images={name: images.kept[name] | again.kept[name] for name in images.kept},
        outcome="done",
    )
    for event in {event["step"]: event for event in events(out, "step")}.values():
        for name in ("loss", "cross_entropy", "dice", "gradient_norm", "lr"):
            heard.add(f"train/{name}", event["step"], event[name])
    rows = events(out, "epoch")
    for row in rows:
        for name in ("train/accuracy", "train/iou", "val/loss", "val/accuracy", "val/iou", "epoch"):
            heard.add(name, STEPS_OF_EPOCH * row["epoch"], row[name.replace("/", "_")])
    best = max(rows, key=lambda row: row["val_iou"])
    parts = ("loss", "accuracy", "iou")
    columns = ["epoch", "lr", *(f"{split}_{part}" for split in ("train", "val") for part in parts)]
    heard.best = {f"best/{name}": best[name] for name in columns}
    return out, heard


def plain_value(value: object) -> object:
    """Return a value as JSON has it."""
    return json.loads(json.dumps(value))


# The readers: each tracker's own library


def read_tensorboard(folder: Path) -> Heard:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    [run] = (folder / "tensorboard").iterdir()
    file = EventAccumulator(str(run), size_guidance={"scalars": 0, "images": 0, "tensors": 0})
    file.Reload()
    heard = Heard()
    for name in file.Tags()["scalars"]:
        for event in file.Scalars(name):
            if name.startswith("best/"):
                heard.best[name] = event.value
            else:
                heard.add(name, event.step, event.value)
    for name in file.Tags()["images"]:
        heard.images[name] = {event.step: pixels(event.encoded_image_string) for event in file.Images(name)}
    table = file.Tensors("recipe/text_summary")[0].tensor_proto.string_val[0].decode()
    heard.recipe = dict(re.findall(r"^\| (\S+\.\S+) \| (.*) \|$", table, re.M))
    content = file.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    fields = HParamsPluginData.FromString(content).session_start_info.hparams
    assert fields.keys() == heard.recipe.keys()
    assert fields["optim.lr"].number_value == float(heard.recipe["optim.lr"])
    heard.outcome = file.Tensors("outcome/text_summary")[-1].tensor_proto.string_val[0].decode()
    return heard


def read_wandb(folder: Path) -> Heard:
    """Read the offline files of all parts of the run, as `wandb leet inspect` prints them."""
    from google.protobuf import text_format
    from wandb.proto.wandb_internal_pb2 import Record

    heard, ids = Heard(), set()
    parts = sorted((folder / "wandb").glob("offline-run-*"))
    assert len(parts) == 2
    for part in parts:
        command = [sys.executable, "-m", "wandb", "leet", "inspect", str(part)]
        printed = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout
        for block in re.split(r"^# record \d+: .*$", printed, flags=re.M)[1:]:
            record = text_format.Parse(block, Record())
            if record.HasField("run"):
                ids.add(record.run.run_id)
                heard.recipe |= {
                    item.key: str(json.loads(item.value_json))
                    for item in record.run.config.update
                    if item.key != "_wandb"
                }
            for item in record.summary.update:
                if item.key == "outcome":
                    heard.outcome = json.loads(item.value_json)
                if item.key.startswith("best/"):
                    heard.best[item.key] = json.loads(item.value_json)
            for item in record.history.item:
                name, *nested = item.nested_key
                if nested == ["path"]:
                    png = (part / "files" / json.loads(item.value_json)).read_bytes()
                    heard.images.setdefault(name, {})[record.history.step.num] = pixels(png)
                elif not nested and not name.startswith("_"):
                    heard.add(name, record.history.step.num, json.loads(item.value_json))
    assert len(ids) == 1
    return heard


def read_mlflow(folder: Path) -> Heard:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder / 'mlflow' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("streetseg")
    assert experiment is not None
    [run] = client.search_runs([experiment.experiment_id])
    assert (run.info.status, run.info.run_name) == ("FINISHED", "run")
    heard = Heard(recipe=run.data.params, outcome=run.data.tags["outcome"])
    for name, last in run.data.metrics.items():
        if name.startswith("best/"):
            heard.best[name] = last
        else:
            for metric in client.get_metric_history(run.info.run_id, name):
                heard.add(name, metric.step, metric.value)
    place = folder / "mlflow" / "artifacts" / run.info.run_id / "artifacts"
    for listed in client.list_artifacts(run.info.run_id, "images"):
        if listed.path.endswith(".png"):
            name, _, step, *_ = Path(listed.path).name.split("+")
            heard.images.setdefault(name.replace("~", "/"), {})[int(step)] = pixels((place / listed.path).read_bytes())
    return heard


def read_trackio(folder: Path) -> Heard:
    if not is_installed("trackio"):
        missing("trackio", "trackio is not installed: it needs Pillow 12 or below; pip install 'streetseg[trackio]'")
    code = """
import json, trackio
[run] = trackio.Api().runs("streetseg")
print(json.dumps([run.config, trackio.SQLiteStorage.get_logs("streetseg", run.name)]))
"""
    environment = os.environ | {"TRACKIO_DIR": str(folder / "trackio")}
    printed = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    recipe, rows = json.loads(printed.stdout)
    heard = Heard(recipe={name: str(value) for name, value in recipe.items() if not name.startswith("_")})
    for row in rows:
        for name, value in row.items():
            if name == "outcome":
                heard.outcome = value
            elif name.startswith("best/"):
                heard.best[name] = value
            elif isinstance(value, dict):
                png = folder / "trackio" / "media" / value["file_path"]
                heard.images.setdefault(name, {})[row["step"]] = pixels(png.read_bytes())
            elif name not in ("step", "timestamp"):
                heard.add(name, row["step"], value)
    return heard


def pixels(png: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))  # trackio adds an opaque alpha channel


READERS: dict[str, Callable[[Path], Heard]] = {
    "tensorboard": read_tensorboard,
    "wandb": read_wandb,
    "mlflow": read_mlflow,
    "trackio": read_trackio,
}


# What they hold


@pytest.mark.parametrize("name", READERS)
def test_a_tracker_holds_what_the_journal_holds(tracked: tuple[Path, Heard], name: str) -> None:
    folder, expected = tracked

    found = READERS[name](folder / "trackers")

    either = {"train.track": "of the start or of the resume"}  # a tracker that cannot change a recipe keeps the first
    assert found.recipe | either == expected.recipe | either
    assert "train.track" in found.recipe
    assert found.scalars.keys() == expected.scalars.keys()
    for value, steps in expected.scalars.items():
        assert found.scalars[value] == pytest.approx(steps, rel=1e-6), value  # TensorBoard has 32 bits
    assert {image: set(steps) for image, steps in found.images.items()} == {"val/0": {3, 6}, "val/1": {3, 6}}
    for image, steps in expected.images.items():
        for step, rgb in steps.items():
            np.testing.assert_array_equal(found.images[image][step], rgb)
    assert found.outcome == "done"
    assert found.best == pytest.approx(expected.best, rel=1e-6)


def test_a_run_with_trackers_is_the_run_without(tracked: tuple[Path, Heard], plain: Path) -> None:
    assert_same_run(tracked[0], plain)


# Bad trackers

RAISES = """
class Run:
    id = "one"
    def log(self, values, step):
        raise RuntimeError("the tracker is away: https://me:secret@tracking.example/log?token=secret")
Settings, init = dict, lambda **settings: Run()
"""
HANGS = "import time; time.sleep(3600)"
DIES = "import os; os._exit(3)"
STANDS_STILL = "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"
TAKES_A_WHILE = """
import time
class Run:
    name = "one"
    def log(self, values, step=None):
        time.sleep(0.02)
finish = lambda: None
init = lambda *names, **settings: Run()
"""
SMALL_FILES = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (16384, 16384))"


@pytest.fixture
def libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that puts modules of given code before those that are installed, for new processes."""

    def write(**modules: str) -> None:
        folder = tmp_path / "libraries"
        folder.mkdir()
        for name, code in modules.items():
            (folder / f"{name}.py").write_text(code)
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))

    return write


def test_a_tracker_that_raises_hangs_or_dies_changes_nothing(
    data: str,
    plain: Path,
    libraries: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    libraries(wandb=RAISES, mlflow=HANGS, trackio=DIES)
    monkeypatch.setattr(tracking, "TIMEOUT", 2.0)
    monkeypatch.setattr(tracking, "AT_END", 300.0)

    run = train(data, tmp_path / "run", track=["wandb", "mlflow", "trackio"])

    assert_same_run(run, plain)
    assert journal(run) == journal(plain)
    said = sorted(record.getMessage().partition("; what it printed")[0] for record in caplog.records)
    assert [line for line in said if line.startswith("tracker")] == [
        "tracker mlflow failed, the run goes on without it (its process ended with exit code 1)",
        "tracker trackio failed, the run goes on without it (its process ended with exit code 3)",
        "tracker wandb failed, the run goes on without it (in scalars, RuntimeError: the tracker is away: "
        "https://tracking.example/log)",
    ]
    assert "Timeout" in (run / "trackers" / "mlflow.log").read_text()
    printed = (run / "trackers" / "wandb.log").read_text()
    assert "the tracker is away" in printed
    assert "secret" not in printed


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file")
def test_trackers_that_cannot_write_change_nothing(
    data: str,
    plain: Path,
    libraries: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(tracking, "AT_END", 300.0)
    libraries(sitecustomize=SMALL_FILES)  # only in the processes of the trackers: the library fails as on a full disk

    run = train(data, tmp_path / "run", track=["tensorboard", "wandb", "mlflow"])

    assert_same_run(run, plain)
    assert journal(run) == journal(plain)
    assert "tracker tensorboard failed" in caplog.text
    assert "tracker mlflow failed" in caplog.text


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGSTOP")
def test_the_end_of_a_run_does_not_wait_for_a_process_that_stands_still(
    libraries: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    libraries(trackio=STANDS_STILL)
    caplog.set_level(logging.INFO, "streetseg")
    monkeypatch.setattr(tracking, "AT_END", 1.0)
    monkeypatch.setattr(tracking, "SILENT", 0.1)
    monkeypatch.setattr(tracking, "MOST_BYTES", 10_000)
    tracker = Tracking(["trackio"], tmp_path / "trackers")
    [relay] = tracker._relays

    tracker.start("title", tmp_path, {})
    for step in range(1000):
        tracker.scalars(step, {"train/loss": 1.0})
    assert relay._waiting <= 10_000
    tracker.finish("done", {})

    assert "waiting for the tracker trackio, at most 1 s" in caplog.text
    assert "tracker trackio failed, the run goes on without it (it did not finish in time)" in caplog.text
    assert relay._process is not None and relay._process.wait() < 0


def test_what_a_slow_tracker_lacks_is_said_once(
    libraries: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    libraries(trackio=TAKES_A_WHILE)
    monkeypatch.setattr(tracking, "AT_END", 300.0)
    monkeypatch.setattr(tracking, "MOST_BYTES", 500)
    tracker = Tracking(["trackio"], tmp_path / "trackers")

    tracker.start("title", tmp_path, {})
    for step in range(100):
        tracker.scalars(step, {"train/loss": 1.0})
    tracker.finish("done", {})

    [record] = caplog.records
    assert re.fullmatch(r"tracker trackio was too slow: it lacks \d\d events of this run", record.getMessage())


def journal(run: Path) -> list[dict[str, Any]]:
    """Return the journal without times."""
    lines = map(json.loads, (run / "journal.jsonl").read_text().splitlines())
    timed = ("time", "seconds", "images_per_second")
    return [{name: value for name, value in line.items() if name not in timed} for line in lines]


# Before a run


def test_an_unknown_tracker_or_one_that_is_not_installed(
    streetseg: Callable[..., Finished], data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = streetseg("train", data, "--track", "tensorboard,tensorbord", "--out", tmp_path / "run")
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    absent = streetseg("study", data, "--track", "mlflow", "--out", tmp_path / "run")

    assert (unknown.code, absent.code) == (2, 2)
    assert "there is no tracker tensorbord" in unknown.err
    assert "did you mean tensorboard?" in unknown.err
    assert "the tracker mlflow needs sqlalchemy, which is not installed" in absent.err
    assert "pip install 'streetseg[mlflow]'" in absent.err
    assert not (tmp_path / "run").exists()


def test_a_folder_of_the_name_is_no_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tensorboard_of_nobody").mkdir()  # as W&B leaves ./wandb where it is used
    monkeypatch.syspath_prepend(str(tmp_path))

    assert not is_installed("tensorboard_of_nobody")


def test_the_environment_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WANDB_MODE", "WANDB_DIR", "WANDB_BASE_URL", "MLFLOW_TRACKING_URI", "TRACKIO_DIR", "TRACKIO_SPACE_ID"):
        monkeypatch.delenv(name, raising=False)
    usual = [Wandb(tmp_path / "wandb").to, MLflow(tmp_path / "mlflow").to, Trackio(tmp_path / "trackio").to]
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:secret@tracking.example")
    monkeypatch.setenv("TRACKIO_SPACE_ID", "me/space")
    online = [Wandb(tmp_path / "wandb").to, MLflow(tmp_path / "mlflow").to, Trackio(tmp_path / "trackio").to]

    assert usual == [f"{tmp_path}/wandb", f"sqlite:///{tmp_path}/mlflow/mlflow.db", f"{tmp_path}/trackio"]
    assert online == ["https://api.wandb.ai", "https://tracking.example", "me/space"]


def test_no_secret_of_an_address_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_BASE_URL", "https://me:secret@wandb.example")
    monkeypatch.delenv("TRACKIO_SPACE_ID", raising=False)
    monkeypatch.setenv("TRACKIO_SERVER_URL", "https://trackio.example/?write_token=secret")

    assert Wandb(tmp_path / "wandb").to == "https://wandb.example"
    assert Trackio(tmp_path / "trackio").to == "https://trackio.example/"


def test_the_runs_of_a_study_are_in_one_place(
    streetseg: Callable[..., Finished], data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "AT_END", 300.0)
    settings = [f"{name}={value}" for name, value in RUN.items()]
    usual = ("--weights", "none", "--epochs", 1, "--encoders", "test_efficientnet", "--track", "tensorboard")

    done = streetseg("study", data, *settings, *usual, "--out", tmp_path / "study")

    place = tmp_path / "study" / "trackers" / "tensorboard"
    assert done.code == 0, done.err
    assert [run.name for run in place.iterdir()] == ["test_efficientnet_seed0"]
    assert f"tensorboard: tracked to {place}; look: tensorboard --logdir {place}" in done.err
