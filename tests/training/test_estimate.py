"""The number of epochs that fit into a time, for speeds that are given; and one real measurement."""

import logging
from pathlib import Path

import pytest

import streetseg
from streetseg.errors import RequestError
from streetseg.recipe.resolved import read_resolved
from streetseg.recipe.schema import Augment, Recipe, Train
from streetseg.runtime.compilation import Compilation
from streetseg.runtime.step_graph import EAGER_STEPS
from streetseg.training import estimate
from streetseg.training.estimate import Pace, epochs_within
from tiny import RUN, camvid_segnet

TINY = RUN | {"augment.early_crop": "none"}
WHOLE, EARLY = (128, 256), (64, 128)


def pace(of_step: dict[tuple[int, int], float], **augment: object) -> Pace:
    """A run of 10 steps an epoch and 5 validation images, which take 1 s together."""
    return Pace(Recipe(augment=Augment(**augment)), WHOLE, 10, 5, of_step, 0.2)


def test_seconds_of_epochs_and_of_steps() -> None:
    whole = pace({WHOLE: 0.5})
    assert whole.seconds(Train(epochs=4)) == 4 * 10 * 0.5 + (4 + 3) * 1.0
    assert whole.seconds(Train(steps=15)) == 15 * 0.5 + (2 + 3) * 1.0
    assert whole.seconds(Train(epochs=4, validate_every=3)) == 4 * 10 * 0.5 + (2 + 3) * 1.0


def test_early_epochs_cost_as_much_as_their_crop() -> None:
    early = pace({WHOLE: 0.5, EARLY: 0.1}, early_crop=EARLY, early=0.75)
    assert early.seconds(Train(epochs=4)) == pytest.approx(3 * 10 * 0.1 + 10 * 0.5 + (4 + 3) * 1.0)


@pytest.mark.parametrize(("seconds", "epochs"), [(1, 1), (27.9, 4), (32.9, 4), (33, 5), (45, 7)])
def test_epochs_within_a_time(seconds: float, epochs: int) -> None:
    # one run takes 6 s an epoch and 3 s at the end: 9, 15, 21, 27, 33, 39, 45
    assert epochs_within(seconds, [pace({WHOLE: 0.5})]) == epochs


def test_all_runs_get_the_same_number_of_epochs() -> None:
    slow, fast = pace({WHOLE: 2.0}), pace({WHOLE: 0.5})
    assert epochs_within(4 * (21 + 6) + 6, [slow, fast]) == 4
    assert epochs_within(4 * (21 + 6) + 5.9, [slow, fast]) == 3


@pytest.fixture
def constant_pace(monkeypatch: pytest.MonkeyPatch) -> list[Recipe]:
    """A machine on which an epoch takes 6 s, whatever the network; the recipes that it measured."""
    measured: list[Recipe] = []

    def pace_of(recipe: Recipe, out: Path, own: object) -> Pace:
        measured.append(recipe)
        return pace({WHOLE: 0.5})

    monkeypatch.setattr(estimate, "pace_of", pace_of)
    return measured


def test_train_in_a_time_is_a_run_of_so_many_epochs(tmp_path: Path, constant_pace: list[Recipe], caplog) -> None:
    caplog.set_level(logging.INFO, "streetseg")
    data = f"camvid:{camvid_segnet(tmp_path / 'data', 2, 1, size=(64, 96))}"
    run = streetseg.train(
        data, encoder="test_resnet", weights="none", minutes=0.25, out=tmp_path / "run", quiet=True, recipe=TINY
    )
    assert read_resolved(tmp_path / "run" / "recipe.yaml").train.epochs == 2 == len(run.history)
    assert "1 run of 2 epochs, as many as fit into 0.25 min: about 15 s in all, an estimate" in caplog.text
    again = streetseg.train(
        data, encoder="test_resnet", weights="none", minutes=9, out=tmp_path / "run", quiet=True, recipe=TINY,
        resume=True,
    )  # fmt: skip
    assert len(again.history) == 2 and len(constant_pace) == 1, "a run that was begun keeps its epochs"


