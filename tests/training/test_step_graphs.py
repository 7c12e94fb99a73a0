"""Training by CUDA graphs: the same network as by eager steps, also after a resume and after a graph that failed."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from gpus import CUDA, needs_cuda
from networks import CHANNELS
from rerun import Refusing, Rerun
from same_run import assert_same_run
from streetseg.models.network import SegmentationNetwork
from streetseg.models.own import OwnDecoder
from streetseg.recipe.schema import Augment, Data, Loss, Model, Recipe, Train
from streetseg.runtime.checkpoint import load_checkpoint
from streetseg.runtime.compilation import Compilation
from streetseg.runtime.distributed import ALONE, Ranks
from streetseg.training import train_state as module
from streetseg.training.objective import Objective, OwnObjective
from streetseg.training.train import train
from streetseg.training.train_state import TrainState, obstacle
from tiny import camvid_segnet

EPOCHS = 10  # five of each size of crop, with one whole batch and a smaller last one each


@pytest.fixture(scope="module")
def camvid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return camvid_segnet(tmp_path_factory.mktemp("data") / "camvid", n_train=6, n_val=2, size=(32, 64))


def recipe(data: Path, device: str, **train_fields: Any) -> Recipe:
    return Recipe(
        data=Data(source=f"camvid:{data}"),
        model=Model(encoder="test_efficientnet", decoder="classic", channels=CHANNELS, weights="none"),
        augment=Augment(early_crop=(32, 32), early=0.5),
        train=Train(
            **{"epochs": EPOCHS, "batch": 4, "precision": "fp32", "device": device, "compile": "off"} | train_fields
        ),
    )


class Standing:
    """Puts stand-ins in place of CUDA graphs; on a GPU it only keeps the decision for graphs.

    Args:
        device: "cpu" or "cuda".
        kind: of the stand-in.
        monkeypatch: undoes it.
    """

    def __init__(self, device: str, kind: type[Rerun], monkeypatch: pytest.MonkeyPatch) -> None:
        self.recorders: list[Rerun] = []
        states: list[TrainState] = []
        make = module.make_train_state

        def graphs(*_: object) -> Compilation:
            return Compilation("graph", "a test")

        def recorder(_: torch.device) -> Rerun:
            self.recorders.append(kind(lambda: states[-1].network))
            return self.recorders[-1]

        def kept(*arguments: Any) -> TrainState:
            states.append(make(*arguments))
            return states[-1]

        monkeypatch.setattr(module, "choose_compilation", graphs)
        if device == "cpu":
            monkeypatch.setattr(module, "Recorder", recorder)
            monkeypatch.setattr("streetseg.training.prepare.make_train_state", kept)


def weights_of(run: Path) -> torch.Tensor:
    """Return all weights and statistics after the last epoch, in one row."""
    network = load_checkpoint(run / "checkpoints" / f"epoch-{EPOCHS:03d}")["network"]
    return torch.cat([tensor.flatten() for tensor in network.values() if tensor.is_floating_point()]).double()


def assert_same_weights(one: Path, other: Path, device: str) -> None:
    """Compare the networks: on a CPU bit for bit; on a GPU some sums are in another order each time."""
    a, b = weights_of(one), weights_of(other)
    assert float((a - b).norm() / b.norm()) <= (0 if device == "cpu" else 0.01)


@pytest.mark.parametrize("device", ["cpu", CUDA])
@pytest.mark.parametrize("profile", [False, True])
def test_graphs_train_the_same_network(
    device: str,
    profile: bool,
    camvid: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    train(recipe(camvid, device), tmp_path / "eager", quiet=True)
    standing = Standing(device, Rerun, monkeypatch)
    train(recipe(camvid, device), tmp_path / "graph", profile=profile)

    assert_same_weights(tmp_path / "graph", tmp_path / "eager", device)
    said = capsys.readouterr().err
    assert "steps are replayed as CUDA graphs: a test" in said
    assert "cannot be recorded" not in said
    assert ("    graph " in said) == profile
    if device == "cpu":
        [recorder] = standing.recorders
        assert [shape[2:] for shape in recorder.replays] == [(32, 32)] * 2 + [(32, 64)] * 2


@pytest.mark.parametrize("device", ["cpu", CUDA])
def test_a_resumed_run_counts_its_eager_steps_again_and_ends_the_same(
    device: str, camvid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Standing(device, Rerun, monkeypatch)
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    train(recipe(camvid, device, keep_last=2), whole, quiet=True)
    shutil.copytree(whole, resumed)
    shutil.rmtree(resumed / "checkpoints" / f"epoch-{EPOCHS:03d}")

    train(recipe(camvid, device, keep_last=2), resumed, resume=True, quiet=True)

    if device == "cpu":
        assert_same_run(resumed, whole)
    else:
        assert_same_weights(resumed, whole, device)


def test_a_graph_that_cannot_be_recorded_is_said_once_and_changes_nothing(
    camvid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    train(recipe(camvid, "cpu"), tmp_path / "eager", quiet=True)
    Standing("cpu", Refusing, monkeypatch)
    train(recipe(camvid, "cpu"), tmp_path / "graph", quiet=True)

    assert_same_weights(tmp_path / "graph", tmp_path / "eager", "cpu")
    assert caplog.text.count("training steps cannot be recorded as CUDA graphs and go on without") == 1


@needs_cuda
def test_a_loss_that_waits_for_the_gpu_trains_without_graphs(
    camvid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    forward = Objective.forward

    def waiting(self: Objective, *arguments: Any) -> Any:
        loss, terms = forward(self, *arguments)
        float(loss)
        return loss, terms

    monkeypatch.setattr(Objective, "forward", waiting)
    Standing("cuda", Rerun, monkeypatch)
    train(recipe(camvid, "cuda"), tmp_path / "run", quiet=True)

    assert caplog.text.count("training steps cannot be recorded as CUDA graphs and go on without") == 1


# What can be recorded


def network() -> SegmentationNetwork:
    part = nn.Conv2d(1, 1, 1)
    made = SegmentationNetwork.__new__(SegmentationNetwork)
    nn.Module.__init__(made)
    made.encoder = made.decoder = part
    return made


def objective(**settings: Any) -> Objective:
    return Objective(Loss(**settings), [1, 1], 255)


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (objective(), None),
        (objective(region="tversky", class_weights="balanced", border_weight=2.0), None),
        (objective(region="none", focal=2.0), None),
        (objective(label_smoothing=0.1), None),
        (objective(ohem=0.5), "loss.ohem"),
        (objective(region="lovasz"), "loss.region=lovasz"),
        (OwnObjective(lambda logits, labels: logits.sum()), "caller's own"),
    ],
)
def test_a_loss_says_what_forbids_graphs(loss: Objective | OwnObjective, said: str | None) -> None:
    found = obstacle(network(), loss, ALONE)
    assert found is None if said is None else said in (found or "")


@needs_cuda
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"region": "tversky", "class_weights": "balanced", "border_weight": 2.0},
        {"focal": 2.0},
        {"label_smoothing": 0.1},
    ],
)
def test_losses_without_obstacle_wait_for_nothing(settings: dict[str, Any]) -> None:
    loss = objective(**settings).to("cuda")
    logits = torch.zeros(2, 2, 8, 8, device="cuda", requires_grad=True)
    labels = torch.zeros(2, 16, 16, dtype=torch.uint8, device="cuda")
    torch.cuda.set_sync_debug_mode("error")
    try:
        loss(logits, labels)[0].backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_modules_of_the_callers_own_and_several_processes_forbid_graphs() -> None:
    own = network()
    own.decoder = OwnDecoder.__new__(OwnDecoder)
    assert obstacle(own, objective(), ALONE) == "the network has a module of the caller's own"
    assert "2 processes" in str(obstacle(network(), objective(), Ranks(rank=0, world=2)))
