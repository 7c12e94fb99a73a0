"""`streetseg evaluate`: the files it writes, the text it prints, and the requests it refuses."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from PIL import Image

import tiny
from streetseg.data.source import short_name
from streetseg.evaluation.files import table
from streetseg.labels.space import LabelSpace
from streetseg.labels.tables import STREET_11
from streetseg.metrics.bootstrap import interval
from streetseg.metrics.counts import Counts
from streetseg.metrics.scores import METRICS, OVERALL, scores
from streetseg.models.bundle import save_bundle
from streetseg.models.encoder import Encoder
from streetseg.models.network import SegmentationNetwork

Command = Callable[..., Any]


def bundle(folder: Path, space: LabelSpace = STREET_11, size: tuple[int, int] | None = (48, 64)) -> Path:
    torch.manual_seed(0)
    network = SegmentationNetwork(
        Encoder("test_efficientnet"), space, decoder="classic", channels=(32, 16, 16, 8, 8), size=size
    )
    initial = {"kind": "random", "source": "", "text": "random weights"}
    save_bundle(folder, network, initial_weights=initial, protocol={}, scores={})
    return folder


@pytest.fixture
def data(tmp_path: Path) -> str:
    return f"camvid:{tiny.camvid_segnet(tmp_path / 'camvid', n_val=8)}"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return bundle(tmp_path / "bundle")


def test_intervals_are_computed_once(
    tmp_path: Path, model: Path, data: str, streetseg: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed = Mock(wraps=interval)
    monkeypatch.setattr("streetseg.evaluation.score.interval", computed)

    ended = streetseg("evaluate", model, data, "--out", tmp_path / "evaluation", "--json")

    assert ended.code == 0, ended.err
    assert computed.call_count == 1
    reported, written = json.loads(ended.out), json.loads((tmp_path / "evaluation" / "scores.json").read_text())
    assert {name: reported[name] for name in written} == written


@pytest.mark.parametrize("field", ["data.size=24x32", "augment.flip=0", "optim.lr=1"])
def test_fields_that_mean_nothing_are_refused(model: Path, data: str, streetseg: Command, field: str) -> None:
    ended = streetseg("evaluate", model, data, field)
    assert ended.code == 2
    assert f"error: {field.partition('=')[0]} means nothing to evaluate" in ended.err


def test_the_evaluation_folder_holds_what_others_rely_on(
    tmp_path: Path, model: Path, data: str, streetseg: Command
) -> None:
    out = tmp_path / "evaluation"
    ended = streetseg("evaluate", model, data, "--out", out)
    assert ended.code == 0, ended.err

    arrays = np.load(out / "counts.npz", allow_pickle=False)
    assert arrays["counts"].dtype == arrays["ignored"].dtype == np.int64
    assert arrays["counts"].shape == (8, 11, 11)
    assert arrays["names"].shape == arrays["ignored"].shape == (8,)
    counts = Counts.load(out / "counts.npz")

    result, expected = json.loads((out / "scores.json").read_text()), scores(counts.total)
    nan_to_none = {metric: None if np.isnan(value) else value for metric, value in expected.mean.items()}
    assert result["mean"] == nan_to_none
    assert set(result["mean"]) == set(METRICS)
    assert result["pixel_accuracy"] == expected.pixel_accuracy
    assert result["frequency_weighted_iou"] == expected.frequency_weighted_iou
    assert set(result["interval"]) == set(OVERALL)
    assert tuple(result["interval"]["mean_iou"]) == interval(counts).overall["mean_iou"]
    assert set(result["per_image_mean"]) == {"iou", "dice"}
    assert 0 <= result["ece"] <= 1
    assert list(result["per_class"]) == list(STREET_11.names)
    assert set(METRICS) <= set(result["per_class"]["sky"])
    protocol = result["protocol"]
    assert protocol["dataset"] == short_name(data)  # files that are handed around name no folders of a machine
    assert {key: protocol[key] for key in ("split", "images", "label_space", "resolution", "rules")} == {
        "split": "val",
        "images": 8,
        "label_space": "street-11",
        "resolution": "48x64",
        "rules": "1",
    }
    assert "255" in protocol["ignore"]
    assert "no flip" in protocol["test_time"]

    with (out / "per_class.csv").open(newline="") as file:
        classes = list(csv.DictReader(file))
    assert [row["class"] for row in classes] == list(STREET_11.names)
    assert [float(row["iou"]) for row in classes] == expected.iou.tolist()
    with (out / "per_image.csv").open(newline="") as file:
        images = list(csv.DictReader(file))
    assert tuple(row["image"] for row in images) == counts.names
    assert [int(row["ignored_pixels"]) for row in images] == counts.ignored.tolist()

    errors = sorted((out / "errors").iterdir())
    assert len(errors) == 8
    assert errors[0].name.startswith("01_")
    assert Image.open(errors[0]).size == (2 * 64, 2 * 48)


def test_the_printed_scores_carry_interval_classes_counted_and_protocol(
    model: Path, data: str, streetseg: Command
) -> None:
    said = streetseg("evaluate", model, data).out
    assert "of 11 classes counted" in said
    assert "mean f1 (= Dice)" in said
    assert "95 % interval" in said
    assert "8 images, street-11 (11 classes), scored at 48x64" in said
    assert "frames of one video, too few to draw whole videos; clips of consecutive frames were drawn" in said


def test_json_is_one_object_and_nothing_is_written(model: Path, data: str, streetseg: Command, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    result = json.loads(streetseg("evaluate", model, data, "--json").out)
    assert result["out"] is None
    assert result["protocol"]["images"] == 8
    assert sorted(tmp_path.iterdir()) == before


def test_another_split(model: Path, data: str, streetseg: Command) -> None:
    result = json.loads(streetseg("evaluate", model, data, "--split", "train", "--json").out)
    assert (result["protocol"]["split"], result["protocol"]["images"]) == ("train", 6)


def test_images_of_another_shape_than_in_training_are_not_squeezed(tmp_path: Path, streetseg: Command) -> None:
    data = tiny.camvid_segnet(tmp_path / "wide", size=(48, 192))
    model = bundle(tmp_path / "bundle", size=(48, 48))
    result = json.loads(streetseg("evaluate", model, f"camvid:{data}", "--json").out)
    assert result["protocol"]["network_resolution"] == "24x96"
    assert result["protocol"]["resolution"] == "48x192"


@pytest.mark.bad_input(35, "refused; the hint names the `--space` that maps the data, and it does")
@pytest.mark.parametrize("kind", ["labelIds", "labelTrainIds"])
def test_classes_that_differ_are_refused_and_a_label_mapping_is_offered(
    tmp_path: Path, model: Path, streetseg: Command, kind: str
) -> None:
    data = f"cityscapes:{tiny.cityscapes_folder(tmp_path / 'cityscapes', kind=kind)}"
    refused = streetseg("evaluate", model, data, "--out", tmp_path / "out")
    assert refused.code == 2
    assert "error: the classes of model and data differ" in refused.err
    assert "where: model: street-11, 11 classes (sky, building" in refused.err
    assert "       data: cityscapes-19, 19 classes (road, sidewalk" in refused.err
    assert "hint:  --space street-11 maps the data" in refused.err
    assert not (tmp_path / "out").exists()

    result = json.loads(streetseg("evaluate", model, data, "--space", "street-11", "--json").out)
    assert (result["protocol"]["label_space"], result["protocol"]["images"]) == ("street-11", 3)
    assert list(result["per_class"]) == list(STREET_11.names)


@pytest.mark.bad_input(35, "refused where no label mapping leads to the model's classes, and no `--space` is offered")
@pytest.mark.parametrize(
    "space",
    [
        LabelSpace("somebody's", ("a", "b"), ((0, 0, 0), (1, 1, 1))),
        LabelSpace("street-11", STREET_11.names[::-1], STREET_11.colors),  # the same classes in another order
        LabelSpace("street-11", STREET_11.names[:-1], STREET_11.colors[:-1]),
        LabelSpace("cityscapes-8", ("a", "b"), ((0, 0, 0), (1, 1, 1))),  # borrows the name of a space
    ],
    ids=["other names", "other order", "one fewer", "a borrowed name"],
)
def test_classes_that_no_label_mapping_leads_to(space: LabelSpace, tmp_path: Path, streetseg: Command) -> None:
    model = bundle(tmp_path / "bundle", space)
    for data in (
        f"camvid:{tiny.camvid_segnet(tmp_path / 'camvid')}",
        f"cityscapes:{tiny.cityscapes_folder(tmp_path / 'cityscapes')}",
    ):
        refused = streetseg("evaluate", model, data)
        assert refused.code == 2
        assert "error: the classes of model and data differ" in refused.err
        assert "no label mapping from" in refused.err
        assert ("another order" in refused.err) == (
            sorted(space.names) == sorted(STREET_11.names) and "camvid:" in data
        )
        assert "--space" not in refused.err


@pytest.mark.parametrize("split", ["test", "vla"])
def test_a_split_that_is_not_there(model: Path, data: str, streetseg: Command, split: str) -> None:
    ended = streetseg("evaluate", model, data, "--split", split)
    assert ended.code == 2
    assert split in ended.err


def test_a_folder_with_something_in_it_is_left_alone(
    tmp_path: Path, model: Path, data: str, streetseg: Command
) -> None:
    out = tmp_path / "taken"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    ended = streetseg("evaluate", model, data, "--out", out)
    assert ended.code == 2
    assert [path.name for path in out.iterdir()] == ["mine.txt"]


@pytest.mark.bad_input(40, "cells that begin a formula get an apostrophe; numbers stay numbers")
def test_cells_that_a_spreadsheet_would_run_are_neutralized() -> None:
    rows = [{"image": name, "iou": -0.5} for name in ("=1+1", "+x", "-x", "@x", "\tx", "plain", 'a,"b"')]
    cells = [row["image"] for row in csv.DictReader(table([*rows, {"image": "n", "iou": float("nan")}]).splitlines())]
    assert cells == ["'=1+1", "'+x", "'-x", "'@x", r"\tx", "plain", 'a,"b"', "n"]
    assert table([{"iou": -0.5}, {"iou": float("nan")}]) == 'iou\n-0.5\n""\n'