def test_a_time_that_is_too_short_for_one_epoch_is_said(tmp_path: Path, constant_pace: list[Recipe], caplog) -> None:
    caplog.set_level(logging.INFO, "streetseg")
    recipe = Recipe()
    runs, times = estimate.timed({tmp_path: recipe}, {}, 0.1, estimate.Own(), alone=True)
    assert runs[tmp_path].train.epochs == 1 and times == {tmp_path: 9.0}
    assert "1 run of 1 epoch, the least, which takes longer than 0.1 min: about 9 s in all" in caplog.text


def test_a_study_in_a_time_measures_each_network_once(tmp_path: Path, constant_pace: list[Recipe]) -> None:
    data = f"camvid:{camvid_segnet(tmp_path / 'data', 2, 1, size=(64, 96))}"
    study = streetseg.study(
        data, encoders=["test_resnet", "test_efficientnet"], seeds=2, weights="none", minutes=1, out=tmp_path / "study",
        quiet=True, recipe=TINY,
    )  # fmt: skip
    assert [recipe.model.encoder for recipe in constant_pace] == ["test_resnet", "test_efficientnet"]
    assert {len(run.history) for run in study.runs} == {2}


def test_the_speed_is_measured_on_real_steps(tmp_path: Path) -> None:
    data = f"camvid:{camvid_segnet(tmp_path / 'data', 3, 2, size=(64, 96))}"
    fields = TINY | {"data.source": data, "model.encoder": "test_resnet", "model.weights": "none"}
    early = fields | {"augment.early_crop": "32x64", "augment.early": "0.9", "train.epochs": "1"}
    recipe = streetseg.request.request(data, early, {}, {})
    found = estimate.pace_of(recipe, tmp_path / "run", estimate.Own())
    assert set(found.of_step) == {(64, 96), (32, 64)} and min(found.of_step.values()) > 0 < found.of_image
    assert (found.of_epoch, found.val_images) == (1, 2)
    assert not (tmp_path / "run").exists()


def test_replayed_steps_are_measured_after_their_graph_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requested, taken = [], []

    def chosen(choice: str, device: object, steps: int, obstacle: str | None) -> Compilation:
        requested.append((choice, steps, obstacle))
        return Compilation("graph", "a test")

    monkeypatch.setattr(estimate, "choose_compilation", chosen)
    monkeypatch.setattr("streetseg.training.train_state.Recorder", lambda device: None)
    monkeypatch.setattr(
        estimate, "step", lambda state, batch: taken.append((state.compilation.how, len(batch.indices)))
    )
    data = f"camvid:{camvid_segnet(tmp_path / 'data', 7, 2, size=(64, 96))}"
    fields = TINY | {"data.source": data, "model.encoder": "test_resnet", "model.weights": "none", "train.batch": 4}
    recipe = streetseg.request.request(data, fields, {}, {})

    found = estimate.pace_of(recipe, tmp_path / "run", estimate.Own())

    assert requested == [("auto", 0, None)], "a network that is measured is never compiled"
    assert taken == [("graph", 4)] * (EAGER_STEPS + estimate.STEPS), "whole batches alone"
    assert set(found.of_step) == {found.crop}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"minutes": 1, "epochs": 2}, "the length of a run is given twice"),
        ({"minutes": 0}, "above 0"),
        ({"minutes": 1, "train": {"steps": 5}}, "train.steps is the length of the run already"),
    ],
)
def test_a_length_that_is_none(arguments: dict, message: str, tmp_path: Path) -> None:
    data = f"camvid:{camvid_segnet(tmp_path / 'data', 2, 1)}"
    with pytest.raises(RequestError, match=message):
        streetseg.train(data, encoder="test_resnet", weights="none", out=tmp_path / "run", **arguments)
    assert not (tmp_path / "run").exists()
