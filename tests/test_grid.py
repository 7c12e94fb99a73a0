"""All runs of a study have one precision; its folds hold out each image once."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import streetseg
from streetseg.errors import RequestError
from streetseg.grid import with_one_precision
from streetseg.metrics.scores import scores
from streetseg.recipe.resolved import recipe_yaml
from streetseg.recipe.schema import Recipe, Train
from streetseg.runtime.precision import Precision
from streetseg.training.resume import begun_runs

AUTO = Recipe(train=Train(device="cpu"))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the precisions that this machine would choose, in turn. Each choice removes one."""
    choices = ["bf16", "fp32", "fp32"]
    monkeypatch.setattr("streetseg.grid.choose_precision", lambda *_: Precision(choices.pop(0), "by luck"))
    return choices


def precisions(recipe: Recipe, folders: list[Path]) -> list[str]:
    runs = with_one_precision(recipe, dict.fromkeys(folders, recipe), begun_runs(folders))
    return [config.train.precision for config in runs.values()]


@pytest.mark.bad_input(60, "a study chooses its precision once for all its runs")
def test_it_is_chosen_once(machine: list[str], tmp_path: Path) -> None:
    assert precisions(AUTO, [tmp_path / "a", tmp_path / "b", tmp_path / "c"]) == ["bf16", "bf16", "bf16"]
    assert len(machine) == 2


def test_what_the_recipe_says_is_not_chosen(machine: list[str], tmp_path: Path) -> None:
    assert precisions(Recipe(train=Train(precision="fp32")), [tmp_path / "a", tmp_path / "b"]) == ["fp32", "fp32"]
    assert len(machine) == 3


def test_a_study_that_goes_on_keeps_the_one_it_had(machine: list[str], tmp_path: Path) -> None:
    """The study continues on a machine that would choose bf16."""
    (tmp_path / "b").mkdir()
    begun = Recipe(train=Train(precision="fp32"))
    (tmp_path / "b" / "recipe.yaml").write_text(recipe_yaml(begun), encoding="utf-8")
    assert precisions(AUTO, [tmp_path / "a", tmp_path / "b"]) == ["fp32", "fp32"]
    assert len(machine) == 3


FOLDS = {
    "data.size": [32, 64],
    "data.limit": 3,
    "train.batch": 2,
    "train.epochs": 1,
    "train.device": "cpu",
    "train.precision": "fp32",
    "model.weights": "none",
    "model.channels": [16, 12, 8, 8],
}


def test_a_study_of_folds_scores_each_image_once(tmp_path: Path) -> None:
    encoders = ["test_resnet", "test_efficientnet"]
    study = streetseg.study("scenes", encoders=encoders, folds=3, out=tmp_path / "study", quiet=True, recipe=FOLDS)
    assert len(study.runs) == 6
    for group in study.comparison.groups:
        held_out = [name for run in group.runs for name in run.counts.names]
        assert len(held_out) == len(set(held_out)) == 6 == len(group.counts.names)
        np.testing.assert_array_equal(group.counts.total, sum(run.counts.total for run in group.runs))
        of_folds = [scores(run.counts.total).mean["iou"] for run in group.runs]
        assert group.fold_mean == pytest.approx(np.mean(of_folds))
        assert group.fold_deviation == pytest.approx(np.std(of_folds, ddof=1))
        assert group.mean_iou == pytest.approx(scores(group.counts.total).mean["iou"])
    assert study.table["folds"].tolist() == [3, 3]
    written = json.loads((tmp_path / "study" / "study.json").read_text("utf-8"))
    assert written["protocol"]["images"] == 6 and written["protocol"]["split"] == "train and val splits in 3 folds"
    assert sorted(run["fold"] for run in written["runs"]) == [[1, 3], [1, 3], [2, 3], [2, 3], [3, 3], [3, 3]]
    report = (tmp_path / "study" / "report.html").read_text("utf-8")
    assert "scored on 6 images of its train and val splits in 3 folds" in report and "0, fold 2 of 3" in report

    alone = streetseg.train(
        "scenes", encoder="test_resnet", out=tmp_path / "alone", quiet=True, recipe=FOLDS | {"data.fold": "2/3"}
    )
    of_study = tmp_path / "study" / "runs" / "test_resnet_seed0_fold2"
    for file in ("results.csv", "evaluation/per_image.csv"):
        without_times = [
            [cell for name, cell in row.items() if name not in ("seconds", "images_per_second")]
            for folder in (alone.folder, of_study)
            for row in csv.DictReader((folder / file).open(encoding="utf-8"))
        ]
        half = len(without_times) // 2
        assert without_times[:half] == without_times[half:]

    resumed = streetseg.study(
        "scenes", encoders=encoders, folds=3, out=tmp_path / "study", quiet=True, recipe=FOLDS, resume=True
    )
    assert resumed.table.equals(study.table)
    with pytest.raises(RequestError, match="runs are missing: fold 3 of 3 of test_resnet"):
        streetseg.compare([of_study, of_study.with_name("test_resnet_seed0_fold1")])


@pytest.mark.parametrize(
    ("folds", "fields", "message"),
    [
        (1, {}, "folds is 1, expected at least 2"),
        (7, {}, "6 images cannot be divided into 7 folds"),
        (3, {"data.fold": "1/3"}, "data.fold is one fold of a study"),
    ],
)
def test_folds_that_cannot_be(folds: int, fields: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=message):
        streetseg.study(
            "scenes", encoders=["test_resnet"], folds=folds, out=tmp_path / "study", quiet=True, recipe=FOLDS | fields
        )
    assert not (tmp_path / "study").exists()
