"""Objects of the caller's own that cannot work are refused before anything is written, and files of a person stay."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import streetseg
from streetseg.errors import DataError, RequestError
from streetseg.request import request
from tiny import camvid_segnet

TINY = {"train.batch": 2, "train.device": "cpu", "train.precision": "fp32"}


class Streets:
    """Two pairs in each split; a test spoils one thing."""

    def __init__(self, **spoiled: Any) -> None:
        pair = np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), np.uint8)
        self.classes: Any = ["road", "tree"]
        self.splits: Any = {"train": [pair, pair], "val": [pair, pair]}
        vars(self).update(spoiled)


def refused(out: Path, **arguments: Any) -> RequestError | DataError:
    """Return the error of a call of `train`; nothing may be written."""
    data = arguments.pop("data", Streets())
    with pytest.raises((RequestError, DataError)) as caught:
        streetseg.train(
            data, encoder="test_efficientnet", weights="none", epochs=1, out=out, quiet=True, recipe=TINY, **arguments
        )
    assert not out.exists()
    return caught.value


@pytest.mark.parametrize(
    ("loss", "problem"),
    [
        (lambda logits, labels: logits, "returns shape (2, 2, 4, 4)"),
        (lambda logits, labels: 3.0, "returns a float"),
        (lambda logits, labels: torch.zeros(()), "no gradient"),
        (lambda logits: logits.sum(), "the loss fails (TypeError"),
        (torch.nn.CrossEntropyLoss, "the loss fails"),
    ],
)
def test_a_loss_is_tried_before_anything_is_written(loss: Any, problem: str, tmp_path: Path) -> None:
    error = refused(tmp_path / "run", loss=loss)
    assert problem in error.problem
    assert error.where == ("loss=",)


@pytest.mark.parametrize("callback", [5, None, print, Exception])
def test_what_is_no_callback_is_refused(callback: object, tmp_path: Path) -> None:
    assert "is no callback" in refused(tmp_path / "run", callbacks=[callback]).problem


@pytest.mark.parametrize(
    ("spoiled", "problem"),
    [
        ({"classes": "road"}, "classes is 'road'"),
        ({"classes": [1, 2]}, "classes is [1, 2]"),
        ({"classes": None}, "classes is None"),
        ({"splits": None}, "splits is a NoneType"),
        ({"splits": {"train": (pair for pair in ()), "val": []}}, "split train is a generator"),
        ({"splits": {"train": [None, None], "val": [None]}}, "there is no pair of image and labels"),
    ],
)
def test_data_of_the_wrong_types_are_named(spoiled: dict, problem: str, tmp_path: Path) -> None:
    error = refused(tmp_path / "run", data=Streets(**spoiled))
    assert problem in str(error)


@pytest.mark.parametrize("field", ["data.limit", "data.space", "data.range"])
def test_fields_that_a_data_object_would_ignore_are_refused(field: str, tmp_path: Path) -> None:
    value = {"data.limit": 1, "data.space": "street-11", "data.range": "auto"}[field]
    with pytest.raises(RequestError, match="has no effect on a data object"):
        streetseg.train(Streets(), out=tmp_path / "run", recipe={field: value})


def test_a_section_of_the_recipe_may_be_a_dict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREETSEG_CACHE", str(tmp_path / "cache"))
    data = f"camvid:{camvid_segnet(tmp_path / 'camvid', 2, 2, size=(64, 64))}"
    assert streetseg.check(data, recipe={"data": {"val_split": "val"}}).ok
    with pytest.raises(RequestError, match="expected a text"):
        streetseg.check(data, recipe={5: 3})


@pytest.mark.parametrize("recipe", [{"augment.early_crop": None}, {"augment": {"early_crop": None}}])
def test_none_empties_a_field_as_on_the_command_line(recipe: dict, tmp_path: Path) -> None:
    data = f"camvid:{camvid_segnet(tmp_path / 'camvid', 2, 2, size=(64, 64))}"
    assert request(data, None, {}, {}).augment.early_crop == (256, 352)  # of the shipped recipe for CamVid
    assert request(data, recipe, {}, {}).augment.early_crop is None


def test_a_report_of_somebody_else_is_not_replaced(tmp_path: Path, write_run) -> None:
    finished_runs = [write_run("a"), write_run("b", encoder="resnext50_32x4d", seed=1)]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "report.html").write_text("MINE")
    with pytest.raises(RequestError, match="is not replaced"):
        streetseg.compare(finished_runs, tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["report.html"]
    assert (tmp_path / "mine" / "report.html").read_text() == "MINE"
    for _ in range(2):  # one of its own is
        streetseg.compare(finished_runs, tmp_path / "ours")
