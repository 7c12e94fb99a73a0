"""The main job on tiny data in the true layouts: train two epochs, predict with the result."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny
from streetseg.recipe.load import load_recipe
from streetseg.recipe.schema import Optim
from streetseg.training.optim import lr_factor

TINY = (
    *("--weights", "none", "--epochs", "2"),
    *("data.size=none", "augment.crop=none", "train.batch=3", "train.precision=fp32"),
)

LAYOUTS = {
    "camvid": tiny.camvid_segnet,
    "camvid-original": tiny.camvid_original,
    "cityscapes": tiny.cityscapes_folder,
    "cityscapes-zip": tiny.cityscapes_zips,
    "folder": tiny.folder_yaml,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_two_epochs_and_a_prediction(layout: str, tmp_path: Path, streetseg) -> None:
    place = LAYOUTS[layout](tmp_path / "my data")
    run = tmp_path / "run"

    trained = streetseg(
        "train", f"{layout.partition('-')[0]}:{place}", "--encoder", "test_efficientnet", *TINY, "--out", run, "--json"
    )

    assert trained.code == 0, trained.err
    assert json.loads(trained.out)["folder"] == str(run)
    rows = list(csv.DictReader((run / "results.csv").open()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert json.loads((run / "best" / "model.json").read_text())["initial_weights"]["kind"] == "random"
    assert load_recipe(run / "recipe.yaml").train.epochs == 2

    image = tmp_path / "street corner.png"
    tiny.save(image, tiny.street(99, (37, 61))[0])
    predicted = streetseg("predict", run, image, "--out", tmp_path / "out", "--overlay")

    assert predicted.code == 0, predicted.err
    ids = np.array(Image.open(tmp_path / "out" / "street corner_ids.png"))
    classes = json.loads((run / "best" / "model.json").read_text())["classes"]
    assert (ids.dtype, ids.shape) == (np.uint8, (37, 61))
    assert ids.max() < len(classes)
    assert Image.open(tmp_path / "out" / "street corner_color.png").size == (61, 37)
    assert Image.open(tmp_path / "out" / "street corner_overlay.png").size == (61, 37)


def test_steps_in_place_of_epochs(tmp_path: Path, streetseg) -> None:
    """The learning rate falls over the steps, and model card and report name their number."""
    camvid, run = tiny.camvid_segnet(tmp_path / "camvid"), tmp_path / "run"
    settings = ("--weights", "none", "data.size=none", "augment.crop=none", "train.batch=3", "train.precision=fp32")

    done = streetseg("train", camvid, "--encoder", "test_efficientnet", *settings, "train.steps=3", "--out", run)

    assert done.code == 0, done.err
    rows = list(csv.DictReader((run / "results.csv").open()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[1]["lr"]) == pytest.approx(lr_factor(2, 3, Optim()) * Optim().lr)
    assert "3 steps" in (run / "model_card.md").read_text()
    assert "3 steps, 3 images a step" in (run / "report.html").read_text()


def test_a_bare_folder_s_layout_is_recognized(tmp_path: Path, streetseg) -> None:
    camvid = tiny.camvid_segnet(tmp_path / "a")
    cityscapes = tiny.cityscapes_folder(tmp_path / "b")

    assert json.loads(streetseg("check", camvid, "--json").out)["spec"] == f"camvid:{camvid}"
    assert json.loads(streetseg("check", cityscapes, "--json").out)["spec"] == f"cityscapes:{cityscapes}"


def test_a_run_is_taken_up_again(tmp_path: Path, streetseg) -> None:
    """`--resume` on a finished run changes nothing and prints the same result."""
    camvid = tiny.camvid_segnet(tmp_path / "camvid")
    command = ("train", camvid, "--encoder", "test_resnet", *TINY, "--out", tmp_path / "run", "--json")

    first = streetseg(*command)
    again = streetseg(*command, "--resume")

    assert (first.code, again.code) == (0, 0), again.err
    assert again.out == first.out


def test_quiet_leaves_only_the_result(tmp_path: Path, streetseg) -> None:
    camvid = tiny.camvid_segnet(tmp_path / "camvid")

    done = streetseg("train", camvid, "--encoder", "test_resnet", *TINY, "--out", tmp_path / "run", "--quiet")

    assert done.err == ""
    assert done.out.splitlines()[-1] == f"run folder: {tmp_path / 'run'}"
