"""A run that is killed at any moment and resumed ends as an uninterrupted one."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from forked import fork, kill
from networks import CHANNELS
from same_run import assert_same_run
from short_run import events
from streetseg.recipe.schema import Augment, Data, Model, Recipe, Train
from streetseg.training.train import train
from tiny import camvid_segnet

STEPS = 3  # an epoch: 6 images, 2 at a time


@pytest.fixture(scope="module")
def camvid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return camvid_segnet(tmp_path_factory.mktemp("data") / "camvid", n_train=6, n_val=2, size=(32, 64))


def recipe(camvid: Path, **train: Any) -> Recipe:
    usual = {"epochs": 3, "batch": 2, "precision": "fp32", "device": "cpu"}
    return Recipe(
        data=Data(source=f"camvid:{camvid}"),
        model=Model(encoder="test_efficientnet", decoder="classic", channels=CHANNELS, weights="none"),
        augment=Augment(early_crop=(32, 32), early=0.4),
        train=Train(**usual | train),
    )


@pytest.fixture(scope="module")
def uninterrupted(camvid: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "whole"
    train(recipe(camvid), out, quiet=True)
    return out


def half_a_state(path: Path, state: dict[str, Any]) -> None:
    torch.save(state, path)
    os.truncate(path, path.stat().st_size // 2)
    kill()


MOMENTS = {
    "before the first checkpoint": ("streetseg.training.recorder:save_checkpoint", 1),
    "before the first step": ("streetseg.training.fit:step", 1),
    "in the middle of the first epoch": ("streetseg.training.fit:step", 2),
    "in the middle of the second epoch": ("streetseg.training.fit:step", STEPS + 2),
    "validating the first epoch": ("streetseg.inference.predictor:Predictor.logits", 2),
    "validating the last epoch": ("streetseg.inference.predictor:Predictor.logits", 6),
    "writing results.csv": ("streetseg.training.history:atomic_write_text", 2),
    "writing the best bundle": ("streetseg.models.bundle:atomic_write_json", 1),
    "between the best bundle and its checkpoint": ("streetseg.training.recorder:save_checkpoint", 2),
    "before the state of a checkpoint": ("streetseg.runtime.checkpoint:write_state", 3),
    "before the manifest of a checkpoint": ("streetseg.runtime.checkpoint:atomic_write_json", 3),
    "before a checkpoint is read back": ("streetseg.runtime.checkpoint:damage", 3),
    "before an old checkpoint is removed": ("streetseg.runtime.checkpoint:remove_folder", 1),
    "in the calibration": ("streetseg.inference.predictor:Predictor.logits", 7),
    "in the final evaluation": ("streetseg.inference.predictor:Predictor.logits", 9),
    "before the scores": ("streetseg.training.finish:write_evaluation", 1),
    "between counts and scores": ("streetseg.evaluation.files:atomic_write_json", 1),
    "writing the final bundle": ("streetseg.training.finish:save_bundle", 1),
    "before the end": ("streetseg.training.finish:measure_cost", 1),
}


@pytest.mark.bad_input(24, "--resume continues within the epoch; weights, scores and results.csv are equal bit for bit")
@pytest.mark.parametrize("save_steps", [None, 1, 2], ids=lambda steps: f"save_steps={steps}")
@pytest.mark.parametrize("moment", ["in the middle of the first epoch", "in the middle of the second epoch"])
def test_killed_in_the_middle_of_an_epoch(
    moment: str, save_steps: int | None, camvid: Path, uninterrupted: Path, tmp_path: Path
) -> None:
    config, run = recipe(camvid, save_steps=save_steps), tmp_path / "run"
    at, call = MOMENTS[moment]
    assert fork(lambda: train(config, run, quiet=True), at=at, call=call, do=kill) == -9

    train(config, run, resume=True, quiet=True)

    assert_same_run(run, uninterrupted)


def test_a_fast_decoder_a_coarser_start_and_rare_crops_make_no_difference(camvid: Path, tmp_path: Path) -> None:
    config = recipe(camvid, epochs=2, save_steps=1).model_copy(
        update={
            "model": Model(encoder="test_efficientnet", decoder="fast", channels=CHANNELS[:4], weights="none"),
            "augment": Augment(early_crop=(32, 32), early=0.5, early_scale=0.5, rare_crops=0.5),
        }
    )
    train(config, tmp_path / "whole", quiet=True)
    at, call = MOMENTS["in the middle of the first epoch"]
    assert fork(lambda: train(config, tmp_path / "run", quiet=True), at=at, call=call, do=kill) == -9

    train(config, tmp_path / "run", resume=True, quiet=True)

    assert_same_run(tmp_path / "run", tmp_path / "whole")


def test_a_run_of_so_many_steps_ends_in_the_middle_of_an_epoch(camvid: Path, tmp_path: Path) -> None:
    config = recipe(camvid, steps=2 * STEPS + 2, save_steps=1)
    train(config, tmp_path / "whole", quiet=True)
    assert [event["epoch"] for event in events(tmp_path / "whole", "step")] == [1, 1, 1, 2, 2, 2, 3, 3]
    assert [event["epoch"] for event in events(tmp_path / "whole", "epoch")] == [1, 2, 3]
    step = "streetseg.training.fit:step"
    assert fork(lambda: train(config, tmp_path / "run", quiet=True), at=step, call=2 * STEPS + 2, do=kill) == -9

    train(config, tmp_path / "run", resume=True, quiet=True)

    assert_same_run(tmp_path / "run", tmp_path / "whole")


@pytest.mark.bad_input(24, "the same at every moment of a run: checkpoint, validation, best network, final evaluation")
@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_any_moment(moment: str, camvid: Path, uninterrupted: Path, tmp_path: Path) -> None:
    config, run = recipe(camvid), tmp_path / "run"
    at, call = MOMENTS[moment]
    assert fork(lambda: train(config, run, quiet=True), at=at, call=call, do=kill) == -9

    train(config, run, resume=True, quiet=True)

    assert_same_run(run, uninterrupted)
    assert not list(run.rglob("*.tmp"))


@pytest.mark.bad_input(24, "the same if the resumed run is killed again")
def test_killed_again_and_again(camvid: Path, uninterrupted: Path, tmp_path: Path) -> None:
    """Each process gets one step further before it is killed."""
    config, run = recipe(camvid, save_steps=1), tmp_path / "run"
    sessions = 0
    while fork(lambda: train(config, run, resume=True, quiet=True), at="streetseg.training.fit:step", call=2, do=kill):
        sessions += 1
        assert sessions < 20

    assert sessions == 3 * STEPS - 1
    assert_same_run(run, uninterrupted)
