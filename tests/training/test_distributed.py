"""Several processes train one network: with the steps of one process, a common end, and one error message."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

from forked import command, hook
from networks import CHANNELS, some_images, tiny_network
from processes import fork_ranks, launched_rank, start, wait_until
from published import journal_of
from same_run import assert_same_run
from streetseg.errors import DataError, StreetsegError
from streetseg.recipe.schema import Augment, Data, Loss, Model, Recipe, Train
from streetseg.runtime.distributed import Ranks
from streetseg.runtime.launch import first_error
from streetseg.training.objective import Objective
from streetseg.training.train import train
from tiny import camvid_segnet, street

CPU = torch.device("cpu")


# The loss and its gradient


LOSSES = {
    "dice": Loss(),
    "weighted, smoothed": Loss(region="none", class_weights="balanced", label_smoothing=0.1),
}
SHARES = {  # of a batch of five: the images of each rank, and those whose labels are wholly ignored
    "unequal": ([0, 1, 2], [3, 4], []),
    "nothing counts on one rank": ([0, 1, 2], [3, 4], [3, 4]),
    "nothing counts at all": ([0, 1, 2], [3, 4], [0, 1, 2, 3, 4]),
}


def loss_and_gradients(settings: Loss, share: list[int], ignored: list[int], ranks: Ranks) -> list[torch.Tensor]:
    """Return loss and gradients of a share of the batch. Batch norm is frozen, as it depends on the share."""
    network = tiny_network().eval()
    parallel = ranks.averaging_gradients(network)
    labels = torch.stack([torch.from_numpy(street(i, (32, 64))[1]) for i in range(5)])
    labels[0, :20] = 255  # so that no two images count alike
    labels[ignored] = 255
    objective = Objective(settings, range(1, 12), 255)
    loss, _ = objective(parallel(some_images(5, 32, 64)[share]), labels[share], ranks)
    loss.backward()
    return [loss.detach(), *(weight.grad for weight in network.parameters() if weight.grad is not None)]


@pytest.mark.parametrize("shares", SHARES)
def test_two_ranks_have_the_loss_and_the_gradient_of_one(shares: str, tmp_path: Path) -> None:
    """They agree within 1e-5 for the loss and for each weight's gradient, as sums are taken in another order."""
    *of_rank, ignored = SHARES[shares]

    def work() -> None:
        with Ranks.from_environment().joined(CPU) as ranks:
            found = [loss_and_gradients(LOSSES[name], of_rank[ranks.rank], ignored, ranks) for name in LOSSES]
            torch.save(found, tmp_path / f"found-{ranks.rank}.pt")

    assert fork_ranks(work, folder=tmp_path) == [0, 0], (tmp_path / "0.err").read_text()

    for number, name in enumerate(LOSSES):
        alone = loss_and_gradients(LOSSES[name], [0, 1, 2, 3, 4], ignored, Ranks())
        for rank in range(2):
            found = torch.load(tmp_path / f"found-{rank}.pt", weights_only=True)[number]
            assert float(found[0]) == pytest.approx(float(alone[0]), rel=1e-5)
            assert len(found) == len(alone) > 50
            for of_two, of_one in zip(found[1:], alone[1:], strict=True):
                assert float((of_two - of_one).norm()) <= 1e-5 * float(of_one.norm()) + 1e-7


# Whole runs


@pytest.fixture(scope="module")
def camvid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return camvid_segnet(tmp_path_factory.mktemp("data") / "camvid", n_train=10, n_val=3, size=(32, 64))


def recipe(camvid: Path, **more: Any) -> Recipe:
    usual = {"epochs": 2, "batch": 6, "precision": "fp32", "device": "cpu"}
    return Recipe(
        data=Data(source=f"camvid:{camvid}"),
        model=Model(encoder="test_efficientnet", decoder="classic", channels=CHANNELS, weights="none"),
        augment=Augment(early_crop=(32, 32), early=0.5, rare_crops=0.5),
        train=Train(**usual | more),
    )


