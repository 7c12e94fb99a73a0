"""--devices N, and commands under torchrun: which processes are started, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from streetseg.grid import with_precision, with_run, words_of_run
from streetseg.recipe.load import load_recipe
from streetseg.recipe.resolved import recipe_yaml


@pytest.fixture
def one_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this process the environment that torchrun sets for one of two processes."""
    for name, value in {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0"}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("one_of_two")
@pytest.mark.parametrize("command", ["study", "predict", "check", "scenes"])
def test_other_commands_are_not_shared(command: str, streetseg: Any) -> None:
    ended = streetseg(command, "scenes")

    assert ended.code == 2
    assert ended.err.splitlines()[:2] == [f"error: streetseg {command} runs in one process", "where: WORLD_SIZE=2"]


@pytest.mark.usefixtures("one_of_two")
def test_another_number_than_torchrun_s_is_refused(tmp_path: Path, streetseg: Any) -> None:
    ended = streetseg("train", "scenes", "--devices", 3, "--out", tmp_path / "run")

    assert ended.code == 2
    assert ended.err.splitlines()[0] == "error: there are 2 processes on this machine already"
    assert not (tmp_path / "run").exists()


def test_less_than_one_process_is_refused(streetseg: Any) -> None:
    assert streetseg("train", "scenes", "--devices", 0).code == 2


def test_a_run_of_a_study_is_told_its_whole_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipe of the run wins over variables of the environment that name the same fields."""
    monkeypatch.setenv("STREETSEG_OPTIM__LR", "0.5")
    monkeypatch.setenv("STREETSEG_TRAIN__SEED", "7")
    monkeypatch.setenv("STREETSEG_TRAIN__PRECISION", "bf16")
    study = load_recipe(None, ["loss.ohem=0.5", "augment.crop=64x96"], flags={"data.source": "scenes"})
    run = with_precision(with_run(study, "resnet50", "none", seed=9, fold=None), "fp32")
    file = tmp_path / "recipe.yaml"
    file.write_text(recipe_yaml(run), encoding="utf-8")

    command, data, precision, *words = words_of_run(run, file)
    said = dict(zip(words[::2], words[1::2], strict=True))

    assert (command, set(said)) == ("train", {"--recipe", "--encoder", "--weights", "--seed"})
    flags = {"data.source": data, "model.encoder": said["--encoder"], "model.weights": said["--weights"]}
    assert load_recipe(said["--recipe"], [precision], flags=flags | {"train.seed": said["--seed"]}) == run
