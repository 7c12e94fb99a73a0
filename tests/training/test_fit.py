"""The training loop: it learns, stops on values that are not finite, and resumes bit for bit."""

import csv
import json
import shutil
import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch.utils._pytree import tree_map

from networks import CHANNELS
from published import journal_of
from same_run import assert_same_run
from streetseg.data.augment.augment import training_crop
from streetseg.data.batches import TrainBatches
from streetseg.data.open import open_source
from streetseg.data.store import Store
from streetseg.errors import TrainingError
from streetseg.models.encoder import Encoder
from streetseg.models.initial_weights import InitialWeights
from streetseg.models.network import SegmentationNetwork
from streetseg.recipe.schema import Augment, Data, Model, Optim, Recipe, Train
from streetseg.runs.folder import Journal, RunFolder
from streetseg.runtime.checkpoint import load_checkpoint, save_checkpoint
from streetseg.runtime.precision import Precision
from streetseg.training.best import Best
from streetseg.training.fit import fit, step
from streetseg.training.history import History
from streetseg.training.meters import Meters, StepNumbers
from streetseg.training.objective import Objective
from streetseg.training.optim import ExponentialAverage, length_of, make_optimizer
from streetseg.training.progress import Progress
from streetseg.training.recorder import RunRecorder
from streetseg.training.resume import origin_of
from streetseg.training.train import train
from streetseg.training.train_state import TrainState
from tiny import camvid_segnet

CPU = torch.device("cpu")
STILL = Augment(scale=(1, 1), rotate=0, flip=0, brightness=0, contrast=0, saturation=0, hue=0, blur=0)


def recipe(data: Path, **sections: Any) -> Recipe:
    usual: dict[str, Any] = {
        "data": Data(source=f"camvid:{data}"),
        "model": Model(encoder="test_efficientnet", decoder="classic", channels=CHANNELS, weights="none"),
        "augment": Augment(early_crop=(32, 32), early=0.4),
        "train": Train(epochs=3, batch=3, precision="fp32", device="cpu", keep_last=2),
    }
    return Recipe(**usual | sections)