@pytest.fixture(scope="module")
def of_two(camvid: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a run on two ranks, with batch norm over both."""
    folder = tmp_path_factory.mktemp("runs")
    ended = fork_ranks(lambda: train(recipe(camvid, sync_batch_norm=True), folder / "run"), folder=folder)
    assert ended == [0, 0], (folder / "0.err").read_text() + (folder / "1.err").read_text()
    return folder / "run"


def events(run: Path, kind: str) -> list[dict[str, Any]]:
    return [event for event in journal_of(run) if event["event"] == kind]


def test_two_ranks_train_as_one(camvid: Path, of_two: Path, tmp_path: Path) -> None:
    """The first loss agrees within 1e-5, later ones within 1e-3: differences in rounding grow from step to step."""
    train(recipe(camvid), tmp_path / "run", quiet=True)

    alone, shared = events(tmp_path / "run", "step"), events(of_two, "step")
    assert [step["step"] for step in shared] == [step["step"] for step in alone] == [1, 2, 3, 4]
    assert [step["lr"] for step in shared] == [step["lr"] for step in alone]
    assert shared[0]["loss"] == pytest.approx(alone[0]["loss"], rel=1e-5)
    assert shared[0]["gradient_norm"] == pytest.approx(alone[0]["gradient_norm"], rel=1e-4)
    assert [step["loss"] for step in shared] == pytest.approx([step["loss"] for step in alone], rel=1e-3)
    for of_two_ranks, of_one in zip(events(of_two, "epoch"), events(tmp_path / "run", "epoch"), strict=True):
        assert of_two_ranks["ignored_pixels"] == of_one["ignored_pixels"] > 0
        assert of_two_ranks["train_loss"] == pytest.approx(of_one["train_loss"], rel=1e-3)
        assert of_two_ranks["val_loss"] == pytest.approx(of_one["val_loss"], rel=1e-3)
        assert of_two_ranks["val_accuracy"] == pytest.approx(of_one["val_accuracy"], abs=0.01)
    assert {path.name for path in of_two.iterdir()} == {path.name for path in (tmp_path / "run").iterdir()}
    assert not list(of_two.rglob("*.tmp"))


def test_one_process_speaks(of_two: Path) -> None:
    assert "2 processes share each batch" in (of_two.parent / "0.err").read_text()
    assert [(of_two.parent / f"1.{stream}").read_text() for stream in ("out", "err")] == ["", ""]


@pytest.mark.bad_input(28, "a signal to one of several ranks: all save and stop after the same step, 143")
def test_a_signal_to_one_rank_stops_all_at_the_same_step_and_two_go_on_to_the_same_end(
    camvid: Path, of_two: Path, tmp_path: Path
) -> None:
    run, argv = tmp_path / "run", ("train", f"camvid:{camvid}", "--recipe", of_two / "recipe.yaml", "--out")

    def stopped() -> None:
        if os.environ["RANK"] == "1":
            hook("streetseg.training.fit:step", 1, lambda: os.kill(os.getpid(), signal.SIGTERM))
        command(*argv, run)()

    assert fork_ranks(stopped, folder=tmp_path) == [143, 143], (tmp_path / "0.err").read_text()
    assert [step["step"] for step in events(run, "step")] == [1]
    assert (run / "checkpoints" / "epoch-000-step-00001").is_dir()

    again = fork_ranks(command(*argv, run, "--resume"), folder=tmp_path)

    assert again == [0, 0], (tmp_path / "0.err").read_text()
    assert_same_run(run, of_two)


@pytest.mark.bad_input(31, "an error of one rank ends all; that error is printed and decides the exit code")
def test_the_first_error_is_told_not_its_consequence(camvid: Path, of_two: Path, tmp_path: Path) -> None:
    argv = ("train", f"camvid:{camvid}", "--recipe", of_two / "recipe.yaml", "--out", tmp_path / "run")

    def broken() -> None:
        raise DataError("the image is broken", where="here.png")

    def work() -> None:
        if os.environ["RANK"] == "1":
            hook("streetseg.training.fit:step", 2, broken)
        command(*argv)()

    codes = fork_ranks(work, folder=tmp_path)

    assert codes == [1, 2]
    failures = [(rank, ProcessFailure(rank, 0, codes[rank], str(tmp_path / f"{rank}.json"))) for rank in range(2)]
    reported = first_error(failures, 2)
    assert isinstance(reported, StreetsegError)
    assert (reported.problem, reported.where, reported.exit_code) == ("the image is broken", ("here.png",), 2)
    assert "error: process 0 has lost the others" in (tmp_path / "0.err").read_text()
    assert "Traceback" not in (tmp_path / "0.err").read_text() + (tmp_path / "1.err").read_text()
    assert "lost the others" in str(first_error(failures[:1], 2))


# Through the real command

TINY = ("--encoder", "test_efficientnet", "--weights", "none", "data.size=none", "augment.crop=none", "train.batch=6")


@pytest.mark.bad_input(31, "kill -9 of one of two: the other ends at once; the killed one is named last; exit 1")
def test_a_killed_rank_ends_the_job_and_one_process_goes_on(camvid: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    argv = ("train", f"camvid:{camvid}", *TINY, "train.precision=fp32", "--epochs", 3, "--out", run)
    job = start(command(*argv, "--devices", 2), tmp_path, "killed")
    wait_until(lambda: bool(run.exists() and list(run.glob("journal.jsonl")) and events(run, "epoch")))

    os.kill(launched_rank(1, run), signal.SIGKILL)

    assert job.wait() == 1
    *before, error, where, hint = job.err.read_text().splitlines()
    assert error == "error: process 1 of 2 was killed by SIGKILL"
    assert where.startswith("where: process id ")
    assert hint.startswith("hint:  ")
    assert before[-1].startswith("stopped; to go on: streetseg train ")
    assert before[-1].endswith(" --devices 2 --resume")
    assert [line for line in before if line.startswith(("error:", "Traceback", "W", "E", "["))] == []

    job = start(command(*argv, "--resume"), tmp_path, "resumed")

    assert job.wait() == 0, job.err.read_text()
    said = "2 processes began this run: it goes on with the same batches, but not to the last bit"
    assert said in job.err.read_text()
    assert [event["processes"] for event in events(run, "start") + events(run, "resume")] == [2, 1]
    assert [event["epoch"] for event in events(run, "epoch")] == [1, 2, 3]


def test_devices_2_ends_as_one_process_does(camvid: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    argv = ("train", f"camvid:{camvid}", *TINY, "--epochs", "1", "--out", str(run), "--devices", "2", "--json")
    job = start(command(*argv), tmp_path, "job")

    assert job.wait() == 0, job.err.read_text()
    result = json.loads(job.out.read_text())
    assert result["folder"] == str(run)
    assert Path(result["report"]).is_file()
    environment = json.loads((run / "environment.json").read_text())
    assert environment["processes"] == 2
    assert environment["command"] == ["streetseg", *argv]


def test_a_wrong_request_is_one_error_and_writes_nothing(camvid: Path, tmp_path: Path) -> None:
    argv = ("train", f"camvid:{camvid}", *TINY[:-1], "train.batch=3", "--out", tmp_path / "run", "--devices", "2")
    job = start(command(*argv), tmp_path, "job")

    assert job.wait() == 2
    assert job.out.read_text() == ""
    assert job.err.read_text().splitlines() == [
        "error: a batch of 3 is too small to be shared by 2 processes",
        "where: train.batch",
        "hint:  batch norm needs 2 images or more in each: train.batch=4",
    ]
    assert not (tmp_path / "run").exists()
