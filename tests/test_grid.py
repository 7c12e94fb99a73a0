"""All runs of a study have one precision."""

from pathlib import Path

import pytest

from streetseg.grid import with_one_precision
from streetseg.recipe.resolved import recipe_yaml
from streetseg.recipe.schema import Recipe, Train
from streetseg.runtime.precision import Precision

AUTO = Recipe(train=Train(device="cpu"))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the precisions that this machine would choose, in turn. Each choice removes one."""
    choices = ["bf16", "fp32", "fp32"]
    monkeypatch.setattr("streetseg.grid.choose_precision", lambda *_: Precision(choices.pop(0), "by luck"))
    return choices


def precisions(recipe: Recipe, folders: list[Path]) -> list[str]:
    return [config.train.precision for config in with_one_precision(recipe, dict.fromkeys(folders, recipe)).values()]


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