class Bench:
    """A train state and the other arguments of `fit`, on six tiny images."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        source = open_source(recipe.data)
        open_split: Callable[..., Store] = lambda split, resize: Store.open(  # noqa: E731
            source, split, size=None, resize_labels=resize, cache=folder / "cache"
        )
        self.recipe, self.store, self.val = recipe, open_split("train", True), open_split("val", False)
        torch.manual_seed(0)
        network = SegmentationNetwork(
            Encoder(recipe.model.encoder), source.space, decoder=recipe.model.decoder, channels=recipe.model.channels
        )
        objective = Objective(recipe.loss, self.store.class_pixels[: source.space.num_classes], 255)
        average = ExponentialAverage(network, recipe.optim.ema) if recipe.optim.ema else None
        optimizer = make_optimizer(network, recipe.optim, pretrained=False)
        precision = Precision("fp32", "asked for")
        self.train_state = TrainState(recipe, network, average, optimizer, objective, CPU, precision)
        self.history, self.journal = History(), Journal(folder / "journal.jsonl")
        self.folder = RunFolder(folder)

    def batches(self, epoch: int) -> TrainBatches:
        settings = self.recipe.augment
        height, width = self.store.sizes.min(axis=0).tolist()
        crop = training_crop((height, width), settings)
        return TrainBatches(self.store, self.recipe.train.batch, 0, epoch, CPU, settings, crop)

    def recorder(self) -> RunRecorder:
        best = Best(self.folder.best, InitialWeights("random", "", "random weights"), {})
        origin = origin_of(self.recipe, (self.store, self.val))
        progress = Progress("test", 0, quiet=True)
        length = length_of(self.recipe.train, len(self.batches(1)))
        return RunRecorder(self.folder, self.train_state, length, best, origin, self.history, self.journal, progress)

    def fit(self) -> None:
        fit(self.train_state, self.batches, self.val, self.recorder())

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [
            event for event in map(json.loads, self.journal.path.read_text().splitlines()) if event["event"] == kind
        ]


@pytest.fixture(scope="module")
def camvid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return camvid_segnet(tmp_path_factory.mktemp("data") / "camvid", n_train=6, n_val=2, size=(32, 64))


# Learning


def test_a_tiny_data_set_is_learned(camvid: Path, tmp_path: Path) -> None:
    bench = Bench(
        tmp_path,
        recipe(
            camvid,
            augment=STILL,
            optim=Optim(lr=1e-2, ema=0.8),
            train=Train(epochs=8, batch=2, precision="fp32"),
        ),
    )

    bench.fit()

    first, last = bench.history.rows[0], bench.history.rows[-1]
    assert bench.history.rows[1].train_loss < first.train_loss
    assert last.train_loss < 0.6 * first.train_loss
    assert last.val_loss is not None and first.val_loss is not None and last.val_loss < first.val_loss
    assert last.val_iou is not None and first.val_iou is not None and last.val_iou > first.val_iou + 0.1
    assert last.train_accuracy > 0.7 > first.train_accuracy


def test_what_is_written_of_steps_and_epochs(camvid: Path, tmp_path: Path) -> None:
    bench = Bench(tmp_path, recipe(camvid, train=Train(epochs=2, batch=3, precision="fp32")))

    bench.fit()

    steps = bench.events("step")
    assert [(event["epoch"], event["step"]) for event in steps] == [(1, 1), (1, 2), (2, 3), (2, 4)]
    for event in steps:
        assert event["loss"] == pytest.approx(event["cross_entropy"] + event["dice"])
        assert event["gradient_norm"] > 0
    assert bench.train_state.steps_done == 4
    rows = bench.history.rows
    assert [row.epoch for row in rows] == [1, 2]
    assert rows[1].train_loss == pytest.approx((steps[2]["loss"] + steps[3]["loss"]) / 2)
    assert rows[1].lr == steps[-1]["lr"] < steps[0]["lr"]
    for row, event in zip(rows, bench.events("epoch"), strict=True):
        assert asdict(row).items() <= event.items()
        assert event["images_per_second"] > 0
        assert row.val_accuracy is not None and row.val_iou is not None
        assert all(0 <= share <= 1 for share in (row.train_accuracy, row.train_iou, row.val_accuracy, row.val_iou))


def test_validation_after_every_second_epoch_and_the_last(camvid: Path, tmp_path: Path) -> None:
    always = Bench(tmp_path / "always", recipe(camvid))
    always.fit()
    seldom = Bench(
        tmp_path / "seldom", recipe(camvid, train=always.recipe.train.model_copy(update={"validate_every": 2}))
    )
    seldom.fit()

    first, *others = seldom.history.rows
    assert first == replace(always.history.rows[0], val_loss=None, val_accuracy=None, val_iou=None)
    assert others == always.history.rows[1:]
    assert [event["val_iou"] is None for event in seldom.events("epoch")] == [True, False, False]
    assert next(event["best"] for event in seldom.events("epoch")) is False
    assert seldom.history.best in others


def test_without_an_average_the_raw_weights_are_scored(camvid: Path, tmp_path: Path) -> None:
    bench = Bench(tmp_path, recipe(camvid, optim=Optim(ema=None), train=Train(epochs=1, batch=3, precision="fp32")))

    bench.fit()

    assert bench.train_state.average is None
    assert bench.train_state.scored is bench.train_state.network
    assert bench.history.rows[0].val_loss


def test_the_gradient_is_clipped(camvid: Path, tmp_path: Path) -> None:
    bench = Bench(tmp_path, recipe(camvid, optim=Optim(clip=1e-3), train=Train(epochs=1, batch=3, precision="fp32")))

    bench.train_state.network.train()
    _, numbers = step(bench.train_state, next(iter(bench.batches(1))))

    norm = torch.linalg.vector_norm(
        torch.stack([p.grad.norm() for p in bench.train_state.network.parameters() if p.grad is not None])
    )
    assert float(norm) == pytest.approx(1e-3, rel=1e-3)
    assert float(numbers["gradient_norm"]) > 1e-3  # before clipping


# Nonsense


@pytest.mark.bad_input(22, "a loss that is not finite: nothing is updated; step, lr, terms and images are named")
def test_a_loss_that_is_not_finite_names_step_rate_terms_and_files(camvid: Path, tmp_path: Path) -> None:
    bench = Bench(tmp_path, recipe(camvid, optim=Optim(lr=1e30, warmup=0.0)))

    with pytest.raises(TrainingError, match="is not a finite number at step 2 ") as stopped:
        bench.fit()

    assert "lr 9e+29" in stopped.value.problem or "lr 8" in stopped.value.problem
    assert "cross_entropy" in stopped.value.problem
    assert "dice" in stopped.value.problem
    indices = bench.batches(1).steps()[1]
    assert stopped.value.where == tuple(bench.store.samples[index].image for index in indices)
    assert all(Path(place).is_file() for place in stopped.value.where)
    assert stopped.value.exit_code == 1
    assert bench.history.rows == []
    assert not bench.folder.checkpoints.exists()


@pytest.mark.bad_input(22, "a gradient that is not finite moves no weight")
def test_a_gradient_that_is_not_finite_moves_no_weight(camvid: Path, tmp_path: Path) -> None:
    bench = Bench(tmp_path, recipe(camvid))
    network = bench.train_state.network
    network.head.weight.register_hook(lambda gradient: gradient * float("inf"))
    before = {name: parameter.clone() for name, parameter in network.named_parameters()}

    with pytest.raises(TrainingError, match="the gradient is not a finite number at step 1 "):
        bench.fit()

    assert all(torch.equal(parameter, before[name]) for name, parameter in network.named_parameters())


@pytest.mark.bad_input(22, "where steps are read late, as on a GPU, the steps after it move no weight either")
def test_steps_after_one_that_was_not_finite_move_nothing(camvid: Path, tmp_path: Path) -> None:
    bench = Bench(tmp_path, recipe(camvid, train=Train(epochs=1, batch=2, precision="fp32")))
    train_state = bench.train_state
    first, second, third = bench.batches(1)
    step(train_state, first)
    hook = train_state.network.head.weight.register_hook(lambda gradient: gradient * float("nan"))
    kept = {name: parameter.clone() for name, parameter in train_state.network.named_parameters()}
    steps_taken = [float(state["step"]) for state in train_state.optimizer.state.values()]

    _, numbers = step(train_state, second)
    hook.remove()
    _, after = step(train_state, third)

    assert not numbers["gradient_norm"].isfinite()
    assert after["gradient_norm"].isfinite()
    assert all(torch.equal(parameter, kept[name]) for name, parameter in train_state.network.named_parameters())
    assert [float(state["step"]) for state in train_state.optimizer.state.values()] == steps_taken


@pytest.mark.bad_input(22, "nothing is saved before the values of all its steps were checked")
def test_what_was_not_read_is_read_before_it_is_saved(camvid: Path, tmp_path: Path) -> None:
    bench = Bench(tmp_path, recipe(camvid))
    recorder = bench.recorder()
    numbers = {"loss": torch.tensor(1.0), "dice": torch.tensor(1.0), "gradient_norm": torch.tensor(float("inf"))}
    recorder.unread.append(StepNumbers.send(1, 1, 0.5, ["a.png", "b.png"], numbers))

    with pytest.raises(
        TrainingError, match=r"the gradient is not a finite number at step 1 \(lr 0.5, .*: dice 1\)"
    ) as e:
        recorder.save()

    assert e.value.where == ("a.png", "b.png")
    assert not bench.folder.checkpoints.exists()


def test_steps_that_are_read_late_are_journaled_in_order(camvid: Path, tmp_path: Path) -> None:
    bench = Bench(tmp_path, recipe(camvid))
    recorder = bench.recorder()
    bench.history.meters = Meters(11, CPU)
    bench.history.meters.seconds = 1.0
    for number in range(1, 5):
        values = {"loss": torch.tensor(float(number)), "gradient_norm": torch.tensor(0.0)}
        recorder.unread.append(StepNumbers.send(1, number, 0.5, [], values))
        recorder.read_steps(but=1)
        assert len(recorder.unread) == 1
    recorder.read_steps()

    assert [(event["step"], event["loss"]) for event in bench.events("step")] == [(i, i) for i in range(1, 5)]


@pytest.mark.bad_input(21, "the loss is 0 and weights stay finite")
def test_a_batch_without_a_pixel_that_counts_is_a_step_of_loss_0(camvid: Path, tmp_path: Path) -> None:
    data = tmp_path / "camvid"
    shutil.copytree(camvid, data)
    for mask in (data / "trainannot").iterdir():
        Image.new("L", (64, 32), 11).save(mask)
    bench = Bench(tmp_path, recipe(data, train=Train(epochs=1, batch=3, precision="fp32")))

    bench.fit()

    assert [event["loss"] for event in bench.events("step")] == [0.0, 0.0]
    assert bench.history.rows[0].train_loss == 0.0
    assert all(parameter.isfinite().all() for parameter in bench.train_state.network.parameters())


def test_an_error_in_a_step_ends_the_reader_of_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that is still inside torch when the interpreter ends would abort the process."""
    data = camvid_segnet(tmp_path / "camvid", n_train=16, n_val=2, size=(32, 64))
    bench = Bench(tmp_path, recipe(data, train=Train(epochs=1, batch=2, precision="fp32")))

    def differentiate(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        assert reading()
        raise torch.OutOfMemoryError

    def reading() -> bool:
        return any(thread.name == "streetseg-reader" for thread in threading.enumerate())

    monkeypatch.setattr(bench.train_state, "differentiate", differentiate)
    with pytest.raises(torch.OutOfMemoryError):
        bench.fit()

    assert not reading()


# Taking up again


@pytest.fixture(scope="module")
def uninterrupted(camvid: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a run of three epochs. It has the checkpoints of epochs 2 and 3."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    train(recipe(camvid), out, quiet=True)
    return out


def test_a_run_leaves_what_it_promises(uninterrupted: Path) -> None:
    assert {path.name for path in uninterrupted.iterdir()} >= {
        "recipe.yaml", "environment.json", "data.json", "journal.jsonl", "results.csv", "checkpoints", "best",
        "evaluation", "cost.json",
    }  # fmt: skip
    kept = {path.name for path in (uninterrupted / "checkpoints").iterdir()}
    assert kept == {"epoch-002", "epoch-003", f"epoch-{best_epoch(uninterrupted):03d}"}
    assert not list(uninterrupted.rglob("*.tmp"))


@pytest.mark.parametrize("lost", [1, 2])
def test_a_resumed_run_ends_bit_for_bit_as_an_uninterrupted_one(
    lost: int, camvid: Path, uninterrupted: Path, tmp_path: Path
) -> None:
    """Without the last epoch's checkpoint the run continues from epoch 2; without both it starts anew."""
    run = tmp_path / "run"
    shutil.copytree(uninterrupted, run)
    for checkpoint in sorted((run / "checkpoints").iterdir())[-lost:]:
        shutil.rmtree(checkpoint)

    train(recipe(camvid), run, resume=True, quiet=True)

    assert_same_run(run, uninterrupted)


def test_a_checkpoint_in_the_memory_layout_of_another_device_continues_bit_for_bit(
    camvid: Path, uninterrupted: Path, tmp_path: Path
) -> None:
    """On a GPU this network is contiguous, on a CPU it is in channels_last."""

    def contiguous(leaf: Any) -> Any:
        return leaf.contiguous() if isinstance(leaf, torch.Tensor) else leaf

    run = tmp_path / "run"
    shutil.copytree(uninterrupted, run)
    state = load_checkpoint(run / "checkpoints" / "epoch-002")
    weights = [moments["exp_avg"] for moments in state["optimizer"]["state"].values()]
    assert not all(weight.is_contiguous() for weight in weights)
    for checkpoint in (run / "checkpoints").glob("epoch-00[23]"):
        shutil.rmtree(checkpoint)
    save_checkpoint(run / "checkpoints", "epoch-002", tree_map(contiguous, state), keep=2)

    train(recipe(camvid), run, resume=True, quiet=True)

    assert_same_run(run, uninterrupted)


def test_a_damaged_checkpoint_costs_an_epoch_and_changes_nothing(
    camvid: Path, uninterrupted: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = tmp_path / "run"
    shutil.copytree(uninterrupted, run)
    state = run / "checkpoints" / "epoch-003" / "state.pt"
    state.write_bytes(state.read_bytes()[:-100])

    train(recipe(camvid), run, resume=True, quiet=True)

    assert "epoch-003 is damaged" in caplog.text
    assert_same_run(run, uninterrupted)


def test_the_same_recipe_gives_the_same_run(camvid: Path, uninterrupted: Path, tmp_path: Path) -> None:
    train(recipe(camvid), tmp_path / "run", quiet=True)

    assert_same_run(tmp_path / "run", uninterrupted)


def best_epoch(run: Path) -> int:
    [best] = [int(row["epoch"]) for row in csv.DictReader((run / "results.csv").open()) if row["best"] == "1"]
    return best


# Where the time goes


def test_a_profiled_run_says_where_its_time_went(
    camvid: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(recipe(camvid, train=Train(epochs=1, batch=3, precision="fp32", device="cpu")), tmp_path, profile=True)

    [profile] = [event for event in journal_of(tmp_path) if event["event"] == "profile"]
    assert profile["images"] == 6
    assert {
        "data", "augment", "forward", "loss", "backward", "optimizer", "average", "scoring", "journal", "validation",
        "checkpoint", "evaluation", "other",
    } == set(profile["parts"])  # fmt: skip
    assert sum(part["share"] for part in profile["parts"].values()) == pytest.approx(1)
    assert sum(part["seconds"] for part in profile["parts"].values()) == pytest.approx(profile["seconds"])
    output = capsys.readouterr().err
    assert all(f"    {name} " in output for name in profile["parts"])


# Compiled networks


def test_a_compiled_network_takes_full_batches_only_and_learns_the_same(
    camvid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A function that records its inputs stands in for the compiled network, as compiling takes a minute."""
    shapes = []

    class Noting(torch.nn.Module):
        def __init__(self, network: torch.nn.Module, **_: Any) -> None:
            super().__init__()
            self.network = network

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            shapes.append(len(images))
            return self.network(images)

    monkeypatch.setattr(torch, "compile", Noting)
    usual = {"epochs": 1, "batch": 4, "precision": "fp32", "device": "cpu"}
    train(recipe(camvid, train=Train(**usual, compile="on")), tmp_path / "on")
    train(recipe(camvid, train=Train(**usual)), tmp_path / "auto", quiet=True)

    assert shapes == [4]  # of six images
    assert "the network is compiled: asked for" in capsys.readouterr().err
    weights = [(tmp_path / name / "best" / "weights.safetensors").read_bytes() for name in ("on", "auto")]
    assert weights[0] == weights[1]
