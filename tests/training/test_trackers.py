"""Trackers get what the journal holds, read back by their own libraries, and a bad one changes nothing of a run."""

import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import streetseg
from conftest import Finished, missing
from same_run import assert_same_run
from short_run import events
from streetseg.errors import RequestError
from streetseg.recipe.load import leaves
from streetseg.recipe.resolved import read_resolved
from streetseg.training import tracking
from streetseg.training.trackers import MLflow, Trackio, Wandb, is_installed, require_trackers
from streetseg.training.tracking import Tracking
from tiny import RUN, camvid_segnet

STEPS_OF_EPOCH = 3
STEP = re.compile(r"train/(loss|cross_entropy|dice|gradient_norm|lr)$")


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


def train(data: str, out: Path, **more: Any) -> streetseg.Run:
    usual: dict[str, Any] = {"encoder": "test_efficientnet", "weights": "none", "epochs": 2, "quiet": True}
    return streetseg.train(data, out=out, recipe=RUN, **usual | more)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"camvid:{camvid_segnet(tmp_path_factory.mktemp('camvid'), 6, 2, size=(32, 64))}"


@pytest.fixture(scope="module")
def plain(data: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run without trackers."""
    return train(data, tmp_path_factory.mktemp("plain") / "run").folder


@pytest.fixture(scope="module")
def tracked(data: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Heard]:
    """A run with all trackers that was killed in its second epoch and resumed from the first, and what they heard."""
    out = tmp_path_factory.mktemp("tracked") / "run"
    track = [name for name in READERS if name != "trackio" or is_installed(name)]
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("WANDB_", "MLFLOW_", "TRACKIO_"))]:
            patch.delenv(name)
        for limit in ("IF_KILLED", "AT_END"):  # MLflow makes its tables in many seconds on a busy machine
            patch.setattr(tracking, limit, tracking.PATIENCE)
        images = Images(killed_after=STEPS_OF_EPOCH + 2)
        with pytest.raises(KeyboardInterrupt):
            train(data, out, track=track, callbacks=[images])
        again = Images()
        train(data, out, track=track, callbacks=[again], resume=True)
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
    code = f"""
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
    return np.asarray(Image.open(io.BytesIO(png)))


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

    assert found.recipe == expected.recipe
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
